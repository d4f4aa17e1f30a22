// SPDX-License-Identifier: Apache-2.0

/// Names of nodes in a device's directories. `public/io/xenbus.h`, `blkif.h`, `netif.h`.
public enum XenBusKey {
    /// Where the end itself stands.
    public static var state: StaticString { "state" }
    /// In the frontend's directory: path of the backend's.
    public static var backend: StaticString { "backend" }
    /// In the frontend's directory: domain of the backend.
    public static var backendID: StaticString { "backend-id" }
    /// In the backend's directory: path of the frontend's.
    public static var frontend: StaticString { "frontend" }
    /// In the backend's directory: domain of the frontend.
    public static var frontendID: StaticString { "frontend-id" }
    /// In the backend's directory: 1 while the device is to exist, 0 when it is to go.
    public static var online: StaticString { "online" }
    /// In the backend's directory: `connected` when its host-side resource is ready.
    public static var hotplugStatus: StaticString { "hotplug-status" }
    /// Grant of a ring of one page; with several pages a number follows the name.
    public static var ringReference: StaticString { "ring-ref" }
    /// Base-two logarithm of the number of ring pages, if there are several.
    public static var ringPageOrder: StaticString { "ring-page-order" }
    public static var maximumRingPageOrder: StaticString { "max-ring-page-order" }
    public static var eventChannel: StaticString { "event-channel" }
    public static var transmitEventChannel: StaticString { "event-channel-tx" }
    public static var receiveEventChannel: StaticString { "event-channel-rx" }
    public static var transmitRingReference: StaticString { "tx-ring-ref" }
    public static var receiveRingReference: StaticString { "rx-ring-ref" }
    /// How ring entries are laid out: `x86_64-abi` or `x86_32-abi`.
    public static var `protocol`: StaticString { "protocol" }
    public static var queueCount: StaticString { "multi-queue-num-queues" }
    public static var maximumQueueCount: StaticString { "multi-queue-max-queues" }
}
