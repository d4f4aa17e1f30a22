// SPDX-License-Identifier: Apache-2.0
// A stream to the store's unix socket. -errno on failure.
#pragma once

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline int sv_store_connect(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}
/// 0 at the end of the stream, -EAGAIN if it does not wait and nothing is there.
static inline int64_t sv_store_receive(int fd, void *buffer, uint64_t count, int waits) {
    ssize_t done;
    do done = recv(fd, buffer, count, waits ? 0 : MSG_DONTWAIT);
    while (done < 0 && errno == EINTR);
    return done < 0 ? -errno : done;
}
static inline int sv_store_send(int fd, const void *buffer, uint64_t count) {
    const char *bytes = (const char *)buffer;
    while (count > 0) {
        ssize_t done = send(fd, bytes, count, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -errno;
        bytes += done;
        count -= (uint64_t)done;
    }
    return 0;
}
