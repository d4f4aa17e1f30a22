// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import GuestABI
import GuestTesting
import XenABI
import XenBus

/// A DomU whose disk, network card, store and console stop answering, for Tests/System/timeouts.sh: its command line says
/// which. It says on the console what it sees, and ends by itself.
@c(guest_main)
public func guestMain() {
    let line = BootInformation.current.commandLine
    if line.starts(with: "disk") {
        report { () throws(FrontendFailure) in try watchDisk() }
    } else if line.starts(with: "card") {
        report { () throws(FrontendFailure) in try watchCard() }
    } else if line.starts(with: "store") {
        readLines()
        report { () throws(FrontendFailure) in try watchStore() }
    } else {
        var suite = TestSuite("timeouts")
        suite.test("all") { t throws(XenError) in t.skip("runs beside a Dom0: Tests/System/timeouts.sh") }
        suite.finish()
    }
    shutDown()
}

func report(_ body: () throws(FrontendFailure) -> Void) {
    do throws(FrontendFailure) { try body() } catch { Console.print("timeouts: FAILED early") }
}
func shutDown() {
    Console.print("timeouts: done")
    Scheduler.shutDown(ShutdownReason.powerOff)
}
/// Lets events be served for a while.
func pause(milliseconds: UInt32) { _ = EventLoop.wait(.milliseconds(milliseconds)) { false } }

/// The same word each time until it changes.
struct Changes {
    private var last = 0
    mutating func say(_ what: Int, _ text: Text) {
        if what != last { Console.print(text) }
        last = what
    }
}

/// A disk whose backend hangs, goes on, hangs for good.
func watchDisk() throws(FrontendFailure) {
    var options = BlockDiskOptions()
    options.requestTimeout = .milliseconds(700)
    options.closeTimeout = .milliseconds(1500)
    guard let number = try BlockDisk.numbers().first else { throw .missing("device/vbd") }
    let disk = try BlockDisk(number, options: options)
    var changes = Changes()
    var rounds = 0
    while rounds < 2 {
        do throws(BlockError) {
            // A buffer of its own for each: what timed out may still be written to.
            let buffer = try disk.makeBuffer(byteCount: 4096)
            let start = Clock.now
            do throws(BlockError) {
                try disk.read(sector: 8, into: buffer)
                if disk.lateAnswerCount > 0 {
                    changes.say(2, "timeouts: read again, late answers \(disk.lateAnswerCount)")
                } else {
                    changes.say(1, "timeouts: read")
                }
            } catch {
                guard error == .timedOut else { throw error }
                if rounds == 0 || disk.lateAnswerCount > 0 { rounds += 1 }
                let isInTime = Clock.now - start >= 700_000_000
                changes.say(
                    3, "timeouts: read timed out \(isInTime ? "after" : "BEFORE" as StaticString) its time")
                // A flush has its own time, and is late as well.
                do throws(BlockError) { try disk.flush(timeout: .milliseconds(1)) } catch {
                    if error != .timedOut { throw error }
                }
            }
        } catch {
            Console.print("timeouts: FAILED")
            return
        }
        pause(milliseconds: 50)
    }
    Console.print("timeouts: late \(disk.lateCount), outstanding \(disk.outstandingCount)")
    let start = Clock.now
    disk.close()
    watchPages("disk", since: start, atLeast: 1_500_000_000)
}

/// Waits until `device` has closed in vain, and until what it had is free.
func watchPages(_ name: StaticString, since start: UInt64, atLeast time: UInt64) {
    let isInTime = Clock.now - start >= time
    Console.print(
        "timeouts: \(name) closed \(isInTime ? "after" : "BEFORE" as StaticString) its time, set aside \(SharedGuestPages.setAsideCount)"
    )
    while SharedGuestPages.setAsideCount > 0 {
        pause(milliseconds: 100)
        // Whether they are free is looked at when pages are granted.
        _ = try? SharedGuestPages(count: 1, for: .zero)
    }
    Console.print("timeouts: set aside none")
}

/// A card whose backend hangs when it is to close.
func watchCard() throws(FrontendFailure) {
    let store: XenStore
    do throws(XenStoreFailure) { store = try XenStore.open() } catch { throw .store(error) }
    var options = NetFrontendOptions()
    options.closeTimeout = .milliseconds(600)
    let card = try NetFrontend(store, id: 0, options: options)
    Console.print("timeouts: the card is connected: \(card.isConnected)")
    do throws(XenStoreFailure) {
        var mayGo = false
        let watch = try store.watch("data/go") { mayGo = (try? store.readIfPresent($0)) != nil }
        if !store.wait(.seconds(30), until: { mayGo }) { Console.print("timeouts: FAILED to be told") }
        _ = consume watch
    } catch { throw .store(error) }
    let start = Clock.now
    card.close()
    watchPages("card", since: start, atLeast: 600_000_000)
    // Its pages can be used again: as many as a card takes, more often than there are grants.
    for _ in 0..<20 {
        let again = try NetFrontend(store, id: 0)
        if !again.isConnected { Console.print("timeouts: FAILED to connect again") }
        again.close()
    }
    Console.print("timeouts: connected again")
}

/// A store, and a console, that nobody serves for a while.
func watchStore() throws(FrontendFailure) {
    do throws(XenStoreFailure) {
        let store = try XenStore.open(.milliseconds(500))
        var calls = 0
        let watch = try store.watch("data") { _ in calls += 1 }
        Console.print("timeouts: ready")
        var number: UInt32 = 0
        // Served, until it is not.
        while true {
            number += 1
            do throws(XenStoreFailure) { try store.write("data/number", StoreText(decimal: number)) } catch {
                guard error == .timedOut else { throw error }
                break
            }
            pause(milliseconds: 20)
        }
        let written = fillConsole()
        // Several at a time, which may take as long as they take.
        var answers = 0
        for key: StoreText in ["one", "two", "three"] {
            let path: StoreText = "data/\(key)"
            try store.write(path, "1", timeout: .never) { if $0 == nil { answers += 1 } }
        }
        // One of them is answered in time only by chance: never with somebody else's answer.
        var failures = 0
        while true {
            do throws(XenStoreFailure) {
                let found = try store.readNumber("data/number", as: UInt32.self)
                // What timed out may have been carried out, or not.
                Console.print("timeouts: number right \(found == number || found == number - 1)")
                break
            } catch {
                guard error == .timedOut else { throw error }
                failures += 1
            }
        }
        let all = store.wait(.seconds(30)) { answers == 3 && calls > 1 }
        Console.print(
            "timeouts: \(failures > 0 ? "some" : "none" as StaticString) timed out, all answered \(all)")
        Console.print("timeouts: strays \(store.strayPacketCount > 0), console cut off \(written < 8192)")
        _ = consume watch
    } catch { throw .store(error) }
}

/// Reads a line of which only half is typed in time.
func readLines() {
    do throws(ConsoleError) {
        var console = try ConsoleDevice()
        var start = Clock.now
        do throws(ConsoleError) { _ = try console.readByte(timeout: .milliseconds(200)) } catch {
            if error != .timedOut(written: 0) { throw error }
        }
        if Clock.now - start < 200_000_000 { Console.print("timeouts: typed BEFORE anything was") }
        while true {
            start = Clock.now
            do throws(ConsoleError) {
                let line = try console.readLine(timeout: .milliseconds(500))
                var text: Text = "timeouts: typed "
                for byte in line { text.append(byte: byte) }
                return Console.print(text)
            } catch {
                if error != .timedOut(written: 0) { throw error }
                Console.print("; not all is typed")
                if Clock.now - start < 500_000_000 { Console.print("timeouts: typed BEFORE its time") }
            }
        }
    } catch { Console.print("timeouts: FAILED to read") }
}

/// Writes more to the console than its ring holds; how much went out in time.
func fillConsole() -> Int {
    do throws(ConsoleError) {
        let console = try ConsoleDevice()
        do throws(ConsoleError) {
            try console.write([UInt8](repeating: 0x2E, count: 8192), timeout: .milliseconds(300))
            return 8192
        } catch {
            if case .timedOut(let written) = error { return written }
            throw error
        }
    } catch { return 8192 }
}
