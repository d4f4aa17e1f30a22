// SPDX-License-Identifier: Apache-2.0
import DriverKit
import EntropyDriver
import GuestABI
import XenBus

/// Prints random bytes from Dom0; asks again, every second, as often as the command line has dots. With `many` it asks for as
/// much at a time as the ring holds, with `patient` until a backend that was away is away again.
@c(guest_main)
public func guestMain() {
    do throws(DriverError) {
        let device = try Frontend<Entropy, GuestPlatform>(try GuestPlatform())
        let line = BootInformation.current.commandLine
        if line.starts(with: "many") { return try fillRing(device) }
        if line.starts(with: "patient") { return try askPatiently(device) }
        var rounds = 1
        for index in 0..<line.count where line[index] == 0x2E { rounds += 1 }
        for round in 0..<rounds {
            if round > 0 { _ = EventLoop.wait(.seconds(1)) { false } }
            show(try device.randomBytes(8))
        }
        var ones = 0
        for byte in try device.randomBytes(Entropy.limit) { ones += byte.nonzeroBitCount }
        Console.print("of \(Entropy.limit * 8) bits \(ones) are set")
        device.close()
    } catch {
        Console.print("no entropy: \(reason(error))")
    }
}

func reason(_ error: DriverError) -> Text {
    switch error {
    case .noDevice: "the configuration gives this domain no entropy device"
    case .exhausted: "the backend has none, or there is no memory"
    case .disconnected: "the connection ended"
    case .timedOut: "the backend does not answer"
    case .version: "the backend speaks another version"
    default: "the device does not work"
    }
}

func show(_ bytes: [UInt8]) {
    var text: Text = "random:"
    for byte in bytes {
        text.append(byte: 0x20)
        text.append(hex: UInt64(byte))
    }
    Console.print(text)
}

/// Three times as many requests as the ring holds, in three rounds.
func fillRing(_ device: Frontend<Entropy, GuestPlatform>) throws(DriverError) {
    try device.connect()
    let page = try device.share(isReadOnly: false)
    var asked = 0
    var answered = 0
    for _ in 0..<3 {
        do throws(DriverError) {
            while true {
                let request = Entropy.Request(count: 4, page: page.reference(0))
                try device.submit(request, keeping: [page]) {
                    if case .success(let answer) = $0, answer.count == 4 { answered += 1 }
                }
                asked += 1
            }
        } catch {
            guard error == .ringFull else { throw error }
        }
        while device.outstandingCount > 0 {
            device.poll()
            EventLoop.wait { device.hasWork || device.outstandingCount == 0 }
        }
    }
    Console.print("\(asked) requests, \(answered) answers")
    device.close()
}

/// Asks until the backend has been away, back, and away again; then leaves without it.
func askPatiently(_ device: Frontend<Entropy, GuestPlatform>) throws(DriverError) {
    device.requestTimeout = .seconds(1)
    var isBack = false
    while true {
        do throws(DriverError) {
            show(try device.randomBytes(8))
            isBack = device.lateAnswerCount > 0
            if isBack { Console.print("late answers: \(device.lateAnswerCount)") }
        } catch {
            guard error == .timedOut else { throw error }
            Console.print("no answer in time, late requests: \(device.lateCount)")
            if isBack { break }
        }
        _ = EventLoop.wait(.milliseconds(200)) { false }
    }
    let hasLetGo = device.close(.seconds(1))
    Console.print("closed, the backend has let go: \(hasLetGo)")
}
