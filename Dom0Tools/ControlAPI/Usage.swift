// SPDX-License-Identifier: Apache-2.0

/// `GET /v1/usage`: what the domains have used until now, for rates between two answers.
public struct Usage: Codable, Hashable, Sendable {
    /// Nanoseconds of a clock that only goes forward; another svd begins anew.
    public var time: UInt64
    public var host: HostInfo
    public var domains: [DomainUsage]

    private enum CodingKeys: String, CodingKey {
        case host, domains
        case time = "time_ns"
    }
    public init(time: UInt64, host: HostInfo, domains: [DomainUsage]) {
        self.time = time
        self.host = host
        self.domains = domains
    }
}

/// One domain of `Usage`.
public struct DomainUsage: Codable, Hashable, Sendable {
    public var domain: DomainInfo
    /// Nil for a domain without devices of svback.
    public var traffic: Traffic?
    public init(domain: DomainInfo, traffic: Traffic?) {
        self.domain = domain
        self.traffic = traffic
    }

    /// Bytes that the domain's devices moved.
    public struct Traffic: Codable, Hashable, Sendable {
        public var netReceived: UInt64
        public var netSent: UInt64
        public var blockRead: UInt64
        public var blockWritten: UInt64

        private enum CodingKeys: String, CodingKey {
            case netReceived = "net_received_bytes"
            case netSent = "net_sent_bytes"
            case blockRead = "block_read_bytes"
            case blockWritten = "block_written_bytes"
        }
        public init(netReceived: UInt64, netSent: UInt64, blockRead: UInt64, blockWritten: UInt64) {
            self.netReceived = netReceived
            self.netSent = netSent
            self.blockRead = blockRead
            self.blockWritten = blockWritten
        }
    }
}
