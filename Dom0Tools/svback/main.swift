// SPDX-License-Identifier: Apache-2.0
import Backends
import XenABI

let usage = """
    Serves the virtual disks and network cards of one domain.

    usage: svback [options] <domid>

      <domid>                the domain whose backend/vbd and backend/vif this process serves
      --traffic DIRECTORY    count the bytes moved in a file there that has the domain's number
      --persistent-grants    offer persistent grants to block frontends (copying is faster)
    \(BackendCommand.optionsUsage)

    svd starts one for each domain that has devices. It ends when the last device is gone, or on SIGTERM, which
    closes all devices first. Exit status: 0 when it is done, 1 on failure, 2 for a wrong command line.

    """

var offersPersistentGrants = false
var trafficDirectory: String?
var domain: DomainID?

let command = BackendCommand(name: "svback", usage: usage) { argument, next in
    if argument == "--persistent-grants" {
        offersPersistentGrants = true
        return nil
    }
    if argument == "--traffic" {
        trafficDirectory = next()
        return trafficDirectory == nil ? "--traffic wants a directory" : nil
    }
    guard !argument.hasPrefix("-") else { return "unknown option '\(argument)'" }
    guard domain == nil else { return "more than one domain" }
    guard let number = UInt16(argument), number > 0, DomainID(rawValue: number).isReal else {
        return "'\(argument)' is not the number of a guest domain"
    }
    domain = DomainID(rawValue: number)
    return nil
}
guard let domain else { command.refuse("which domain?") }

let persistent = offersPersistentGrants
command.run(
    about: "\(domain.rawValue)", traffic: trafficDirectory.map { "\($0)/\(domain.rawValue)" }
) { reactor, platform, log in
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
    try host.start()
    return host.stop
}
