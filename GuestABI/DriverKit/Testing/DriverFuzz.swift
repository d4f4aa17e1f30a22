// SPDX-License-Identifier: Apache-2.0
import Backends
public import DriverKit
public import DriverKitBackend
import XenABI

/// What a fuzz run did, and what it found wrong.
public struct FuzzReport: CustomStringConvertible, Sendable {
    public let seed: UInt64
    /// Requests the frontend made.
    public internal(set) var requests = 0
    /// Requests that were answered; the others failed because a connection ended.
    public internal(set) var answers = 0
    /// Connections made.
    public internal(set) var connections = 0
    /// Rules that were broken. Empty if all is well.
    public internal(set) var problems: [String] = []

    public var description: String {
        problems.isEmpty
            ? "seed \(seed): \(requests) requests, \(answers) answers, \(connections) connections"
            : "seed \(seed): " + problems.joined(separator: "; ")
    }
}

/// Runs both halves of a split device in one process, in orders and against peers that a seed chooses.
///
/// Three kinds of run: honest halves with a random schedule, in which backends stop, die and come back and devices are
/// removed; the backend against a guest that writes anything anywhere; the frontend against a backend that does. Whatever
/// happens, each request's completion is called exactly once, the halves come to rest, and nothing stays behind: no
/// mapping, port, watch or grant. A trap ends the process: the seed is the argument of the call that did not return.
public enum DriverFuzz {
    /// All three kinds of run.
    ///
    /// - Parameters:
    ///   - steps: actions of each run.
    ///   - settings: what the configuration says of the device.
    ///   - makeRequest: a request that an honest frontend makes; it may refer to `pages`, which the guest shares.
    public static func run<Service: DeviceService>(
        _ service: Service.Type, seed: UInt64, steps: Int = 300,
        settings: [(key: String, value: String)] = [],
        makeRequest: (_ random: inout SeededRandom, _ pages: InMemoryPages) -> Service.Device.Request
    ) -> FuzzReport {
        var report = FuzzReport(seed: seed)
        for (kind, name) in ["honest", "hostile frontend", "hostile backend"].enumerated() {
            let fuzz = FuzzRun<Service>(seed: seed &* 3 &+ UInt64(kind), settings: settings)
            switch kind {
            case 0: fuzz.honest(steps, makeRequest)
            case 1: fuzz.hostileFrontend(steps, makeRequest)
            default: fuzz.hostileBackend(steps, makeRequest)
            }
            fuzz.finish()
            report.requests += fuzz.requests
            report.answers += fuzz.answers
            report.connections += fuzz.connections
            report.problems += fuzz.problems.map { "\(name): \($0)" }
        }
        return report
    }
}
