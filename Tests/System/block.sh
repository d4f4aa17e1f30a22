#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# DomU disks: bytes arrive in the image and come back, flush reaches it, a read-only disk refuses writes, several disks.
# Limit: 200
. /usr/lib/swiftvisor/testing.sh

one=$(make_disk block-one 32)
two=$(make_disk block-two 16)
dd if=/dev/urandom of="$two" bs=1M count=16 2>/dev/null
two_sum=$(sha256sum <"$two" | cut -d ' ' -f 1)
config=$(make_config block "disk = [ '$one,raw,xvda,w', '$two,raw,xvdb,r' ]")
expect "create" svctl create "$config"
id=$(domid block)
wait_console block 90 "domu: ready"
attach block

expect_equal "size of xvda" 65536 "$(in_domu block 20 "cat /sys/block/xvda/size")"
expect_equal "checksum of xvdb" "$two_sum" "$(in_domu block 60 "sha256sum </dev/xvdb | cut -d ' ' -f 1")"
expect_equal "xvdb is read-only" 1 "$(in_domu block 20 "cat /sys/block/xvdb/ro")"
in_domu block 20 "dd if=/dev/zero of=/dev/xvdb bs=4k count=1 2>/dev/null" && fail "a write to a read-only disk succeeded"

sum=$(in_domu block 90 "dd if=/dev/urandom of=/tmp/data bs=64k count=160 2>/dev/null; \
dd if=/tmp/data of=/dev/xvda bs=64k conv=fsync 2>/dev/null; sha256sum </tmp/data | cut -d ' ' -f 1" | tail -n 1)
sync
actual=$(head -c 10485760 "$one" | sha256sum | cut -d ' ' -f 1)
expect_equal "checksum in the image of what the DomU wrote" "$sum" "$actual"
back=$(in_domu block 90 "echo 3 >/proc/sys/vm/drop_caches; head -c 10485760 /dev/xvda | sha256sum | cut -d ' ' -f 1")
expect_equal "checksum in the DomU" "$sum" "$back"

# Single sectors at odd places.
in_domu block 30 "for n in 1 7 4095 65535; do echo sector-\$n | dd of=/dev/xvda bs=512 seek=\$n conv=sync,fsync 2>/dev/null; \
done" || fail "writing single sectors"
for n in 1 7 4095 65535; do
    expect_equal "sector $n" "sector-$n" "$(dd if="$one" bs=512 skip=$n count=1 2>/dev/null | tr -d '\0')"
done

expect_failure 1 "in use" svctl create "$(make_config block-again "disk = [ '$one,raw,xvda,w' ]")"
detach
expect "destroy" svctl destroy block
nothing_left block "$id"
rm -f "$one" "$two"
