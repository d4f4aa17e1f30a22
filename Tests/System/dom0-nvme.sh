#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Dom0 runs from other real hardware: NVMe disk and e1000e network card.
# Boot: DISK=nvme NIC=e1000e
. /usr/lib/swiftvisor/testing.sh

[ -e /sys/class/nvme/nvme0 ] || fail "there is no NVMe disk"
grep -q e1000e /sys/class/net/eth0/device/uevent || fail "eth0 is no e1000e: $(ls -l /sys/class/net/)"
until_true 20 "the network card reaches its gateway" ping -c 1 -W 1 10.0.2.2
dd if=/dev/urandom of=/root/data bs=64k count=256 2>/dev/null
sum=$(sha256sum </root/data)
sync
echo 3 >/proc/sys/vm/drop_caches
expect_equal "checksum of 16 MiB on Dom0's disk" "$sum" "$(sha256sum </root/data)"
grep -E 'nvme|ahci|eth0|virtio' /proc/interrupts
