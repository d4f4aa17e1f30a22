// SPDX-License-Identifier: Apache-2.0
import CCompression

/// Decompresses whole payloads through the system's libraries.
enum Decompressor {
    /// What was wrong with a payload.
    enum Failure: Error, Hashable {
        case unsupported
        /// "is cut off", "is corrupt", …
        case bad(String)
    }

    /// Decompresses `source` to `target`, which it must fill exactly.
    static func decompress(
        _ method: Compression, _ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer
    ) throws(Failure) {
        var produced = 0
        let verdict: Int32
        // SAFETY: every function reads and writes inside the two ranges only.
        switch method {
        case .xz:
            verdict = unsafe sv_decode_xz(
                source.baseAddress, source.count, target.baseAddress, target.count, &produced)
        case .lzma:
            verdict = unsafe sv_decode_lzma(
                source.baseAddress, source.count, target.baseAddress, target.count, &produced)
        case .gzip:
            verdict = unsafe sv_decode_gzip(
                source.baseAddress, source.count, target.baseAddress, target.count, &produced)
        case .zstd:
            verdict = unsafe sv_decode_zstd(
                source.baseAddress, source.count, target.baseAddress, target.count, &produced)
        case .lz4:
            verdict = unsafe sv_decode_lz4_legacy(
                source.baseAddress, source.count, target.baseAddress, target.count, &produced)
        case .none:
            guard source.count == target.count else { throw .bad("has the wrong size") }
            unsafe target.copyMemory(from: source)
            return
        case .bzip2, .lzo:
            throw .unsupported
        }
        switch UInt32(bitPattern: verdict) {
        case sv_decode_ok.rawValue:
            guard produced == target.count else {
                throw .bad("decompresses to \(produced) bytes instead of \(target.count)")
            }
        case sv_decode_truncated.rawValue: throw .bad("is cut off")
        case sv_decode_output_full.rawValue: throw .bad("decompresses to more than \(target.count) bytes")
        case sv_decode_no_memory.rawValue: throw .bad("needs more memory to decompress than there is")
        default: throw .bad("is corrupt")
        }
    }
}
