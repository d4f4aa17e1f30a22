// SPDX-License-Identifier: Apache-2.0
// measure: the work that the block and network figures are taken with; runs in Dom0 and, statically linked, in DomUs.
//
//     measure read DEVICE SIZE COUNT        sequential O_DIRECT reads; prints "µs per read"
//     measure random DEVICE SIZE COUNT      O_DIRECT reads at random multiples of SIZE
//     measure write DEVICE SIZE COUNT       sequential O_DIRECT writes, then fdatasync
//     measure serve PORT                    answers `send`, `receive` and `turns` connections until killed
//     measure send ADDRESS PORT MIB         stream to the server; prints Mbit/s
//     measure receive ADDRESS PORT MIB      stream from the server; prints Mbit/s
//     measure turns ADDRESS PORT COUNT      one byte there, one byte back; prints µs per turn
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <linux/fs.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { STREAM_BLOCK = 128 << 10 };
static char *stream_buffer;

static void die(const char *what) {
    fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static uint64_t number(const char *text) {
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno || *end || end == text || value == 0) {
        fprintf(stderr, "measure: %s is not a number above 0\n", text);
        exit(2);
    }
    return value;
}

static uint64_t size_of(int file) {
    uint64_t size = 0;
    struct stat status;
    if (fstat(file, &status)) die("fstat");
    if (S_ISREG(status.st_mode)) return status.st_size;
    if (ioctl(file, BLKGETSIZE64, &size)) die("size of the device");
    return size;
}

static void block(const char *how, const char *path, uint64_t size, uint64_t count) {
    int writes = !strcmp(how, "write"), random = !strcmp(how, "random");
    int file = open(path, (writes ? O_WRONLY : O_RDONLY) | O_DIRECT);
    if (file < 0) die(path);
    uint64_t places = size_of(file) / size, state = 88172645463325252u;
    if (places == 0) { errno = ENOSPC; die(path); }
    void *buffer;
    if (posix_memalign(&buffer, 4096, size)) die("memory");
    memset(buffer, 0x5a, size);
    // One to warm up: opens the path through every layer.
    if (!writes && pread(file, buffer, size, 0) != (ssize_t)size) die("read");
    double began = now();
    for (uint64_t n = 0; n < count; n++) {
        state ^= state << 13; state ^= state >> 7; state ^= state << 17;
        uint64_t place = (random ? state : n) % places;
        ssize_t done = writes ? pwrite(file, buffer, size, place * size) : pread(file, buffer, size, place * size);
        if (done != (ssize_t)size) die(writes ? "write" : "read");
    }
    if (writes && fdatasync(file)) die("fdatasync");
    printf("%.2f\n", (now() - began) / count);
}

static void transfer(int connection, uint64_t bytes, int sends) {
    while (bytes) {
        size_t part = bytes < STREAM_BLOCK ? bytes : STREAM_BLOCK;
        ssize_t done = sends ? write(connection, stream_buffer, part) : read(connection, stream_buffer, part);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) die(sends ? "send" : "receive");
        bytes -= done;
    }
}

static int connection_to(const char *address, const char *port) {
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(number(port)) };
    if (inet_pton(AF_INET, address, &name.sin_addr) != 1) { errno = EINVAL; die(address); }
    int connection = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (connection < 0 || connect(connection, (struct sockaddr *)&name, sizeof name)) die("connect");
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return connection;
}

// A request is one letter and a count: what the server does with that many bytes or turns. It ends with one byte back.
static void request(int connection, char what, uint64_t count) {
    char message[9] = { what };
    memcpy(message + 1, &count, 8);
    if (write(connection, message, 9) != 9) die("request");
}

static void turns(int connection, uint64_t count, int answers) {
    char byte = 0;
    for (uint64_t n = 0; n < count; n++) {
        if (!answers && write(connection, &byte, 1) != 1) die("send");
        if (read(connection, &byte, 1) != 1) die("receive");
        if (answers && write(connection, &byte, 1) != 1) die("send");
    }
}

static void serve(const char *port) {
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(number(port)) };
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (listener < 0 || bind(listener, (struct sockaddr *)&name, sizeof name) || listen(listener, 4)) die("listen");
    puts("ready");
    fflush(stdout);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0) die("accept");
        if (fork() == 0) {
            char message[9], done = 0;
            uint64_t count, got = 0;
            setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            while (got < 9) {
                ssize_t part = read(connection, message + got, 9 - got);
                if (part <= 0) exit(1);
                got += part;
            }
            memcpy(&count, message + 1, 8);
            if (message[0] == 't') turns(connection, count, 1);
            else transfer(connection, count, message[0] == 'r');
            if (write(connection, &done, 1) != 1) exit(1);
            exit(0);
        }
        close(connection);
    }
}

static void stream(const char *how, const char *address, const char *port, uint64_t mib) {
    int connection = connection_to(address, port), sends = !strcmp(how, "send");
    char done;
    double began = now();
    request(connection, sends ? 's' : 'r', mib << 20);
    transfer(connection, mib << 20, sends);
    if (read(connection, &done, 1) != 1) die("end of the stream");
    printf("%.1f\n", (mib << 20) * 8.0 / (now() - began));
}

int main(int count, char **words) {
    stream_buffer = calloc(1, STREAM_BLOCK);
    if (!stream_buffer) die("memory");
    const char *how = count > 1 ? words[1] : "";
    if (count == 5 && (!strcmp(how, "read") || !strcmp(how, "random") || !strcmp(how, "write"))) {
        block(how, words[2], number(words[3]), number(words[4]));
    } else if (count == 3 && !strcmp(how, "serve")) {
        serve(words[2]);
    } else if (count == 5 && (!strcmp(how, "send") || !strcmp(how, "receive"))) {
        stream(how, words[2], words[3], number(words[4]));
    } else if (count == 5 && !strcmp(how, "turns")) {
        int connection = connection_to(words[2], words[3]);
        uint64_t number_of = number(words[4]);
        request(connection, 't', number_of);
        double began = now();
        turns(connection, number_of, 0);
        printf("%.2f\n", (now() - began) / number_of);
    } else {
        fprintf(stderr, "usage: measure read|random|write DEVICE SIZE COUNT | serve PORT |\n"
                        "       send|receive|turns ADDRESS PORT COUNT\n");
        return 2;
    }
    return 0;
}
