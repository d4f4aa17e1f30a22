// SPDX-License-Identifier: Apache-2.0
// Linux event interfaces that Swift's Glibc module does not import. Each call returns -errno on failure.
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static const uint32_t sv_epoll_in = EPOLLIN;
static const uint32_t sv_epoll_out = EPOLLOUT;
static const uint32_t sv_epoll_peer_closed = EPOLLRDHUP;
static const uint32_t sv_epoll_hang_up = EPOLLHUP;
static const uint32_t sv_epoll_error = EPOLLERR;

/// Events one sv_epoll_wait can bring.
#define SV_EPOLL_BATCH 64

/// What one sv_epoll_wait brought: the token given when the descriptor was added, and its events.
struct sv_epoll_batch {
    struct epoll_event events[SV_EPOLL_BATCH];
};

static inline int sv_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static inline int sv_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(epoll, operation, fd, &event) < 0 ? -errno : 0;
}
static inline int sv_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    return sv_epoll_control(epoll, EPOLL_CTL_ADD, fd, events, token);
}
static inline int sv_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token) {
    return sv_epoll_control(epoll, EPOLL_CTL_MOD, fd, events, token);
}
static inline int sv_epoll_remove(int epoll, int fd) { return sv_epoll_control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

static inline int sv_epoll_wait(int epoll, struct sv_epoll_batch *batch, int milliseconds) {
    int count = epoll_wait(epoll, batch->events, SV_EPOLL_BATCH, milliseconds);
    return count < 0 ? -errno : count;
}
static inline uint64_t sv_epoll_token(const struct sv_epoll_batch *batch, int index) {
    return batch->events[index].data.u64;
}
static inline uint32_t sv_epoll_events(const struct sv_epoll_batch *batch, int index) {
    return batch->events[index].events;
}

static inline int sv_eventfd(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}
static inline void sv_eventfd_raise(int fd) {
    uint64_t one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {}
}
static inline void sv_eventfd_drain(int fd) {
    uint64_t count;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR) {}
}

/// Blocks the signals of `set` and makes `fd` (or a new descriptor, if fd is -1) report them.
static inline int sv_signalfd(int fd, const sigset_t *set) {
    if (sigprocmask(SIG_BLOCK, set, 0) < 0) return -errno;
    int result = signalfd(fd, set, SFD_CLOEXEC | SFD_NONBLOCK);
    return result < 0 ? -errno : result;
}
/// The number of the next pending signal, or 0.
static inline int sv_signalfd_next(int fd) {
    struct signalfd_siginfo info;
    ssize_t count;
    do count = read(fd, &info, sizeof info);
    while (count < 0 && errno == EINTR);
    return count == sizeof info ? (int)info.ssi_signo : 0;
}

/// Nanoseconds of the clock that never jumps.
static inline uint64_t sv_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
