// SPDX-License-Identifier: Apache-2.0
import Configuration
import ControlAPI
import DomainBuilder
import Foundation
import HypervisorX86
import XenABI
import XenStoreServer
import XenStoreWire

/// A guest's side of the store: its byte stream in chunks of any size, through the framer into the engine, next to the
/// tools' own nodes, which must stay as they are.
func fuzzStore(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    let store = XenStore()
    let tools = store.connect(as: .zero)
    let guest = DomainID(rawValue: 1)
    let connection = store.introduce(guest, frame: 0x100, port: EventPort(rawValue: 1))
    let home = Array("/local/domain/1".utf8)
    do {
        try store.write(Array("/secret".utf8), Array("kept".utf8), as: tools)
        try store.write(home, [], as: tools)
        try store.setPermissions(home, [.init(.none, guest)], as: tools)
    } catch { FuzzTarget.fault("the store refuses its owner: \(error)") }
    var framer = XenStoreFramer()
    let chunk = Int(reader.byte()) + 1
    let stream = reader.rest()
    var at = 0
    stream: while at < stream.count {
        let piece = Array(stream[at..<min(stream.count, at + chunk)])
        at += piece.count
        do {
            var taken = 0
            while taken < piece.count {
                let left = Array(piece[taken...])
                let now = try framer.feed(left.span) { header, payload in
                    store.handle(header, payload, from: connection)
                    store.discardOutput(connection)
                    return true
                }
                FuzzTarget.expect(
                    now > 0 && now <= left.count, "the framer took \(now) of \(left.count) bytes")
                taken += now
            }
        } catch { break stream }
        FuzzTarget.expect(framer.pendingBytes.count < 16 + 4096, "the framer keeps more than a packet")
    }
    if let broken = store.firstBrokenInvariant() { FuzzTarget.fault(broken) }
    let secret = try? store.read(Array("/secret".utf8), as: tools)
    FuzzTarget.expect(secret == Array("kept".utf8), "a guest changed a node of the tools")
}

/// A domain's configuration file and a setting from the command line.
func fuzzConfiguration(_ bytes: [UInt8]) {
    let text = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
    let overrides = text.count > 1 ? [String(decoding: text[1], as: UTF8.self)] : []
    do {
        let (domain, warnings) = try DomainConfiguration.read(
            text[0], source: "fuzz.cfg", overrides: overrides)
        FuzzTarget.expect(
            !domain.name.isEmpty && domain.memory > 0, "a domain without name or memory was accepted")
        for warning in warnings { _ = warning.description }
    } catch {
        FuzzTarget.expect(!error.description.isEmpty, "a refusal says nothing")
    }
}

/// A kernel file as svkernel and svd take it: ELF, or a bzImage with any compression.
func fuzzKernelFile(_ bytes: [UInt8]) {
    let path = "/dev/shm/swiftvisor-fuzz-kernel-\(getpid())"
    let target = path + ".elf"
    defer {
        try? FileManager.default.removeItem(atPath: path)
        try? FileManager.default.removeItem(atPath: target)
    }
    guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else { return }
    do {
        try KernelExtraction.extract(path, to: target)
        let size = (try? FileManager.default.attributesOfItem(atPath: target)[.size] as? Int) ?? 0
        FuzzTarget.expect(size >= 52, "an ELF file without a header was accepted")
    } catch {
        FuzzTarget.expect(!"\(error)".isEmpty, "a refusal says nothing")
        FuzzTarget.expect(!FileManager.default.fileExists(atPath: target), "a refused kernel left a file")
    }
}

/// The instruction at a nested page fault, as read from the guest.
func fuzzInstructions(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    let mode = reader.byte()
    var block = InlineArray<16, UInt8>(repeating: 0)
    let content = reader.rest()
    for (index, byte) in content.prefix(15).enumerated() { block[index] = byte }
    let count = min(content.count, 15)
    var decoder = InstructionDecoder(block, count: count)
    guard let found = decoder.decode(isLongMode: mode & 1 != 0, is32Bit: mode & 2 != 0) else { return }
    FuzzTarget.expect(found.length > 0 && found.length <= count, "an instruction longer than its bytes")
    FuzzTarget.expect([1, 2, 4, 8].contains(found.byteCount), "an access of \(found.byteCount) bytes")
    let register: Int? =
        switch found.access {
        case .load(let register, _), .store(let register), .exchange(let register): register
        case .combine(_, let register, _), .test(let register, _), .compare(let register, _, _): register
        case .storeImmediate: nil
        }
    FuzzTarget.expect(register.map { (0..<16).contains($0) } ?? true, "no such register")
}

/// Requests of the control socket: the same whatever the sizes of the chunks they come in.
func fuzzHTTP(_ bytes: [UInt8]) {
    guard let size = bytes.first else { return }
    let stream = Array(bytes.dropFirst())
    func requests(_ chunk: Int) -> (found: [HTTPRequest], status: Int?) {
        var decoder = HTTPRequestDecoder()
        var found: [HTTPRequest] = []
        var at = 0
        do {
            while at < stream.count {
                decoder.take(Array(stream[at..<min(stream.count, at + chunk)]))
                at += chunk
                while let request = try decoder.next() { found.append(request) }
            }
        } catch { return (found, error.status) }
        return (found, nil)
    }
    let whole = requests(max(stream.count, 1))
    let pieces = requests(Int(size) + 1)
    FuzzTarget.expect(whole.found == pieces.found, "chunks change what requests say")
    FuzzTarget.expect(
        whole.status == pieces.status,
        "chunks change the refusal: \(whole.status ?? 0), \(pieces.status ?? 0)")
}
