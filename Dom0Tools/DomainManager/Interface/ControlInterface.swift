// SPDX-License-Identifier: Apache-2.0
public import ControlAPI
public import Reactor

/// `/v1/…` of svd: what svctl and other programs ask for. `Docs/ControlAPI.md` describes it.
public final class ControlInterface {
    private let reactor: Reactor
    private let supervisor: DomainSupervisor
    /// How long the answer to a creation stays open to tell of a crash, in milliseconds.
    private let crashWatch: Int

    public init(reactor: Reactor, supervisor: DomainSupervisor, crashWatch: Int = 250) {
        self.reactor = reactor
        self.supervisor = supervisor
        self.crashWatch = crashWatch
    }

    /// Answers a request, now or later.
    public func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) {
        do throws(APIError) {
            if let error = APIVersion.check(announced: request.headers[APIVersion.header]) { throw error }
            try route(request, exchange)
        } catch {
            Self.fail(error, exchange)
        }
    }

    private static func fail(_ error: APIError, _ exchange: HTTPExchange) {
        exchange.respond(JSON.encode(error), status: error.httpStatus)
    }

    private func unknown(_ request: HTTPRequest) -> APIError {
        APIError(
            .badRequest, "\(request.method) /\(request.path.joined(separator: "/")) is not offered",
            hint: "see Docs/ControlAPI.md for what is")
    }

    private func body<Value: Decodable>(_ request: HTTPRequest) throws(APIError) -> Value {
        try JSON.decode(Value.self, from: request.body.isEmpty ? Array("{}".utf8) : request.body)
    }

    // MARK: Routes

    private func route(_ request: HTTPRequest, _ exchange: HTTPExchange) throws(APIError) {
        let path = request.path
        if request.method == "GET", path == ["metrics"] {
            let text = Metrics.text(try supervisor.list(), try supervisor.hostInfo())
            return exchange.respond(Array(text.utf8), type: "text/plain; version=0.0.4")
        }
        guard path.count >= 2, path[0] == "v1" else { throw unknown(request) }
        switch (request.method, path[1], path.count) {
        case ("GET", "version", 2): exchange.respond(JSON.encode(VersionInfo()))
        case ("GET", "usage", 2): exchange.respond(JSON.encode(try supervisor.usage()))
        case ("GET", "host", 2): exchange.respond(JSON.encode(try supervisor.hostInfo()))
        case ("GET", "dmesg", 2):
            let text = try supervisor.hypervisorLog(clear: request.query["clear"] == "1")
            exchange.respond(JSON.encode(HypervisorLog(text: text)))
        case ("GET", "events", 2): events(exchange)
        case ("GET", "domains", 2): exchange.respond(JSON.encode(try supervisor.list()))
        case ("POST", "domains", 2): create(try body(request), exchange)
        case (_, "domains", 3): try domain(request, path[2], "", exchange)
        case (_, "domains", 4): try domain(request, path[2], path[3], exchange)
        default: throw unknown(request)
        }
    }

    private func domain(
        _ request: HTTPRequest, _ reference: String, _ action: String, _ exchange: HTTPExchange
    ) throws(APIError) {
        let done = { (error: APIError?) in
            if let error { Self.fail(error, exchange) } else { exchange.respond(Array("{}".utf8)) }
        }
        switch (request.method, action) {
        case ("GET", ""):
            return exchange.respond(JSON.encode(try supervisor.details(reference)))
        case ("DELETE", ""):
            return supervisor.destroy(reference, completion: done)
        case ("POST", "pause"):
            try supervisor.pause(reference)
        case ("POST", "unpause"):
            try supervisor.unpause(reference)
        case ("POST", "shutdown"), ("POST", "reboot"):
            let options: ShutdownRequest = try body(request)
            if let wait = options.wait, !(0...86400).contains(wait) {
                throw APIError(.badRequest, "wait = \(wait) is out of range", hint: "use 0 to 86400 seconds")
            }
            return supervisor.stop(
                reference, reboot: action == "reboot", wait: options.wait, completion: done)
        case ("POST", "rename"):
            let options: RenameRequest = try body(request)
            try supervisor.rename(reference, to: options.name)
        default:
            throw unknown(request)
        }
        done(nil)
    }

    // MARK: Streams

    private func create(_ request: CreateRequest, _ exchange: HTTPExchange) {
        exchange.begin(type: "application/x-ndjson")
        let send = { (update: CreateUpdate) in exchange.send(JSON.encode(update) + [UInt8(ascii: "\n")]) }
        let isPaused = request.paused ?? false
        supervisor.create(
            request.configuration, paused: isPaused, progress: { send(CreateUpdate(progress: $0)) }
        ) {
            [self] result in
            switch result {
            case .failure(let error):
                send(CreateUpdate(error: error))
                exchange.end()
            case .success(let domain):
                send(CreateUpdate(domain: domain))
                if isPaused { exchange.end() } else { watchForCrash(domain, send, exchange) }
            }
        }
    }

    /// Keeps the answer open for a moment: a domain that crashes at once is the fault of the one who asked for it.
    private func watchForCrash(
        _ domain: ControlAPI.DomainInfo, _ send: @escaping (CreateUpdate) -> Void, _ exchange: HTTPExchange
    ) {
        let observer = supervisor.observe { event in
            guard event.domain == domain.id, event.kind == .crashed else { return }
            let error = APIError(
                .domainCrashed, "\(domain.name) crashed at once: \(event.reason ?? "no reason given")",
                hint: "its console says why; all of it is in /var/log/swiftvisor/console-\(domain.name).log")
            send(CreateUpdate(error: error, console: event.console ?? ""))
            exchange.end()
        }
        let timer = reactor.after(milliseconds: crashWatch) { [self] in
            supervisor.ignore(observer)
            exchange.end()
        }
        exchange.onAbandon = { [self] in
            timer.cancel()
            supervisor.ignore(observer)
        }
    }

    private func events(_ exchange: HTTPExchange) {
        exchange.begin(type: "text/event-stream")
        exchange.send(Array(": events follow\n\n".utf8))
        let observer = supervisor.observe { event in
            exchange.send(Array("data: ".utf8) + JSON.encode(event) + Array("\n\n".utf8))
        }
        exchange.onAbandon = { [self] in supervisor.ignore(observer) }
    }
}
