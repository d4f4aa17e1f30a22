#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Dom0 itself: it is the initial domain of a Xen 4.17 ABI, its memory is what was asked for, its disk keeps bytes, its
# network card is up, its clock runs.
. /usr/lib/swiftvisor/testing.sh

expect_equal "hypervisor" xen "$(cat /sys/hypervisor/type)"
expect_equal "version" 4.17 "$(cat /sys/hypervisor/version/major).$(cat /sys/hypervisor/version/minor)"
grep -q control_d /proc/xen/capabilities || fail "this is not the initial domain: $(cat /proc/xen/capabilities)"
total=$(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
[ "$total" -ge 580 ] && [ "$total" -le 768 ] || fail "dom0_mem=768M gave $total MiB"

dd if=/dev/urandom of="/root/data" bs=64k count=256 2>/dev/null
sum=$(sha256sum </root/data)
sync
echo 3 >/proc/sys/vm/drop_caches
expect_equal "checksum of 16 MiB on Dom0's disk" "$sum" "$(sha256sum </root/data)"
rm /root/data

ip addr show | grep -q 'inet 10.0.2.15/' || fail "no network card is up: $(ip addr)"
until_true 20 "the network card reaches its gateway" ping -c 1 -W 1 10.0.2.2

before=$(cut -d ' ' -f 1 /proc/uptime)
sleep 2
after=$(cut -d ' ' -f 1 /proc/uptime)
passed=$(awk "BEGIN { print int(($after - $before) * 10) }")
[ "$passed" -ge 19 ] && [ "$passed" -le 60 ] || fail "2 s of sleep took $passed tenths of a second"

if dmesg | grep -E 'BUG:|Call Trace|rcu: INFO|soft lockup|WARNING:'; then
    fail "Dom0's kernel complains, see above"
fi
