// SPDX-License-Identifier: Apache-2.0
import Backends
import Glibc
import Reactor
import XenABI

let usage = """
    Serves the virtual disks and network cards of one domain.

    usage: svback [options] <domid>

      <domid>                the domain whose backend/vbd and backend/vif this process serves
      --store PATH           unix socket of the store (default /run/xenstored/socket)
      --log-level LEVEL      error, warning, info or debug (default warning)
      --persistent-grants    offer persistent grants to block frontends (copying is faster)
      --help                 this text

    svd starts one for each domain that has devices. It ends when the last device is gone, or on SIGTERM, which
    closes all devices first. Exit status: 0 when it is done, 1 on failure, 2 for a wrong command line.

    """

func fail(_ message: String, status: Int32) -> Never {
    let line = Array("svback: \(message)\n".utf8)
    // SAFETY: the array outlives the call.
    unsafe line.withUnsafeBytes { _ = unsafe write(2, $0.baseAddress, $0.count) }
    exit(status)
}

var storePath = "/run/xenstored/socket"
var level = LogLevel.warning
var offersPersistentGrants = false
var domain: DomainID?

var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--help", "-h":
        print(usage, terminator: "")
        exit(0)
    case "--store":
        guard let path = arguments.popFirst() else {
            fail("--store wants a path; see svback --help", status: 2)
        }
        storePath = path
    case "--log-level":
        guard let name = arguments.popFirst(), let chosen = LogLevel(name: name) else {
            fail("--log-level wants error, warning, info or debug", status: 2)
        }
        level = chosen
    case "--persistent-grants":
        offersPersistentGrants = true
    default:
        guard !argument.hasPrefix("-") else {
            fail("unknown option '\(argument)'; see svback --help", status: 2)
        }
        guard domain == nil else { fail("more than one domain; see svback --help", status: 2) }
        guard let number = UInt16(argument), number > 0, DomainID(rawValue: number).isReal else {
            fail("'\(argument)' is not the number of a guest domain", status: 2)
        }
        domain = DomainID(rawValue: number)
    }
}
guard let domain else { fail("which domain? See svback --help", status: 2) }

let log = Log(level: level, prefix: "svback \(domain.rawValue)")
do {
    let reactor = try Reactor()
    let platform = try BackendPlatform.linux(reactor, storePath: storePath, log: log)
    let persistent = offersPersistentGrants
    let host = DeviceHost(
        domain: domain, platform: platform, log: log,
        makeDriver: { kind, name in
            switch kind {
            case "vbd":
                return BlockDriver(platform: platform, domain: domain, offersPersistentGrants: persistent)
            case "vif":
                return Int(name).map { NetDriver(platform: platform, domain: domain, number: $0) }
            default: return nil
            }
        },
        finished: { reactor.stop() })
    try reactor.onSignal(SIGTERM) { host.stop() }
    try reactor.onSignal(SIGINT) { host.stop() }
    try host.start()
    reactor.run()
} catch {
    fail("\(error)", status: 1)
}
