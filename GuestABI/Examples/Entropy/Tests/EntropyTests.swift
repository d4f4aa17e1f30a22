// SPDX-License-Identifier: Apache-2.0
import Backends
import DriverKit
import DriverKitTesting
import EntropyDriver
import Testing
import XenABI

@testable import EntropyBackend

@Suite struct EntropyTests {
    let machine = InMemoryMachine()

    @Test func randomBytesArrive() throws {
        machine.addDevice(Entropy.kind)
        let server = try machine.startBackend(EntropyService.self)
        let device = try machine.makeFrontend(Entropy.self)
        let first = try device.randomBytes(32)
        let second = try device.randomBytes(32)
        #expect(first.count == 32 && first != second)
        #expect(try device.randomBytes(Entropy.limit).count == 4096)
        #expect(server.deviceCount == 1)
    }

    @Test func aSeedMakesThemTheSame() throws {
        machine.addDevice(Entropy.kind, settings: [("seed", "42")])
        let server = try machine.startBackend(EntropyService.self)
        let device = try machine.makeFrontend(Entropy.self)
        #expect(try device.randomBytes(4) == [0, 118, 82, 210])
        #expect(server.deviceCount == 1)
    }

    @Test func refusals() throws {
        machine.addDevice(Entropy.kind, settings: [("quota", "100")])
        let server = try machine.startBackend(EntropyService.self)
        let device = try machine.makeFrontend(Entropy.self)
        #expect(try device.randomBytes(100).count == 100)
        #expect(throws: DriverError.exhausted) { try device.randomBytes(1) }
        #expect(throws: DriverError.exhausted) { try device.randomBytes(4097) }
        let wild = try device.call(Entropy.Request(count: 4, page: GrantReference(rawValue: 7777)))
        #expect(wild.count == 0 && server.deviceCount == 1)
    }

    @Test func aBadSeedIsSaidInTheStore() throws {
        machine.addDevice(Entropy.kind, settings: [("seed", "blue")])
        let server = try machine.startBackend(EntropyService.self)
        machine.work.run()
        let problem = machine.store.read("\(machine.backendPath(Entropy.kind))/hotplug-error")
        #expect(problem?.contains("'blue' is not a number") == true && server.deviceCount == 1)
    }

    @Test(arguments: UInt64(1)...10) func fuzz(seed: UInt64) {
        let report = DriverFuzz.run(EntropyService.self, seed: seed) { random, pages in
            Entropy.Request(count: random.below(4200), page: pages.reference(0))
        }
        #expect(report.problems.isEmpty, "\(report)")
    }
}
