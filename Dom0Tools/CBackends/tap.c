// SPDX-License-Identifier: Apache-2.0
#include "include/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int sv_tap_open(const char *name) {
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -errno;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    int header = SV_TAP_HEADER_BYTES;
    if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}
int sv_tap_set_offload(int fd, int checksum, int tcp4, int tcp6) {
    unsigned int flags = 0;
    if (checksum) flags |= TUN_F_CSUM;
    if (checksum && tcp4) flags |= TUN_F_TSO4 | TUN_F_TSO_ECN;
    if (checksum && tcp6) flags |= TUN_F_TSO6 | TUN_F_TSO_ECN;
    return ioctl(fd, TUNSETOFFLOAD, flags) < 0 ? -errno : 0;
}
static int sv_interface_request(const char *name, unsigned long operation, struct ifreq *request) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    strncpy(request->ifr_name, name, IFNAMSIZ - 1);
    request->ifr_name[IFNAMSIZ - 1] = 0;
    int result = ioctl(fd, operation, request) < 0 ? -errno : 0;
    close(fd);
    return result;
}
int sv_interface_index(const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    int result = sv_interface_request(name, SIOCGIFINDEX, &request);
    return result < 0 ? result : request.ifr_ifindex;
}
int sv_interface_set_up(const char *name, int is_up) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    int result = sv_interface_request(name, SIOCGIFFLAGS, &request);
    if (result < 0) return result;
    request.ifr_flags = (short)(is_up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    return sv_interface_request(name, SIOCSIFFLAGS, &request);
}
int sv_interface_set_mtu(const char *name, int byte_count) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    request.ifr_mtu = byte_count;
    return sv_interface_request(name, SIOCSIFMTU, &request);
}
int sv_interface_set_port_address(const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    request.ifr_hwaddr.sa_family = 1;  // ARPHRD_ETHER
    memset(request.ifr_hwaddr.sa_data, 0xff, 6);
    request.ifr_hwaddr.sa_data[0] = (char)0xfe;
    return sv_interface_request(name, SIOCSIFHWADDR, &request);
}
int sv_bridge_add(const char *bridge, int interface_index) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    request.ifr_ifindex = interface_index;
    return sv_interface_request(bridge, SIOCBRADDIF, &request);
}
int64_t sv_tap_read(int fd, void *buffer, uint64_t count) {
    ssize_t done = read(fd, buffer, count);
    return done < 0 ? -errno : done;
}
int64_t sv_tap_write(int fd, const void *buffer, uint64_t count) {
    ssize_t done = write(fd, buffer, count);
    return done < 0 ? -errno : done;
}
