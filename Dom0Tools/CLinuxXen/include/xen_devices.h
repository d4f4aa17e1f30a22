// SPDX-License-Identifier: Apache-2.0
// Requests of Linux's Xen devices, which Swift cannot call itself: ioctl is variadic.
// Sources: Linux include/uapi/xen/{privcmd,evtchn,gntdev}.h. Each call returns -errno on failure.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static inline long sv_request(int fd, unsigned long request, void *argument) {
    int result = ioctl(fd, request, argument);
    return result < 0 ? -(long)errno : result;
}

static inline int sv_open_device(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/// Maps `length` bytes; returns NULL on failure and then writes errno to `error`. `fd` -1: anonymous memory.
static inline void *sv_map(int fd, uint64_t length, int writable, int populate, uint64_t offset, int *error) {
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    void *base = mmap(
        NULL, length, writable ? PROT_READ | PROT_WRITE : PROT_READ, flags | (populate ? MAP_POPULATE : 0), fd,
        (off_t)offset);
    if (base != MAP_FAILED) return base;
    *error = errno;
    return NULL;
}

// MARK: /dev/xen/privcmd

struct sv_hypercall {
    uint64_t operation;
    uint64_t arguments[5];
};
static inline long sv_privcmd_hypercall(
    int fd, uint64_t operation, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4) {
    struct sv_hypercall call = {operation, {a0, a1, a2, a3, a4}};
    return sv_request(fd, _IOC(_IOC_NONE, 'P', 0, sizeof(call)), &call);
}

struct sv_map_batch {
    uint32_t count;
    uint16_t domain;
    uint64_t address;
    const uint64_t *frames;
    int32_t *errors;
};
static inline long sv_privcmd_map_batch(
    int fd, uint16_t domain, uint64_t address, uint32_t count, const uint64_t *frames, int32_t *errors) {
    struct sv_map_batch batch = {count, domain, address, frames, errors};
    return sv_request(fd, _IOC(_IOC_NONE, 'P', 4, sizeof(batch)), &batch);
}

struct sv_map_resource {
    uint16_t domain;
    uint32_t type;
    uint32_t id;
    uint32_t index;
    uint64_t count;
    uint64_t address;
};
static inline long sv_privcmd_map_resource(
    int fd, uint16_t domain, uint32_t type, uint32_t id, uint32_t index, uint64_t count, uint64_t address) {
    struct sv_map_resource resource = {domain, type, id, index, count, address};
    return sv_request(fd, _IOC(_IOC_NONE, 'P', 7, sizeof(resource)), &resource);
}

// MARK: /dev/xen/evtchn

static inline long sv_evtchn_request(int fd, unsigned number, uint32_t first, uint32_t second, int words) {
    uint32_t argument[2] = {first, second};
    return sv_request(fd, _IOC(_IOC_NONE, 'E', number, (unsigned)words * sizeof(uint32_t)), argument);
}
static inline long sv_evtchn_bind_virq(int fd, uint32_t virq) { return sv_evtchn_request(fd, 0, virq, 0, 1); }
static inline long sv_evtchn_bind_interdomain(int fd, uint32_t domain, uint32_t port) {
    return sv_evtchn_request(fd, 1, domain, port, 2);
}
static inline long sv_evtchn_bind_unbound(int fd, uint32_t domain) { return sv_evtchn_request(fd, 2, domain, 0, 1); }
static inline long sv_evtchn_unbind(int fd, uint32_t port) { return sv_evtchn_request(fd, 3, port, 0, 1); }
static inline long sv_evtchn_notify(int fd, uint32_t port) { return sv_evtchn_request(fd, 4, port, 0, 1); }

// MARK: /dev/xen/gntdev

struct sv_grant_reference {
    uint32_t domain;
    uint32_t reference;
};
struct sv_map_grants {
    uint32_t count;
    uint32_t padding;
    uint64_t index;
    struct sv_grant_reference references[];
};
/// `request` holds `count` references; its index is set on return.
static inline long sv_gntdev_map(int fd, struct sv_map_grants *request) {
    return sv_request(fd, _IOC(_IOC_NONE, 'G', 0, sizeof(struct sv_map_grants) + sizeof(struct sv_grant_reference)),
                      request);
}
static inline void sv_gntdev_set_reference(
    struct sv_map_grants *request, uint32_t number, uint32_t domain, uint32_t reference) {
    request->references[number] = (struct sv_grant_reference){domain, reference};
}
static inline long sv_gntdev_unmap(int fd, uint64_t index, uint32_t count) {
    struct {
        uint64_t index;
        uint32_t count;
        uint32_t padding;
    } request = {index, count, 0};
    return sv_request(fd, _IOC(_IOC_NONE, 'G', 1, sizeof(request)), &request);
}
static inline long sv_gntdev_set_unmap_notify(int fd, uint64_t index, uint32_t action, uint32_t port) {
    struct {
        uint64_t index;
        uint32_t action;
        uint32_t port;
    } request = {index, action, port};
    return sv_request(fd, _IOC(_IOC_NONE, 'G', 7, sizeof(request)), &request);
}

/// One side of a grant copy is an address of this process (`address`), the other a grant
/// (bits 0 to 31 reference, 32 to 47 offset in the page, 48 to 63 domain).
struct sv_grant_copy_segment {
    uint64_t source;
    uint64_t destination;
    uint16_t length;
    uint16_t flags;
    int16_t status;
};
static inline long sv_gntdev_copy(int fd, uint32_t count, struct sv_grant_copy_segment *segments) {
    struct {
        uint32_t count;
        struct sv_grant_copy_segment *segments;
    } request = {count, segments};
    return sv_request(fd, _IOC(_IOC_NONE, 'G', 8, sizeof(request)), &request);
}

// MARK: Copies

typedef uint64_t sv_word_pair __attribute__((vector_size(16), aligned(1)));

/// Copies `count` bytes between ranges that do not overlap, in wide words. Not memcpy, which uses string instructions for
/// large blocks: an emulator runs those a byte at a time.
__attribute__((no_builtin("memcpy"))) static inline void sv_copy(void *target, const void *source, uint64_t count) {
    char *to = (char *)target;
    const char *from = (const char *)source;
    while (count >= 64) {
        sv_word_pair a = ((const sv_word_pair *)from)[0], b = ((const sv_word_pair *)from)[1];
        sv_word_pair c = ((const sv_word_pair *)from)[2], d = ((const sv_word_pair *)from)[3];
        ((sv_word_pair *)to)[0] = a;
        ((sv_word_pair *)to)[1] = b;
        ((sv_word_pair *)to)[2] = c;
        ((sv_word_pair *)to)[3] = d;
        from += 64;
        to += 64;
        count -= 64;
    }
    while (count > 0) {
        *to++ = *from++;
        count--;
    }
}

/// Reads one byte of every page, so that all are present.
static inline void sv_touch(const void *base, uint64_t count) {
    const volatile char *bytes = (const volatile char *)base;
    for (uint64_t at = 0; at < count; at += 4096) (void)bytes[at];
    if (count > 0) (void)bytes[count - 1];
}

/// True if all `count` bytes are zero.
static inline int sv_is_zero(const void *base, uint64_t count) {
    const char *at = (const char *)base;
    while (count >= 64) {
        const sv_word_pair *words = (const sv_word_pair *)at;
        sv_word_pair any = words[0] | words[1] | words[2] | words[3];
        if (any[0] | any[1]) return 0;
        at += 64;
        count -= 64;
    }
    for (uint64_t index = 0; index < count; index++)
        if (at[index]) return 0;
    return 1;
}
