#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Dom0 runs from other real hardware: AHCI disk.
# Boot: DISK=ahci CPUS=1
. /usr/lib/swiftvisor/testing.sh

ls /sys/bus/pci/drivers/ahci/ | grep -q '^0000:' || fail "no AHCI controller is in use"
dd if=/dev/urandom of=/root/data bs=64k count=256 2>/dev/null
sum=$(sha256sum </root/data)
sync
echo 3 >/proc/sys/vm/drop_caches
expect_equal "checksum of 16 MiB on Dom0's disk" "$sum" "$(sha256sum </root/data)"
grep -E 'nvme|ahci|eth0|virtio' /proc/interrupts
