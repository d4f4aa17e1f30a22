// SPDX-License-Identifier: Apache-2.0
public import RingProtocol
public import XenABI
public import XenBus

/// Zeroed pages of this domain that one other domain may use, until the object goes.
///
/// A page that the other domain still has mapped then is not used again before it let go of it.
public protocol SharedPages: AnyObject {
    /// Pages next to each other.
    var pageCount: Int { get }
    /// The grant of the page.
    func reference(_ page: Int) -> GrantReference
    /// The pages as a ring.
    func ring(slotByteCount: Int) -> RingMemory
    /// Keeps an object, such as further pages that the other domain was told of here, until it has let go of these pages.
    func keep(_ object: AnyObject)
    /// The byte at an offset; the other domain may change it at any moment. An offset out of range traps.
    func byte(at offset: Int) -> UInt8
    func setByte(_ byte: UInt8, at offset: Int)
}

extension SharedPages {
    /// A copy of `count` bytes from `offset`, each read once. A range beyond the pages traps.
    public func bytes(_ offset: Int, _ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for index in 0..<count { bytes.append(byte(at: offset + index)) }
        return bytes
    }
    /// Copies the bytes to `offset`. A range beyond the pages traps.
    public func setBytes(_ bytes: [UInt8], at offset: Int = 0) {
        for index in 0..<bytes.count { setByte(bytes[index], at: offset + index) }
    }
}

/// An event channel port that the backend connects to; closed when the object goes.
public protocol FrontendPort: AnyObject {
    var port: EventPort { get }
    /// Raises an event at the other end.
    func notify()
}

/// What a frontend needs of the machine it runs on: grants, event channels, the store. A guest's is `GuestPlatform`, a
/// host test's is `InMemoryFrontendPlatform`.
public protocol FrontendPlatform: AnyObject {
    associatedtype Pages: SharedPages
    associatedtype Port: FrontendPort
    /// Lasts as long as the object.
    associatedtype Watch: AnyObject

    /// Pages for the domain. `isReadOnly`: it may not write them.
    func share(pageCount: Int, with domain: DomainID, isReadOnly: Bool) throws(DriverError) -> Pages
    /// A port for the domain to connect to. `onEvent` may be called from an interrupt handler.
    func openPort(to domain: DomainID, onEvent: @escaping () -> Void) throws(DriverError) -> Port
    /// The value of a node, nil if there is none. A path that does not start with `/` is below the domain's own directory.
    func read(_ path: StoreText) throws(DriverError) -> StoreText?
    /// Writes all the values or none.
    func write(_ values: [(path: StoreText, value: StoreText)]) throws(DriverError)
    /// Calls `onChange` soon after, and then when something at or below the path changes. Not from interrupt handlers.
    func watch(_ path: StoreText, _ onChange: @escaping () -> Void) throws(DriverError) -> Watch
    /// Nanoseconds of a clock that never goes back.
    var now: UInt64 { get }
    /// Sleeps until `condition` holds, which is asked after each event, or until `now` is `deadline` (`UInt64.max`: never).
    /// False if it does not hold: it is too late, or there is nothing left to wait for.
    func wait(before deadline: UInt64, until condition: () -> Bool) -> Bool
}
