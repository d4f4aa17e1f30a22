#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The disk of a Swift guest (GuestABI/Examples/BlockCat) beside that of a Linux DomU: the same image on tmpfs, the same
# backend, one request at a time, then several. Ratios above 1 mean that the Swift guest did better.
. /share/bench.sh

cat /boot/domu-initrd /share/measure.cpio >/tmp/block-initrd
image=/tmp/block.img
dd if=/dev/zero of=$image bs=1M count=64 2>/dev/null

# swift CMDLINE: runs the guest to its end; prints microseconds per request of CHUNK KiB for each of its runs.
swift() {
    name=swift$((count += 1))
    {
        grep -v -e ^disk -e ^cmdline -e ^name /share/examples/BlockCat/BlockCat.cfg
        echo "name = \"$name\""
        echo "cmdline = \"$1\""
        echo "disk = [ '$image,raw,xvda,w' ]"
    } >"$WORK/$name.cfg"
    svctl create -q "$WORK/$name.cfg" >/dev/null || fail "create the Swift guest"
    wait_console "$name" 300 "^blockcat: done"
    tr -d '\r' <"$(console_log "$name")" >"$WORK/said"
    until_true 20 "$name ends" is_gone "$name"
}
# took COMMAND KIB: what the run said of it, per request.
took() {
    awk -v command="$1" -v size="$2" \
        '$2 == command && /KiB\/s/ { sub(/,/, "", $3); printf "%.2f", $5 * 1000 / ($3 / size) }' "$WORK/said"
}
count=0

config=$(make_config linux "disk = [ '$image,raw,xvda,w' ]")
sed -i 's#/boot/domu-initrd#/tmp/block-initrd#' "$config"
svctl create -q "$config" >/dev/null || fail "create the Linux DomU"
wait_console linux 120 "domu: ready"
attach linux
for round in 1 2 3; do
    sample_text block.linux_read_64k "$(in_domu linux 120 "measure read /dev/xvda 65536 1000")" us
    sample_text block.linux_write_64k "$(in_domu linux 120 "measure write /dev/xvda 65536 1000")" us
    sample_text block.linux_read_4k "$(in_domu linux 120 "measure read /dev/xvda 4096 4000")" us
done
detach
svctl destroy linux
until_true 20 "the Linux DomU ends" is_gone linux

for round in 1 2 3; do
    swift "read rewrite chunk=64 depth=1"
    sample_text block.swift_read_64k "$(took read 64)" us
    sample_text block.swift_write_64k "$(took rewrite 64)" us
    swift "read chunk=4 depth=1 size=16"
    sample_text block.swift_read_4k "$(took read 4)" us
    swift "read rewrite chunk=64 depth=8"
    sample_text block.swift_read_64k_depth8 "$(took read 64)" us
    sample_text block.swift_write_64k_depth8 "$(took rewrite 64)" us
done
report block.{linux,swift}_{read_64k,write_64k,read_4k} block.swift_{read,write}_64k_depth8

median() { sort -n "$WORK/samples-$1" | sed -n 2p; }
for what in read_64k write_64k read_4k; do
    bench "block.swift_${what}_ratio" \
        "$(awk "BEGIN { printf \"%.2f\", $(median "block.linux_$what") / $(median "block.swift_$what") }")" ratio
done
rm -f $image
