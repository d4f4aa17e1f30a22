// SPDX-License-Identifier: Apache-2.0

/// The header at the start of every shared ring. `struct …_sring`, `public/io/ring.h`. 64 bytes; slots follow.
///
/// All indices run freely through 32 bits; a slot's number is the index modulo the number of slots.
public enum SharedRingLayout: ABILayout { @inlinable public static var byteCount: Int { 64 } }
extension Field<SharedRingLayout, UInt32> {
    /// One past the newest request. Written by the frontend. `req_prod`.
    @inlinable public static var requestProducer: Self { .init(at: 0) }
    /// The backend wants a notification when `requestProducer` reaches this. `req_event`.
    @inlinable public static var requestEvent: Self { .init(at: 4) }
    /// One past the newest response. Written by the backend. `rsp_prod`.
    @inlinable public static var responseProducer: Self { .init(at: 8) }
    /// The frontend wants a notification when `responseProducer` reaches this. `rsp_event`.
    @inlinable public static var responseEvent: Self { .init(at: 12) }
    /// Four bytes that the ring protocol leaves to the device; zero at start. `pvt_pad`.
    @inlinable public static var privateWord: Self { .init(at: 16) }
}
