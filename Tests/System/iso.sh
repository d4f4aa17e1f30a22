#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same machine from the GRUB ISO, through Multiboot 2.
# Boot: BOOT=iso
. /usr/lib/swiftvisor/testing.sh

expect_equal "hypervisor" xen "$(cat /sys/hypervisor/type)"
grep -q DVD /sys/bus/scsi/devices/*/model || fail "this machine has no CD drive: it was not booted from the ISO"
expect "list" svctl list
