// SPDX-License-Identifier: Apache-2.0
// Decompression of whole buffers by the system's libraries, one function per format, all of the same shape.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// What became of a decompression.
enum sv_decode_result {
    sv_decode_ok = 0,
    sv_decode_corrupt = 1,
    sv_decode_truncated = 2,
    sv_decode_output_full = 3,
    sv_decode_no_memory = 4,
};

/// Each decompresses `source` to `target`, which holds `capacity` bytes, and writes the number of bytes made to
/// `produced`. Bytes of `source` behind the end of the stream are ignored.
int sv_decode_xz(const void *source, size_t length, void *target, size_t capacity, size_t *produced);
int sv_decode_lzma(const void *source, size_t length, void *target, size_t capacity, size_t *produced);
int sv_decode_gzip(const void *source, size_t length, void *target, size_t capacity, size_t *produced);
int sv_decode_zstd(const void *source, size_t length, void *target, size_t capacity, size_t *produced);
/// The legacy frame format (magic 0x184C2102) that Linux uses.
int sv_decode_lz4_legacy(const void *source, size_t length, void *target, size_t capacity, size_t *produced);
