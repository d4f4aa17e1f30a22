// SPDX-License-Identifier: Apache-2.0
#include "NetworkStack.h"

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/prot/tcp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

static struct netif card;
static struct pbuf *incoming;
static uint16_t incoming_count;
static bool card_segments, was_refused;

// What came and is not consumed waits in `unread`: bytes from `offset` of entry `first` on. lwIP keeps what does not fit.
enum { UNREAD = 32 };
struct connection {
    struct tcp_pcb *pcb;
    struct pbuf *unread[UNREAD];
    uint32_t first, count;
    uint16_t offset;
    // Polls, one a second, since anything moved though something waits.
    uint16_t stalled;
    bool is_finished;
};
static struct connection connections[STACK_CONNECTIONS];
// lwIP wants to hear from its callbacks that they aborted their connection.
static struct tcp_pcb *aborted;

u32_t sys_now(void) { return network_milliseconds(); }

// MARK: Sending

enum { ETHERNET = 14, ICMP = 1, TCP = 6, LARGEST_SEGMENT = 40, MTU = TCP_MSS + 40 };

// The frame as the card wants it: TCP's checksum field holds the sum of the pseudo-header, and a segment larger than the
// peer takes is cut by the card.
static err_t transmit(struct netif *netif, struct pbuf *frame) {
    uint8_t *bytes = frame->payload;
    bool is_blank = false;
    uint16_t segment = 0;
    (void)netif;
    if (frame->len >= ETHERNET + 40 && bytes[12] == 8 && bytes[13] == 0 && bytes[ETHERNET + 9] == TCP &&
        bytes[ETHERNET] == 0x45 && (bytes[ETHERNET + 6] & 0x3f) == 0 && bytes[ETHERNET + 7] == 0) {
        uint8_t *ip = bytes + ETHERNET, *tcp = ip + 20;
        uint32_t count = frame->tot_len - ETHERNET - 20, sum = TCP + count;
        for (int at = 12; at < 20; at += 2) sum += (uint32_t)ip[at] << 8 | ip[at + 1];
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        tcp[16] = (uint8_t)(sum >> 8);
        tcp[17] = (uint8_t)sum;
        is_blank = true;
        if (count - (tcp[12] >> 4) * 4u > TCP_MSS) segment = TCP_MSS;
    }
    if (network_transmit(frame, frame->tot_len, segment, is_blank)) return ERR_OK;
    was_refused = true;
    return ERR_MEM;
}

void stack_transmit_copy(const void *frame, uint16_t offset, void *to, uint16_t count) {
    pbuf_copy_partial(frame, to, count, offset);
}

void stack_transmit_again(void) {
    if (!was_refused) return;
    was_refused = false;
    tcp_txnow();
}

// MARK: Memory
//
// What connections may hold is more than there is. The last of it is kept for acknowledgements, ends and new connections:
// data is dropped, to come again, and writing waits. Who then holds memory for ten seconds without moving is reset.

enum { SMALL = 128, STALLED = 10, BUFFERS_KEPT = 64, HEAP_KEPT = 512 * 1024 };

static bool has_buffers(uint32_t count) {
    return (uint32_t)lwip_stats.memp[MEMP_PBUF_POOL]->used + count <= PBUF_POOL_SIZE - BUFFERS_KEPT;
}
static bool has_heap(void) { return lwip_stats.mem.used < MEM_SIZE - HEAP_KEPT; }
static bool is_short(void) {
    return lwip_stats.memp[MEMP_PBUF_POOL]->used > PBUF_POOL_SIZE / 2 || lwip_stats.mem.used > MEM_SIZE / 2;
}

// MARK: Receiving

bool stack_receive_begin(uint16_t count) {
    if (incoming != NULL) pbuf_free(incoming);
    incoming = NULL;
    if (count > SMALL && !has_buffers(((uint32_t)count + PBUF_POOL_BUFSIZE - 1) / PBUF_POOL_BUFSIZE)) return false;
    incoming = pbuf_alloc(PBUF_RAW, count, PBUF_POOL);
    incoming_count = 0;
    return incoming != NULL;
}

void stack_receive_piece(const void *bytes, uint16_t count) {
    if (incoming == NULL || count > incoming->tot_len - incoming_count) return;
    pbuf_take_at(incoming, bytes, count, incoming_count);
    incoming_count += count;
}

void stack_receive_end(bool is_checksum_good) {
    struct pbuf *frame = incoming;
    incoming = NULL;
    if (frame == NULL) return;
    // Answers to large pings are cut into fragments here; TCP's segments must not be.
    const uint8_t *bytes = frame->payload;
    bool is_ping = frame->len > ETHERNET + 9 && bytes[ETHERNET + 9] == ICMP;
    card.mtu = is_ping || !card_segments ? MTU : 0xffff;
    NETIF_SET_CHECKSUM_CTRL(&card, is_checksum_good ? NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_CHECK_TCP
                                                    : NETIF_CHECKSUM_ENABLE_ALL);
    if (card.input(frame, &card) != ERR_OK) pbuf_free(frame);
    card.mtu = card_segments ? 0xffff : MTU;
}

// MARK: Connections

static void forget(uint32_t number) {
    struct connection *one = &connections[number];
    while (one->count > 0) {
        pbuf_free(one->unread[one->first]);
        one->first = (one->first + 1) % UNREAD;
        one->count--;
    }
    one->pcb = NULL;
}

static void detach(struct tcp_pcb *pcb) {
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
}

static uint32_t number_of(void *argument) { return (uint32_t)((struct connection *)argument - connections); }

static err_t tell(void *argument, struct tcp_pcb *pcb) {
    aborted = NULL;
    network_ready(number_of(argument));
    return aborted == pcb ? ERR_ABRT : ERR_OK;
}

static err_t received(void *argument, struct tcp_pcb *pcb, struct pbuf *bytes, err_t error) {
    struct connection *one = argument;
    (void)error;
    if (bytes == NULL) {
        one->is_finished = true;
    } else {
        if (one->count == UNREAD) return ERR_MEM;
        one->unread[(one->first + one->count++) % UNREAD] = bytes;
    }
    return tell(argument, pcb);
}

static err_t sent(void *argument, struct tcp_pcb *pcb, u16_t count) {
    struct connection *one = argument;
    if (count > 0) one->stalled = 0;
    return tell(argument, pcb);
}

static err_t polled(void *argument, struct tcp_pcb *pcb) {
    struct connection *one = argument;
    if (one->count == 0 && tcp_sndqueuelen(pcb) == 0) one->stalled = 0;
    if (one->stalled++ < STALLED || !is_short()) return sent(argument, pcb, 0);
    uint32_t number = number_of(argument);
    stack_abort(number);
    network_lost(number);
    return ERR_ABRT;
}

static void lost(void *argument, err_t error) {
    uint32_t number = number_of(argument);
    (void)error;
    forget(number);
    network_lost(number);
}

// A connection that was closed and has not been able to say so yet.
static err_t close_again(void *argument, struct tcp_pcb *pcb) {
    (void)argument;
    if (tcp_close(pcb) == ERR_OK) tcp_poll(pcb, NULL, 0);
    return ERR_OK;
}

static err_t accepted(void *argument, struct tcp_pcb *pcb, err_t error) {
    uint32_t number = 0;
    (void)argument;
    if (pcb == NULL || error != ERR_OK) return ERR_VAL;
    while (number < STACK_CONNECTIONS && connections[number].pcb != NULL) number++;
    if (number == STACK_CONNECTIONS) {
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    connections[number] = (struct connection){.pcb = pcb};
    tcp_arg(pcb, &connections[number]);
    tcp_recv(pcb, received);
    tcp_sent(pcb, sent);
    tcp_err(pcb, lost);
    tcp_poll(pcb, polled, 2);
    tcp_nagle_disable(pcb);
    ip_set_option(pcb, SOF_KEEPALIVE);
    if (card_segments && pcb->mss == TCP_MSS) {
        // lwIP is told of a peer that takes large segments; the card cuts them. The congestion window must hold two.
        pcb->mss = TCP_MSS * LARGEST_SEGMENT;
        pcb->cwnd = 2 * (tcpwnd_size_t)pcb->mss;
        pcb->ssthresh = TCP_SND_BUF;
    }
    aborted = NULL;
    network_opened(number, pcb->local_port);
    return aborted == pcb ? ERR_ABRT : ERR_OK;
}

bool stack_listen(uint16_t port) {
    struct tcp_pcb *pcb = tcp_new(), *listener;
    if (pcb == NULL) return false;
    if (tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK || (listener = tcp_listen_with_backlog(pcb, 64)) == NULL) {
        tcp_close(pcb);
        return false;
    }
    tcp_accept(listener, accepted);
    return true;
}

const void *stack_readable(uint32_t connection, size_t *count) {
    struct connection *one = &connections[connection];
    struct pbuf *next = one->count == 0 ? NULL : one->unread[one->first];
    *count = next == NULL ? 0 : (size_t)next->len - one->offset;
    return next == NULL ? NULL : (const uint8_t *)next->payload + one->offset;
}

void stack_consume(uint32_t connection, size_t count) {
    struct connection *one = &connections[connection];
    size_t done = 0;
    if (count > 0) one->stalled = 0;
    while (done < count && one->count > 0) {
        struct pbuf *next = one->unread[one->first];
        size_t here = (size_t)next->len - one->offset;
        if (count - done < here) {
            one->offset += (uint16_t)(count - done);
            done = count;
            break;
        }
        done += here;
        one->offset = 0;
        if (next->next != NULL) {
            one->unread[one->first] = next->next;
            pbuf_ref(next->next);
        } else {
            one->first = (one->first + 1) % UNREAD;
            one->count--;
        }
        pbuf_free(next);
    }
    while (done > 0 && one->pcb != NULL) {
        uint16_t step = done > 0xffff ? 0xffff : (uint16_t)done;
        tcp_recved(one->pcb, step);
        done -= step;
    }
}

bool stack_is_finished(uint32_t connection) { return connections[connection].is_finished; }

size_t stack_writable(uint32_t connection) {
    struct tcp_pcb *pcb = connections[connection].pcb;
    return pcb == NULL || tcp_sndqueuelen(pcb) >= TCP_SND_QUEUELEN - 64 || !has_heap() ? 0 : tcp_sndbuf(pcb);
}

bool stack_write(uint32_t connection, const void *bytes, size_t count) {
    struct tcp_pcb *pcb = connections[connection].pcb;
    return pcb != NULL && count <= 0xffff && tcp_write(pcb, bytes, (u16_t)count, TCP_WRITE_FLAG_COPY) == ERR_OK;
}

void stack_flush(uint32_t connection) {
    if (connections[connection].pcb != NULL) tcp_output(connections[connection].pcb);
}

bool stack_finish(uint32_t connection) {
    return connections[connection].pcb == NULL || tcp_shutdown(connections[connection].pcb, 0, 1) == ERR_OK;
}

void stack_close(uint32_t connection) {
    struct tcp_pcb *pcb = connections[connection].pcb;
    if (pcb == NULL) return;
    struct connection *one = &connections[connection];
    // A connection closed over unread bytes would be reset.
    while (one->count > 0) stack_consume(connection, 0xffff);
    forget(connection);
    detach(pcb);
    if (tcp_close(pcb) != ERR_OK) tcp_poll(pcb, close_again, 1);
}

void stack_abort(uint32_t connection) {
    struct tcp_pcb *pcb = connections[connection].pcb;
    if (pcb == NULL) return;
    forget(connection);
    detach(pcb);
    aborted = pcb;
    tcp_abort(pcb);
}

// MARK: Start

static err_t set_up(struct netif *netif) {
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = card_segments ? 0xffff : MTU;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->hwaddr_len = 6;
    netif->output = etharp_output;
    netif->linkoutput = transmit;
    return ERR_OK;
}

void stack_start(const uint8_t *mac, uint32_t address, uint32_t mask, uint32_t gateway, bool segments) {
    ip4_addr_t own = {address}, bits = {mask}, way = {gateway};
    card_segments = segments;
    lwip_init();
    for (int at = 0; at < 6; at++) card.hwaddr[at] = mac[at];
    netif_add(&card, &own, &bits, &way, NULL, set_up, ethernet_input);
    netif_set_default(&card);
    netif_set_up(&card);
}

uint32_t stack_run_timers(void) {
    sys_check_timeouts();
    return sys_timeouts_sleeptime();
}
