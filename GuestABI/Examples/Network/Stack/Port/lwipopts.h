// SPDX-License-Identifier: Apache-2.0
// lwIP for a guest with one network card, a fixed IPv4 address and TCP servers. Everything has a bound: pools and heap
// are arrays of the image.
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_NETIF_API 0
// Only the use of memory is counted.
#define LWIP_STATS 1
#define MEM_STATS 1
#define MEMP_STATS 1
#define LINK_STATS 0
#define ETHARP_STATS 0
#define IP_STATS 0
#define IPFRAG_STATS 0
#define ICMP_STATS 0
#define TCP_STATS 0
#define SYS_STATS 0
#define LWIP_IPV6 0
#define LWIP_UDP 0
#define LWIP_RAW 0
#define LWIP_DHCP 0
#define LWIP_AUTOIP 0
#define LWIP_IGMP 0
#define LWIP_DNS 0
#define LWIP_ICMP 1
#define LWIP_ARP 1
#define ARP_QUEUEING 1
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define ETH_PAD_SIZE 0
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define LWIP_SINGLE_NETIF 1

// Memory: 4 MiB of packet buffers in, 4 MiB for what is to be sent.
#define MEM_ALIGNMENT 16
#define MEM_SIZE (4 * 1024 * 1024)
#define PBUF_POOL_SIZE 1024
#define PBUF_POOL_BUFSIZE 4096
#define MEMP_NUM_PBUF 256
#define MEMP_NUM_ARP_QUEUE 64
#define MEMP_NUM_REASSDATA 8
#define IP_REASS_MAX_PBUFS 64
#define IP_REASSEMBLY 1
#define IP_FRAG 1
#define MEMP_NUM_FRAG_PBUF 64

#define LWIP_TCP 1
#define MEMP_NUM_TCP_PCB 128
#define MEMP_NUM_TCP_PCB_LISTEN 4
#define MEMP_NUM_TCP_SEG 4096
#define TCP_LISTEN_BACKLOG 1
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 3
#define TCP_WND (256 * 1024)
#define TCP_SND_BUF (256 * 1024)
#define TCP_SND_QUEUELEN 1024
#define TCP_SNDLOWAT 32768
#define TCP_SNDQUEUELOWAT 512
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_BYTES (64 * 1024)
#define TCP_OOSEQ_MAX_PBUFS 64
#define LWIP_TCP_SACK_OUT 0
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_KEEPALIVE 1
#define TCP_KEEPIDLE_DEFAULT 60000U
#define TCP_KEEPINTVL_DEFAULT 10000U
#define TCP_KEEPCNT_DEFAULT 6U

// Checksums: what comes is checked, or not where the backend vouches for it; TCP's going out is left to the backend.
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define CHECKSUM_GEN_TCP 0

#define LWIP_NOASSERT 1
#define LWIP_NETIF_STATUS_CALLBACK 0
#define LWIP_NETIF_HOSTNAME 0

#endif
