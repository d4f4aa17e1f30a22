// SPDX-License-Identifier: Apache-2.0
// TCP servers over lwIP, for one network card: what the Swift module Network calls and is called by. Not for several
// threads. A connection is a number below STACK_CONNECTIONS from its opening to its end.
#ifndef NETWORK_STACK_H
#define NETWORK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_CONNECTIONS 128

// Addresses are in network byte order; bytes[6] is the card's.
void stack_start(const uint8_t *mac, uint32_t address, uint32_t mask, uint32_t gateway, bool segments);
// False: the port is in use, or too many are.
bool stack_listen(uint16_t port);
// Runs what is due; returns milliseconds to the next timer.
uint32_t stack_run_timers(void);

// A frame came: begin, its pieces in order, end. begin is false when there is no memory: drop the frame.
bool stack_receive_begin(uint16_t count);
void stack_receive_piece(const void *bytes, uint16_t count);
void stack_receive_end(bool is_checksum_good);
// The card has room again after stack_transmit was false.
void stack_transmit_again(void);
// Copies bytes of the frame that stack_transmit is being asked to send.
void stack_transmit_copy(const void *frame, uint16_t offset, void *to, uint16_t count);

// The bytes that came and are not consumed, as far as they lie in one piece.
const void *stack_readable(uint32_t connection, size_t *count);
void stack_consume(uint32_t connection, size_t count);
// The peer sends no more after what is readable.
bool stack_is_finished(uint32_t connection);
size_t stack_writable(uint32_t connection);
// Takes all or, when memory is short, nothing.
bool stack_write(uint32_t connection, const void *bytes, size_t count);
// Sends what was written.
void stack_flush(uint32_t connection);
// Sends what was written, then the end; bytes still come. False: memory is short, ask again.
bool stack_finish(uint32_t connection);
// The number is free after either; what was written is still sent after the first.
void stack_close(uint32_t connection);
void stack_abort(uint32_t connection);

// MARK: Supplied by the Swift module.
uint32_t network_random(void);
uint32_t network_milliseconds(void);
// `segment`: cut into segments of so many bytes of TCP payload, 0 for none. False: no room now.
bool network_transmit(const void *frame, uint16_t count, uint16_t segment, bool is_checksum_blank);
void network_opened(uint32_t connection, uint16_t port);
// Bytes, room for bytes, or the peer's end came.
void network_ready(uint32_t connection);
// The connection ended without stack_close or stack_abort; the number is free.
void network_lost(uint32_t connection);

#endif
