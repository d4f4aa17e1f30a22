// SPDX-License-Identifier: Apache-2.0
import FuzzHypercalls

/// A parser or state machine that takes bytes from somebody who is not trusted. `run` returns whatever the bytes are; a trap,
/// a report of the address sanitizer or a broken promise (`FuzzTarget.fault`) is a finding.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case rings = "rings"
    case deviceCodecs = "device-codecs"
    case blockBackend = "block-backend"
    case netBackend = "net-backend"
    case store = "store"
    case configuration = "configuration"
    case kernelFile = "kernel-file"
    case instructions = "instructions"
    case http = "http"
    case hypercallsGuided = "hypercalls-guided"

    public func run(_ bytes: [UInt8]) {
        switch self {
        case .rings: fuzzRings(bytes)
        case .deviceCodecs: fuzzDeviceCodecs(bytes)
        case .blockBackend: fuzzBlockBackend(bytes)
        case .netBackend: fuzzNetBackend(bytes)
        case .store: fuzzStore(bytes)
        case .configuration: fuzzConfiguration(bytes)
        case .kernelFile: fuzzKernelFile(bytes)
        case .instructions: fuzzInstructions(bytes)
        case .http: fuzzHTTP(bytes)
        case .hypercallsGuided: fuzzHypercalls(bytes)
        }
    }
    /// Ends the run: something that was promised does not hold.
    static func fault(_ what: String) -> Never { fatalError(what) }
    static func expect(_ condition: Bool, _ what: @autoclosure () -> String) {
        if !condition { fault(what()) }
    }
}

/// Bytes taken from the front, zeroes at the end.
struct ByteReader {
    private let bytes: [UInt8]
    private var at = 0
    init(_ bytes: [UInt8]) { self.bytes = bytes }
    var isAtEnd: Bool { at >= bytes.count }
    mutating func byte() -> UInt8 {
        defer { at += 1 }
        return at < bytes.count ? bytes[at] : 0
    }
    mutating func half() -> UInt16 { UInt16(byte()) | UInt16(byte()) << 8 }
    mutating func word() -> UInt32 { UInt32(half()) | UInt32(half()) << 16 }
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }
    mutating func rest() -> [UInt8] {
        defer { at = max(at, bytes.count) }
        return at < bytes.count ? Array(bytes[at...]) : []
    }
}

/// Hypercalls on the host, with the bytes as the source of every decision: coverage finds ways that chance does not.
func fuzzHypercalls(_ bytes: [UInt8]) {
    do {
        let world = try FuzzWorld(RandomSource(bytes: bytes))
        try world.run(limit: 2000)
        try world.check()
        try world.finish()
    } catch {
        FuzzTarget.fault("\(error)")
    }
}
