// SPDX-License-Identifier: Apache-2.0
// Sockets and mapped files of the store service and its client. Each call returns -errno on failure.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static inline int sv_unix_address(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

/// A listening socket at `path`, in place of whatever stood there, open to this user only. Not blocking.
static inline int sv_unix_listen(const char *path) {
    struct sockaddr_un address;
    int error = sv_unix_address(&address, path);
    if (error) return error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0600) < 0 || listen(fd, 64) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

// glibc declares it only for _GNU_SOURCE, which a header cannot count on.
extern int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);

/// The next connection of a listening socket. Not blocking.
static inline int sv_unix_accept(int listener) {
    int fd = accept4(listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

/// A connection to the socket at `path`. Blocking.
static inline int sv_unix_connect(const char *path) {
    struct sockaddr_un address;
    int error = sv_unix_address(&address, path);
    if (error) return error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static inline ptrdiff_t sv_receive(int fd, void *buffer, size_t count, int blocks) {
    ssize_t result;
    do result = recv(fd, buffer, count, blocks ? 0 : MSG_DONTWAIT);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}
static inline ptrdiff_t sv_send(int fd, const void *buffer, size_t count, int blocks) {
    ssize_t result;
    do result = send(fd, buffer, count, MSG_NOSIGNAL | (blocks ? 0 : MSG_DONTWAIT));
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

/// Waits until `fd` is readable. 0 when the time is over.
static inline int sv_wait_readable(int fd, int milliseconds) {
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int result;
    do result = poll(&entry, 1, milliseconds);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

/// Opens or makes a file for reading and writing. With `fresh` it is emptied.
static inline int sv_journal_open(const char *path, int fresh) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (fresh ? O_TRUNC : 0), 0600);
    return fd < 0 ? -errno : fd;
}
static inline int64_t sv_file_size(int fd) {
    struct stat status;
    return fstat(fd, &status) < 0 ? -errno : status.st_size;
}
/// Makes the file `size` bytes long and backed by memory or disk, so that writing to its mapping cannot fail.
static inline int sv_file_extend(int fd, int64_t size) {
    int error = posix_fallocate(fd, 0, size);
    return -error;
}
static inline void *sv_file_map(int fd, int64_t size, int *error) {
    void *start = mmap(0, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (start == MAP_FAILED) {
        *error = errno;
        return 0;
    }
    return start;
}
