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
        return [ring, console] + blockLayouts + netLayouts
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
}
