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
        _ method: Compression, _ source: RawSpan, to target: inout MutableRawSpan
    ) throws(Failure) {
        let capacity = target.byteCount
        var produced = 0
        // SAFETY: both spans outlive the call; it reads and writes inside them only.
        let verdict: Int32? = unsafe target.withUnsafeMutableBytes { target in
            unsafe source.withUnsafeBytes { source in
                // SAFETY: the functions read and write inside the two ranges only.
                unsafe run(method, source, target, &produced)
            }
        }
        guard let verdict else { throw .unsupported }
        switch UInt32(bitPattern: verdict) {
        case sv_decode_ok.rawValue:
            guard produced == capacity else {
                throw .bad("decompresses to \(produced) bytes instead of \(capacity)")
            }
        case sv_decode_truncated.rawValue: throw .bad("is cut off")
        case sv_decode_output_full.rawValue: throw .bad("decompresses to more than \(capacity) bytes")
        case sv_decode_no_memory.rawValue: throw .bad("needs more memory to decompress than there is")
        default: throw .bad("is corrupt")
        }
    }

    /// An `sv_decode_result`, or nil for a method nobody here can undo.
    private static func run(
        _ method: Compression, _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableRawBufferPointer,
        _ produced: inout Int
    ) -> Int32? {
        let (from, to) = (source.baseAddress, target.baseAddress)
        // SAFETY: the caller's ranges, with their sizes.
        switch method {
        case .xz: return unsafe sv_decode_xz(from, source.count, to, target.count, &produced)
        case .lzma: return unsafe sv_decode_lzma(from, source.count, to, target.count, &produced)
        case .gzip: return unsafe sv_decode_gzip(from, source.count, to, target.count, &produced)
        case .zstd: return unsafe sv_decode_zstd(from, source.count, to, target.count, &produced)
        case .lz4: return unsafe sv_decode_lz4_legacy(from, source.count, to, target.count, &produced)
        case .none:
            produced = source.count
            guard source.count == target.count else { return Int32(sv_decode_corrupt.rawValue) }
            // SAFETY: both have the same size.
            unsafe target.copyMemory(from: source)
            return Int32(sv_decode_ok.rawValue)
        case .bzip2, .lzo: return nil
        }
    }
}
