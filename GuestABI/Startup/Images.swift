// SPDX-License-Identifier: Apache-2.0
import CGuest

/// Addresses of this guest's own image, for a guest that starts another domain from it.
public enum GuestImage {
    /// First byte; a multiple of 4096.
    public static var start: UInt64 { guest_address_image_start() }
    /// First byte after the zeroed part.
    public static var end: UInt64 { guest_address_image_end() }
    /// The part that changes while the guest runs, and its copy from before the first change.
    public static var dataStart: UInt64 { guest_address_data_start() }
    public static var dataEnd: UInt64 { guest_address_data_end() }
    public static var initialData: UInt64 { guest_address_data_copy() }
    /// Where the part starts that is zero at entry.
    public static var zeroedStart: UInt64 { guest_address_bss_start() }
    /// The PVH entry point.
    public static var entry: UInt64 { guest_address_entry() }
    /// A page of tiny programs that run at 0x1000; see entry.S for the four pieces of 256 bytes.
    public static var tinyPrograms: UInt64 { guest_address_tiny_domain() }
}
