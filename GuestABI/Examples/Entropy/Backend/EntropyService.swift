// SPDX-License-Identifier: Apache-2.0
import Backends
import DriverKit
import DriverKitBackend
import EntropyDriver

/// Serves one entropy device. Settings:
///
///     seed=NUMBER    numbers that are the same each time, for tests; without it Dom0's own random numbers
///     quota=BYTES    no more than that (no limit)
final class EntropyService: DeviceService {
    typealias Device = Entropy

    private let device: DeviceContext
    private var seed: UInt64?
    private var left: Int

    init(_ device: DeviceContext) throws(BackendError) {
        self.device = device
        if let text = try device.settings.text("seed") {
            guard let seed = UInt64(text) else {
                throw .key(path: "\(device.settings.path)/seed", problem: "'\(text)' is not a number")
            }
            self.seed = seed
        }
        left = Int(try device.settings.number("quota", default: UInt32.max))
    }

    func serve(_ request: Entropy.Request, _ reply: Reply<Entropy>) {
        guard request.count <= min(Entropy.limit, left), request.count > 0 else {
            return reply.send(Entropy.Response(count: 0))
        }
        let bytes = (0..<request.count).map { _ in nextByte() }
        // The guest may have named a page that it does not share.
        guard device.copy(bytes, to: request.page, offset: 0) else {
            return reply.send(Entropy.Response(count: 0))
        }
        left -= request.count
        reply.send(Entropy.Response(count: request.count))
    }

    private func nextByte() -> UInt8 {
        guard let seed else { return UInt8.random(in: 0...255) }
        self.seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: seed >> 33)
    }
}

@main struct Program {
    static func main() { BackendProgram<EntropyService>.main() }
}
