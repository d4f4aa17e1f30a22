// SPDX-License-Identifier: Apache-2.0
#include "include/compression.h"

#include <limits.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/// A kernel built for 64-bit machines uses dictionaries of at most 128 MiB; this is room for one.
static const uint64_t memory_limit = UINT64_C(256) << 20;

static int run_lzma(lzma_stream *stream, const void *source, size_t length, void *target, size_t capacity,
                    size_t *produced) {
    stream->next_in = source;
    stream->avail_in = length;
    stream->next_out = target;
    stream->avail_out = capacity;
    lzma_ret result = lzma_code(stream, LZMA_FINISH);
    *produced = capacity - stream->avail_out;
    int full = stream->avail_out == 0;
    lzma_end(stream);
    switch (result) {
    case LZMA_STREAM_END:
        return sv_decode_ok;
    case LZMA_OK:
    case LZMA_BUF_ERROR:
        return full ? sv_decode_output_full : sv_decode_truncated;
    case LZMA_MEM_ERROR:
    case LZMA_MEMLIMIT_ERROR:
        return sv_decode_no_memory;
    default:
        return sv_decode_corrupt;
    }
}

int sv_decode_xz(const void *source, size_t length, void *target, size_t capacity, size_t *produced) {
    lzma_stream stream = LZMA_STREAM_INIT;
    *produced = 0;
    if (lzma_stream_decoder(&stream, memory_limit, 0) != LZMA_OK) return sv_decode_no_memory;
    return run_lzma(&stream, source, length, target, capacity, produced);
}

int sv_decode_lzma(const void *source, size_t length, void *target, size_t capacity, size_t *produced) {
    lzma_stream stream = LZMA_STREAM_INIT;
    *produced = 0;
    if (lzma_alone_decoder(&stream, memory_limit) != LZMA_OK) return sv_decode_no_memory;
    return run_lzma(&stream, source, length, target, capacity, produced);
}

int sv_decode_gzip(const void *source, size_t length, void *target, size_t capacity, size_t *produced) {
    z_stream stream;
    memset(&stream, 0, sizeof(stream));
    *produced = 0;
    if (inflateInit2(&stream, 15 + 16) != Z_OK) return sv_decode_no_memory;
    const Bytef *from = source;
    Bytef *to = target;
    int result = Z_OK;
    while (result == Z_OK) {
        size_t input = length - (size_t)(from - (const Bytef *)source);
        size_t room = capacity - (size_t)(to - (Bytef *)target);
        stream.next_in = (Bytef *)from;
        stream.avail_in = input > UINT_MAX ? UINT_MAX : (uInt)input;
        stream.next_out = to;
        stream.avail_out = room > UINT_MAX ? UINT_MAX : (uInt)room;
        result = inflate(&stream, Z_NO_FLUSH);
        from = stream.next_in;
        to = stream.next_out;
    }
    *produced = (size_t)(to - (Bytef *)target);
    int full = *produced == capacity;
    inflateEnd(&stream);
    switch (result) {
    case Z_STREAM_END:
        return sv_decode_ok;
    case Z_BUF_ERROR:
        return full ? sv_decode_output_full : sv_decode_truncated;
    case Z_MEM_ERROR:
        return sv_decode_no_memory;
    default:
        return sv_decode_corrupt;
    }
}

int sv_decode_zstd(const void *source, size_t length, void *target, size_t capacity, size_t *produced) {
    *produced = 0;
    // The frame may be followed by other bytes, so the one-shot call on the whole input will not do.
    ZSTD_DStream *stream = ZSTD_createDStream();
    if (!stream) return sv_decode_no_memory;
    ZSTD_inBuffer in = {source, length, 0};
    ZSTD_outBuffer out = {target, capacity, 0};
    int verdict = sv_decode_truncated;
    for (;;) {
        size_t in_before = in.pos, out_before = out.pos;
        size_t result = ZSTD_decompressStream(stream, &out, &in);
        if (ZSTD_isError(result)) {
            verdict = sv_decode_corrupt;
            break;
        }
        if (result == 0) {
            verdict = sv_decode_ok;
            break;
        }
        if (in.pos == in_before && out.pos == out_before) {
            verdict = out.pos == out.size ? sv_decode_output_full : sv_decode_truncated;
            break;
        }
    }
    *produced = out.pos;
    ZSTD_freeDStream(stream);
    return verdict;
}

static uint32_t load_32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

int sv_decode_lz4_legacy(const void *source, size_t length, void *target, size_t capacity, size_t *produced) {
    enum { magic = 0x184C2102, block_limit = 8 << 20 };
    const uint8_t *from = source;
    uint8_t *to = target;
    size_t made = 0, at = 4;
    *produced = 0;
    if (length < 4) return sv_decode_truncated;
    if (load_32(from) != magic) return sv_decode_corrupt;
    // Blocks of up to 8 MiB, each behind its compressed size; the stream ends with the input, or where a size cannot
    // be one. The caller knows how many bytes to expect.
    while (length - at >= 4 && made < capacity) {
        uint32_t size = load_32(from + at);
        at += 4;
        if (size == magic) continue;
        if (size == 0) break;
        if (size > (uint32_t)LZ4_COMPRESSBOUND(block_limit)) return sv_decode_corrupt;
        if (size > length - at) return sv_decode_truncated;
        size_t room = capacity - made;
        if (room > block_limit) room = block_limit;
        int count = LZ4_decompress_safe((const char *)from + at, (char *)to + made, (int)size, (int)room);
        if (count < 0) return room < block_limit ? sv_decode_output_full : sv_decode_corrupt;
        made += (size_t)count;
        at += size;
        *produced = made;
    }
    return sv_decode_ok;
}
