// SPDX-License-Identifier: Apache-2.0
// A small io_uring: one thread puts reads, writes and flushes in and takes completions out. -errno on failure.
#pragma once

#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/// The mapped queues. Zero it, then sv_uring_open.
struct sv_uring {
    int fd;
    uint32_t entries;
    uint32_t unsubmitted;
    uint32_t *sq_head, *sq_tail, *sq_array;
    uint32_t *cq_head, *cq_tail;
    uint32_t sq_mask, cq_mask;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    void *rings;
    uint64_t rings_bytes, sqes_bytes;
};

static inline void sv_uring_close(struct sv_uring *ring) {
    if (ring->sqes) munmap(ring->sqes, ring->sqes_bytes);
    if (ring->rings) munmap(ring->rings, ring->rings_bytes);
    if (ring->fd > 0) close(ring->fd);
    memset(ring, 0, sizeof *ring);
}
static inline int sv_uring_open(struct sv_uring *ring, uint32_t entries) {
    struct io_uring_params params;
    memset(&params, 0, sizeof params);
    memset(ring, 0, sizeof *ring);
    int fd = (int)syscall(__NR_io_uring_setup, entries, &params);
    if (fd < 0) return -errno;
    ring->fd = fd;
    if (!(params.features & IORING_FEAT_SINGLE_MMAP)) {
        sv_uring_close(ring);
        return -ENOSYS;
    }
    uint64_t sq_bytes = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
    uint64_t cq_bytes = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    ring->rings_bytes = sq_bytes > cq_bytes ? sq_bytes : cq_bytes;
    ring->sqes_bytes = params.sq_entries * sizeof(struct io_uring_sqe);
    void *rings = mmap(0, ring->rings_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
    void *sqes = mmap(0, ring->sqes_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
    ring->rings = rings == MAP_FAILED ? 0 : rings;
    ring->sqes = sqes == MAP_FAILED ? 0 : (struct io_uring_sqe *)sqes;
    if (!ring->rings || !ring->sqes) {
        sv_uring_close(ring);
        return -ENOMEM;
    }
    char *base = (char *)ring->rings;
    ring->entries = params.sq_entries;
    ring->sq_head = (uint32_t *)(base + params.sq_off.head);
    ring->sq_tail = (uint32_t *)(base + params.sq_off.tail);
    ring->sq_array = (uint32_t *)(base + params.sq_off.array);
    ring->sq_mask = *(uint32_t *)(base + params.sq_off.ring_mask);
    ring->cq_head = (uint32_t *)(base + params.cq_off.head);
    ring->cq_tail = (uint32_t *)(base + params.cq_off.tail);
    ring->cq_mask = *(uint32_t *)(base + params.cq_off.ring_mask);
    ring->cqes = (struct io_uring_cqe *)(base + params.cq_off.cqes);
    return 0;
}
/// Puts one operation in. 0 if the queue is full.
static inline int sv_uring_put(
    struct sv_uring *ring, uint8_t opcode, int fd, void *buffer, uint32_t count, uint64_t offset, uint64_t token) {
    uint32_t tail = *ring->sq_tail;
    if (tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE) >= ring->entries) return 0;
    struct io_uring_sqe *entry = &ring->sqes[tail & ring->sq_mask];
    memset(entry, 0, sizeof *entry);
    entry->opcode = opcode;
    entry->fd = fd;
    entry->addr = (uint64_t)(uintptr_t)buffer;
    entry->len = count;
    entry->off = offset;
    entry->user_data = token;
    ring->sq_array[tail & ring->sq_mask] = tail & ring->sq_mask;
    __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
    ring->unsubmitted++;
    return 1;
}
static inline int sv_uring_put_read(
    struct sv_uring *ring, int fd, void *buffer, uint32_t count, uint64_t offset, uint64_t token) {
    return sv_uring_put(ring, IORING_OP_READ, fd, buffer, count, offset, token);
}
static inline int sv_uring_put_write(
    struct sv_uring *ring, int fd, void *buffer, uint32_t count, uint64_t offset, uint64_t token) {
    return sv_uring_put(ring, IORING_OP_WRITE, fd, buffer, count, offset, token);
}
static inline int sv_uring_put_flush(struct sv_uring *ring, int fd, uint64_t token) {
    int done = sv_uring_put(ring, IORING_OP_FSYNC, fd, 0, 0, 0, token);
    if (done) ring->sqes[(*ring->sq_tail - 1) & ring->sq_mask].fsync_flags = IORING_FSYNC_DATASYNC;
    return done;
}
/// Hands what was put in to the kernel.
static inline int sv_uring_submit(struct sv_uring *ring, uint32_t wait_for) {
    while (ring->unsubmitted > 0 || wait_for > 0) {
        int done = (int)syscall(
            __NR_io_uring_enter, ring->fd, ring->unsubmitted, wait_for, wait_for ? IORING_ENTER_GETEVENTS : 0, 0, 0);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -errno;
        ring->unsubmitted -= (uint32_t)done;
        wait_for = 0;
    }
    return 0;
}
/// Takes one completion out. 0 if there is none.
static inline int sv_uring_take(struct sv_uring *ring, uint64_t *token, int32_t *result) {
    uint32_t head = *ring->cq_head;
    if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE)) return 0;
    struct io_uring_cqe *entry = &ring->cqes[head & ring->cq_mask];
    *token = entry->user_data;
    *result = entry->res;
    __atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
    return 1;
}
