// SPDX-License-Identifier: Apache-2.0
// Tap devices and bridge ports. -errno on failure.
#pragma once

#include <linux/virtio_net.h>
#include <stdint.h>

#define SV_TAP_HEADER_BYTES 10
static const uint8_t sv_vnet_needs_checksum = VIRTIO_NET_HDR_F_NEEDS_CSUM;
static const uint8_t sv_vnet_data_valid = VIRTIO_NET_HDR_F_DATA_VALID;
static const uint8_t sv_vnet_gso_tcp4 = VIRTIO_NET_HDR_GSO_TCPV4;
static const uint8_t sv_vnet_gso_tcp6 = VIRTIO_NET_HDR_GSO_TCPV6;
static const uint8_t sv_vnet_gso_ecn = VIRTIO_NET_HDR_GSO_ECN;

/// Opens the tap device `name`, creating it; it vanishes with the descriptor. Frames carry a 10-byte
/// virtio_net_hdr in front.
int sv_tap_open(const char *name);
/// What frames read from the tap may need of their reader.
int sv_tap_set_offload(int fd, int checksum, int tcp4, int tcp6);
int64_t sv_tap_read(int fd, void *buffer, uint64_t count);
int64_t sv_tap_write(int fd, const void *buffer, uint64_t count);
int sv_interface_index(const char *name);
int sv_interface_set_up(const char *name, int is_up);
int sv_interface_set_mtu(const char *name, int byte_count);
/// Gives the interface the address fe:ff:ff:ff:ff:ff, which a bridge never takes for its own.
int sv_interface_set_port_address(const char *name);
int sv_bridge_add(const char *bridge, int interface_index);
