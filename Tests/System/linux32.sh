#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A stock 32-bit Linux as a DomU with two virtual CPUs, a disk and a network card: its hypercalls have the 32-bit form.
# Needs: linux32
# Limit: 240
. /usr/lib/swiftvisor/testing.sh

disk=$(make_disk linux32 16)
config=$WORK/linux32.cfg
cat >"$config" <<END
name = "linux32"
type = "pvh"
kernel = "/share/linux32/vmlinuz"
ramdisk = "/share/linux32/initrd"
memory = 192
vcpus = 2
cmdline = "console=hvc0 quiet sv.address=10.77.0.32/24"
disk = [ '$disk,raw,xvda,w' ]
vif = [ 'bridge=xenbr0' ]
END
expect "create" svctl create "$config"
id=$(domid linux32)
wait_console linux32 150 "domu: ready"
attach linux32
expect_equal "machine" i686 "$(in_domu linux32 20 "uname -m")"
expect_equal "virtual CPUs" 2 "$(in_domu linux32 20 "grep -c ^processor /proc/cpuinfo")"
expect_equal "clock" xen "$(in_domu linux32 20 "cat /sys/devices/system/clocksource/clocksource0/current_clocksource")"
in_domu linux32 20 "grep -q 'xen-.*resched' /proc/interrupts" || in_domu linux32 20 "grep -qi resched /proc/interrupts" ||
    fail "no interrupts between the virtual CPUs: $(in_domu linux32 20 "cat /proc/interrupts")"

sum=$(in_domu linux32 90 "dd if=/dev/urandom of=/tmp/data bs=64k count=64 2>/dev/null; \
dd if=/tmp/data of=/dev/xvda bs=64k conv=fsync 2>/dev/null; sha256sum </tmp/data | cut -d ' ' -f 1" | tail -n 1)
sync
expect_equal "checksum in the image" "$sum" "$(head -c 4194304 "$disk" | sha256sum | cut -d ' ' -f 1)"
back=$(in_domu linux32 90 "echo 3 >/proc/sys/vm/drop_caches; head -c 4194304 /dev/xvda | sha256sum | cut -d ' ' -f 1")
expect_equal "checksum in the DomU" "$sum" "$back"

until_true 20 "the DomU answers" ping -c 1 -W 1 10.77.0.32
dd if=/dev/urandom of="$WORK/data" bs=64k count=32 2>/dev/null
sum=$(sha256sum <"$WORK/data" | cut -d ' ' -f 1)
httpd -f -p 10.77.0.1:5032 -h "$WORK" &
server=$!
expect_equal "checksum of 2 MiB over the network" "$sum" \
    "$(in_domu linux32 60 "wget -q -O - http://10.77.0.1:5032/data | sha256sum | cut -d ' ' -f 1")"
kill "$server"

# The balloon is memory given back and taken by calls of the 32-bit form.
expect "tell the balloon" xenstore-write "/local/domain/$id/memory/target" $((160 << 10))
has_shrunk() { [ "$(svctl list --json linux32 | sed -n 's/.*"memory_kib"[^0-9]*\([0-9]*\).*/\1/p')" -le $((161 << 10)) ]; }
until_true 20 "the balloon grows" has_shrunk
detach
expect "shutdown" svctl shutdown -w linux32
nothing_left linux32 "$id"
rm -f "$disk"
