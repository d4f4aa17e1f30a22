// SPDX-License-Identifier: Apache-2.0
import XenABI

extension LayoutCatalogue {
    /// Rings and device protocols: `public/io`.
    static var deviceLayouts: [LayoutTable] {
        let ring = LayoutTable(
            SharedRingLayout.self, c: "blkif_sring",
            [
                .init("requestProducer", c: "req_prod", Field<SharedRingLayout, UInt32>.requestProducer),
                .init("requestEvent", c: "req_event", Field<SharedRingLayout, UInt32>.requestEvent),
                .init("responseProducer", c: "rsp_prod", Field<SharedRingLayout, UInt32>.responseProducer),
                .init("responseEvent", c: "rsp_event", Field<SharedRingLayout, UInt32>.responseEvent),
                .init("privateWord", c: "pvt.pvt_pad", Field<SharedRingLayout, UInt32>.privateWord),
            ])
        let console = LayoutTable(
            ConsoleRingLayout.self, c: "xencons_interface",
            [
                .init("input", c: "in", Field<ConsoleRingLayout, UInt8>.input, count: 1024),
                .init("output", c: "out", Field<ConsoleRingLayout, UInt8>.output, count: 2048),
                .init("inputConsumer", c: "in_cons", Field<ConsoleRingLayout, UInt32>.inputConsumer),
                .init("inputProducer", c: "in_prod", Field<ConsoleRingLayout, UInt32>.inputProducer),
                .init("outputConsumer", c: "out_cons", Field<ConsoleRingLayout, UInt32>.outputConsumer),
                .init("outputProducer", c: "out_prod", Field<ConsoleRingLayout, UInt32>.outputProducer),
            ])
        return [ring, console] + blockLayouts + netLayouts + storeLayouts + deviceModelLayouts
    }

    private static var blockLayouts: [LayoutTable] {
        let segment = LayoutTable(
            BlockSegmentLayout.self, c: "blkif_request_segment",
            [
                .init("grant", c: "gref", Field<BlockSegmentLayout, UInt32>.grant),
                .init("firstSector", c: "first_sect", Field<BlockSegmentLayout, UInt8>.firstSector),
                .init("lastSector", c: "last_sect", Field<BlockSegmentLayout, UInt8>.lastSector),
            ])
        let request = LayoutTable(
            BlockRequestLayout.self, c: "blkif_request",
            [
                .init("operation", c: "operation", Field<BlockRequestLayout, UInt8>.operation),
                .init("segmentCount", c: "nr_segments", Field<BlockRequestLayout, UInt8>.segmentCount),
                .init("handle", c: "handle", Field<BlockRequestLayout, UInt16>.handle),
                .init("identifier", c: "id", Field<BlockRequestLayout, UInt64>.identifier),
                .init("sector", c: "sector_number", Field<BlockRequestLayout, UInt64>.sector),
            ])
        let request32 = LayoutTable(BlockRequest32Layout.self, c: "-", [])
        let discard = LayoutTable(
            BlockDiscardLayout.self, c: "blkif_request_discard",
            [
                .init("operation", c: "operation", Field<BlockDiscardLayout, UInt8>.operation),
                .init("flag", c: "flag", Field<BlockDiscardLayout, UInt8>.flag),
                .init("handle", c: "handle", Field<BlockDiscardLayout, UInt16>.handle),
                .init("identifier", c: "id", Field<BlockDiscardLayout, UInt64>.identifier),
                .init("sector", c: "sector_number", Field<BlockDiscardLayout, UInt64>.sector),
                .init("sectorCount", c: "nr_sectors", Field<BlockDiscardLayout, UInt64>.sectorCount),
            ])
        let indirect = LayoutTable(
            BlockIndirectLayout.self, c: "blkif_request_indirect",
            [
                .init("operation", c: "operation", Field<BlockIndirectLayout, UInt8>.operation),
                .init(
                    "indirectOperation", c: "indirect_op", Field<BlockIndirectLayout, UInt8>.indirectOperation
                ),
                .init("segmentCount", c: "nr_segments", Field<BlockIndirectLayout, UInt16>.segmentCount),
                .init("identifier", c: "id", Field<BlockIndirectLayout, UInt64>.identifier),
                .init("sector", c: "sector_number", Field<BlockIndirectLayout, UInt64>.sector),
                .init("handle", c: "handle", Field<BlockIndirectLayout, UInt16>.handle),
                .init("grants", c: "indirect_grefs", Field<BlockIndirectLayout, UInt32>.grants, count: 8),
            ])
        let response = LayoutTable(
            BlockResponseLayout.self, c: "blkif_response",
            [
                .init("identifier", c: "id", Field<BlockResponseLayout, UInt64>.identifier),
                .init("operation", c: "operation", Field<BlockResponseLayout, UInt8>.operation),
                .init("status", c: "status", Field<BlockResponseLayout, UInt16>.status),
            ])
        return [segment, request, request32, discard, indirect, response]
    }

    private static var netLayouts: [LayoutTable] {
        let transmitRequest = LayoutTable(
            NetTransmitRequestLayout.self, c: "netif_tx_request",
            [
                .init("grant", c: "gref", Field<NetTransmitRequestLayout, UInt32>.grant),
                .init("offset", c: "offset", Field<NetTransmitRequestLayout, UInt16>.offset),
                .init("flags", c: "flags", Field<NetTransmitRequestLayout, UInt16>.flags),
                .init("identifier", c: "id", Field<NetTransmitRequestLayout, UInt16>.identifier),
                .init("size", c: "size", Field<NetTransmitRequestLayout, UInt16>.size),
            ])
        let transmitResponse = LayoutTable(
            NetTransmitResponseLayout.self, c: "netif_tx_response",
            [
                .init("identifier", c: "id", Field<NetTransmitResponseLayout, UInt16>.identifier),
                .init("status", c: "status", Field<NetTransmitResponseLayout, UInt16>.status),
            ])
        let receiveRequest = LayoutTable(
            NetReceiveRequestLayout.self, c: "netif_rx_request",
            [
                .init("identifier", c: "id", Field<NetReceiveRequestLayout, UInt16>.identifier),
                .init("grant", c: "gref", Field<NetReceiveRequestLayout, UInt32>.grant),
            ])
        let receiveResponse = LayoutTable(
            NetReceiveResponseLayout.self, c: "netif_rx_response",
            [
                .init("identifier", c: "id", Field<NetReceiveResponseLayout, UInt16>.identifier),
                .init("offset", c: "offset", Field<NetReceiveResponseLayout, UInt16>.offset),
                .init("flags", c: "flags", Field<NetReceiveResponseLayout, UInt16>.flags),
                .init("status", c: "status", Field<NetReceiveResponseLayout, UInt16>.status),
            ])
        let extra = LayoutTable(
            NetExtraInfoLayout.self, c: "netif_extra_info",
            [
                .init("type", c: "type", Field<NetExtraInfoLayout, UInt8>.type),
                .init("flags", c: "flags", Field<NetExtraInfoLayout, UInt8>.flags),
                .init("gsoSize", c: "u.gso.size", Field<NetExtraInfoLayout, UInt16>.gsoSize),
                .init("gsoType", c: "u.gso.type", Field<NetExtraInfoLayout, UInt8>.gsoType),
                .init("gsoFeatures", c: "u.gso.features", Field<NetExtraInfoLayout, UInt16>.gsoFeatures),
            ])
        return [transmitRequest, transmitResponse, receiveRequest, receiveResponse, extra]
    }

    private static var storeLayouts: [LayoutTable] {
        let ring = LayoutTable(
            XenStoreRingLayout.self, c: "xenstore_domain_interface",
            [
                .init("requests", c: "req", Field<XenStoreRingLayout, UInt8>.requests, count: 1024),
                .init("responses", c: "rsp", Field<XenStoreRingLayout, UInt8>.responses, count: 1024),
                .init("requestConsumer", c: "req_cons", Field<XenStoreRingLayout, UInt32>.requestConsumer),
                .init("requestProducer", c: "req_prod", Field<XenStoreRingLayout, UInt32>.requestProducer),
                .init("responseConsumer", c: "rsp_cons", Field<XenStoreRingLayout, UInt32>.responseConsumer),
                .init("responseProducer", c: "rsp_prod", Field<XenStoreRingLayout, UInt32>.responseProducer),
                .init(
                    "serverFeatures", c: "server_features", Field<XenStoreRingLayout, UInt32>.serverFeatures),
                .init("connection", c: "connection", Field<XenStoreRingLayout, UInt32>.connection),
                .init("error", c: "error", Field<XenStoreRingLayout, UInt32>.error),
            ])
        let header = LayoutTable(
            XenStoreHeaderLayout.self, c: "xsd_sockmsg",
            [
                .init("operation", c: "type", Field<XenStoreHeaderLayout, UInt32>.operation),
                .init("requestID", c: "req_id", Field<XenStoreHeaderLayout, UInt32>.requestID),
                .init("transactionID", c: "tx_id", Field<XenStoreHeaderLayout, UInt32>.transactionID),
                .init("length", c: "len", Field<XenStoreHeaderLayout, UInt32>.length),
            ])
        return [ring, header]
    }

    private static var deviceModelLayouts: [LayoutTable] {
        let buffer = LayoutTable(
            DeviceModelBufferLayout.self, c: "xen_dm_op_buf",
            [
                .init("address", c: "h", Field<DeviceModelBufferLayout, UInt64>.address),
                .init("size", c: "size", Field<DeviceModelBufferLayout, UInt64>.size),
            ])
        let operation = LayoutTable(
            DeviceModelLayout.self, c: "xen_dm_op",
            [
                .init("operation", c: "op", Field<DeviceModelLayout, UInt32>.operation),
                .init(
                    "shutdownReason", c: "u.remote_shutdown.reason",
                    Field<DeviceModelLayout, UInt32>.shutdownReason,
                    isUnionMember: true),
                .init(
                    "vcpuCount", c: "u.nr_vcpus.vcpus", Field<DeviceModelLayout, UInt32>.vcpuCount,
                    isUnionMember: true),
            ])
        return [buffer, operation]
    }

    static var deviceConstants: [ConstantTable] {
        let t0 = ConstantTable(
            "XenStoreServerFeatures", "UInt32",
            [
                .init(
                    "reconnection", c: "XENSTORE_SERVER_FEATURE_RECONNECTION",
                    XenStoreServerFeatures.reconnection.rawValue),
                .init(
                    "errorField", c: "XENSTORE_SERVER_FEATURE_ERROR",
                    XenStoreServerFeatures.errorField.rawValue),
                .init("watchDepth", c: "-", XenStoreServerFeatures.watchDepth.rawValue),
            ])
        let t1 = ConstantTable(
            "XenStoreRingError", "UInt32",
            [
                .init("none", c: "XENSTORE_ERROR_NONE", XenStoreRingError.none.rawValue),
                .init("communication", c: "XENSTORE_ERROR_COMM", XenStoreRingError.communication.rawValue),
                .init("ringIndex", c: "XENSTORE_ERROR_RINGIDX", XenStoreRingError.ringIndex.rawValue),
                .init(
                    "protocolViolation", c: "XENSTORE_ERROR_PROTO",
                    XenStoreRingError.protocolViolation.rawValue),
            ])
        let t2 = ConstantTable(
            "XenStoreOperation", "UInt32",
            [
                .init("control", c: "XS_CONTROL", XenStoreOperation.control.rawValue),
                .init("directory", c: "XS_DIRECTORY", XenStoreOperation.directory.rawValue),
                .init("read", c: "XS_READ", XenStoreOperation.read.rawValue),
                .init("getPermissions", c: "XS_GET_PERMS", XenStoreOperation.getPermissions.rawValue),
                .init("watch", c: "XS_WATCH", XenStoreOperation.watch.rawValue),
                .init("unwatch", c: "XS_UNWATCH", XenStoreOperation.unwatch.rawValue),
                .init(
                    "transactionStart", c: "XS_TRANSACTION_START", XenStoreOperation.transactionStart.rawValue
                ),
                .init("transactionEnd", c: "XS_TRANSACTION_END", XenStoreOperation.transactionEnd.rawValue),
                .init("introduce", c: "XS_INTRODUCE", XenStoreOperation.introduce.rawValue),
                .init("release", c: "XS_RELEASE", XenStoreOperation.release.rawValue),
                .init("getDomainPath", c: "XS_GET_DOMAIN_PATH", XenStoreOperation.getDomainPath.rawValue),
                .init("write", c: "XS_WRITE", XenStoreOperation.write.rawValue),
                .init("makeDirectory", c: "XS_MKDIR", XenStoreOperation.makeDirectory.rawValue),
                .init("remove", c: "XS_RM", XenStoreOperation.remove.rawValue),
                .init("setPermissions", c: "XS_SET_PERMS", XenStoreOperation.setPermissions.rawValue),
                .init("watchEvent", c: "XS_WATCH_EVENT", XenStoreOperation.watchEvent.rawValue),
                .init("error", c: "XS_ERROR", XenStoreOperation.error.rawValue),
                .init(
                    "isDomainIntroduced", c: "XS_IS_DOMAIN_INTRODUCED",
                    XenStoreOperation.isDomainIntroduced.rawValue),
                .init("resume", c: "XS_RESUME", XenStoreOperation.resume.rawValue),
                .init("setTarget", c: "XS_SET_TARGET", XenStoreOperation.setTarget.rawValue),
                .init("resetWatches", c: "XS_RESET_WATCHES", XenStoreOperation.resetWatches.rawValue),
                .init("directoryPart", c: "XS_DIRECTORY_PART", XenStoreOperation.directoryPart.rawValue),
            ])
        let t3 = ConstantTable(
            "BlockOperation", "UInt8",
            [
                .init("read", c: "BLKIF_OP_READ", BlockOperation.read.rawValue),
                .init("write", c: "BLKIF_OP_WRITE", BlockOperation.write.rawValue),
                .init("writeBarrier", c: "BLKIF_OP_WRITE_BARRIER", BlockOperation.writeBarrier.rawValue),
                .init("flush", c: "BLKIF_OP_FLUSH_DISKCACHE", BlockOperation.flush.rawValue),
                .init("discard", c: "BLKIF_OP_DISCARD", BlockOperation.discard.rawValue),
                .init("indirect", c: "BLKIF_OP_INDIRECT", BlockOperation.indirect.rawValue),
            ])
        let t4 = ConstantTable(
            "BlockStatus", "Int16",
            [
                .init("okay", c: "BLKIF_RSP_OKAY", BlockStatus.okay.rawValue),
                .init("error", c: "BLKIF_RSP_ERROR", BlockStatus.error.rawValue),
                .init("notSupported", c: "BLKIF_RSP_EOPNOTSUPP", BlockStatus.notSupported.rawValue),
            ])
        let t5 = ConstantTable(
            "NetStatus", "Int16",
            [
                .init("okay", c: "NETIF_RSP_OKAY", NetStatus.okay.rawValue),
                .init("null", c: "NETIF_RSP_NULL", NetStatus.null.rawValue),
                .init("error", c: "NETIF_RSP_ERROR", NetStatus.error.rawValue),
                .init("dropped", c: "NETIF_RSP_DROPPED", NetStatus.dropped.rawValue),
            ])
        let t6 = ConstantTable(
            "NetExtraType", "UInt8",
            [
                .init("gso", c: "XEN_NETIF_EXTRA_TYPE_GSO", NetExtraType.gso.rawValue),
                .init(
                    "multicastAdd", c: "XEN_NETIF_EXTRA_TYPE_MCAST_ADD", NetExtraType.multicastAdd.rawValue),
                .init(
                    "multicastRemove", c: "XEN_NETIF_EXTRA_TYPE_MCAST_DEL",
                    NetExtraType.multicastRemove.rawValue),
                .init("hash", c: "XEN_NETIF_EXTRA_TYPE_HASH", NetExtraType.hash.rawValue),
            ])
        let t7 = ConstantTable(
            "NetGSOType", "UInt8",
            [
                .init("tcp4", c: "XEN_NETIF_GSO_TYPE_TCPV4", NetGSOType.tcp4.rawValue),
                .init("tcp6", c: "XEN_NETIF_GSO_TYPE_TCPV6", NetGSOType.tcp6.rawValue),
            ])
        let t8 = ConstantTable(
            "NetTransmitFlags", "UInt16",
            [
                .init("checksumBlank", c: "NETTXF_csum_blank", NetTransmitFlags.checksumBlank.rawValue),
                .init("dataValidated", c: "NETTXF_data_validated", NetTransmitFlags.dataValidated.rawValue),
                .init("moreData", c: "NETTXF_more_data", NetTransmitFlags.moreData.rawValue),
                .init("extraInfo", c: "NETTXF_extra_info", NetTransmitFlags.extraInfo.rawValue),
            ])
        let t9 = ConstantTable(
            "NetReceiveFlags", "UInt16",
            [
                .init("dataValidated", c: "NETRXF_data_validated", NetReceiveFlags.dataValidated.rawValue),
                .init("checksumBlank", c: "NETRXF_csum_blank", NetReceiveFlags.checksumBlank.rawValue),
                .init("moreData", c: "NETRXF_more_data", NetReceiveFlags.moreData.rawValue),
                .init("extraInfo", c: "NETRXF_extra_info", NetReceiveFlags.extraInfo.rawValue),
                .init("gsoPrefix", c: "NETRXF_gso_prefix", NetReceiveFlags.gsoPrefix.rawValue),
            ])
        let deviceModel = ConstantTable(
            "DeviceModelOperation", "UInt32",
            [
                .init("remoteShutdown", c: "XEN_DMOP_remote_shutdown", DeviceModelOperation.remoteShutdown),
                .init("vcpuCount", c: "XEN_DMOP_nr_vcpus", DeviceModelOperation.vcpuCount),
            ])
        return [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, deviceModel]
    }
}
