// SPDX-License-Identifier: Apache-2.0
// Disk images and block devices: Linux calls that Swift's Glibc module does not import. -errno on failure.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef O_DIRECT
#define O_DIRECT 040000
#endif
#ifndef RAMFS_MAGIC
#define RAMFS_MAGIC 0x858458f6
#endif

int fallocate(int fd, int mode, off_t offset, off_t length);

/// What a disk image or block device is.
struct sv_storage_info {
    uint64_t byte_count;
    uint32_t sector_byte_count;           ///< logical
    uint32_t physical_sector_byte_count;
    uint32_t discard_granularity;         ///< 0: no discard
    uint8_t is_block_device;
    uint8_t is_regular_file;
    uint8_t is_in_memory;                 ///< a file of tmpfs or ramfs: the page cache is the disk
};

static inline int sv_storage_open(const char *path, int is_read_only) {
    int fd = open(path, (is_read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
/// Switches page-cache use off (1) or on (0). Fails with -EINVAL where the file system cannot.
static inline int sv_storage_set_direct(int fd, int is_direct) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    return fcntl(fd, F_SETFL, is_direct ? flags | O_DIRECT : flags & ~O_DIRECT) < 0 ? -errno : 0;
}
/// -EWOULDBLOCK: somebody else holds a lock that excludes this one.
static inline int sv_storage_lock(int fd, int is_shared) {
    return flock(fd, (is_shared ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0 ? -errno : 0;
}
static inline int sv_storage_inspect(int fd, struct sv_storage_info *info) {
    struct stat status;
    struct statfs fs;
    if (fstat(fd, &status) < 0 || fstatfs(fd, &fs) < 0) return -errno;
    *info = (struct sv_storage_info){.sector_byte_count = 512, .physical_sector_byte_count = 512};
    if (S_ISBLK(status.st_mode)) {
        uint32_t granularity = 0;
        int logical = 512;
        unsigned int physical = 512;
        info->is_block_device = 1;
        if (ioctl(fd, BLKGETSIZE64, &info->byte_count) < 0) return -errno;
        if (ioctl(fd, BLKSSZGET, &logical) == 0 && logical > 0) info->sector_byte_count = logical;
        if (ioctl(fd, BLKPBSZGET, &physical) == 0 && physical > 0) info->physical_sector_byte_count = physical;
        // Whether a device discards is told by sysfs only; an attempt of no length asks without doing anything.
        uint64_t nothing[2] = {0, 0};
        if (ioctl(fd, BLKDISCARD, nothing) == 0 || errno == EINVAL) granularity = info->physical_sector_byte_count;
        info->discard_granularity = granularity;
    } else if (S_ISREG(status.st_mode)) {
        info->is_regular_file = 1;
        info->byte_count = status.st_size;
        info->is_in_memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
        info->discard_granularity = fs.f_type == RAMFS_MAGIC ? 0 : 4096;
    }
    return 0;
}
static inline int64_t sv_storage_read(int fd, void *buffer, uint64_t count, uint64_t offset) {
    ssize_t done;
    do done = pread(fd, buffer, count, (off_t)offset);
    while (done < 0 && errno == EINTR);
    return done < 0 ? -errno : done;
}
static inline int64_t sv_storage_write(int fd, const void *buffer, uint64_t count, uint64_t offset) {
    ssize_t done;
    do done = pwrite(fd, buffer, count, (off_t)offset);
    while (done < 0 && errno == EINTR);
    return done < 0 ? -errno : done;
}
static inline int sv_storage_flush(int fd) { return fdatasync(fd) < 0 ? -errno : 0; }
static inline int sv_storage_punch(int fd, uint64_t offset, uint64_t count) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)count) < 0 ? -errno : 0;
}
static inline int sv_storage_block_discard(int fd, uint64_t offset, uint64_t count) {
    uint64_t range[2] = {offset, count};
    return ioctl(fd, BLKDISCARD, range) < 0 ? -errno : 0;
}
/// `count` bytes of a file, or with fd -1 of fresh zeroed memory. Null on failure.
static inline void *sv_map_memory(int fd, uint64_t count, int is_read_only) {
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
    void *address = mmap(0, count, is_read_only ? PROT_READ : PROT_READ | PROT_WRITE, flags, fd, 0);
    return address == MAP_FAILED ? 0 : address;
}
static inline void sv_unmap_memory(void *address, uint64_t count) { munmap(address, count); }
