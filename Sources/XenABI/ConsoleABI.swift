// SPDX-License-Identifier: Apache-2.0

/// The page a guest and its console's backend share. `struct xencons_interface`, `public/io/console.h`. 3088 bytes.
///
/// Two byte rings; all four indices run freely through 32 bits.
public enum ConsoleRingLayout: ABILayout { @inlinable public static var byteCount: Int { 3088 } }
extension ConsoleRingLayout {
    /// Size in bytes of `in`, the ring to the guest.
    @inlinable public static var inputByteCount: Int { 1024 }
    /// Size in bytes of `out`, the ring from the guest.
    @inlinable public static var outputByteCount: Int { 2048 }
}
extension Field<ConsoleRingLayout, UInt8> {
    /// First byte of the ring to the guest. `in`.
    @inlinable public static var input: Self { .init(at: 0) }
    /// First byte of the ring from the guest. `out`.
    @inlinable public static var output: Self { .init(at: 1024) }
}
extension Field<ConsoleRingLayout, UInt32> {
    /// `in_cons`.
    @inlinable public static var inputConsumer: Self { .init(at: 3072) }
    /// `in_prod`.
    @inlinable public static var inputProducer: Self { .init(at: 3076) }
    /// `out_cons`.
    @inlinable public static var outputConsumer: Self { .init(at: 3080) }
    /// `out_prod`.
    @inlinable public static var outputProducer: Self { .init(at: 3084) }
}
