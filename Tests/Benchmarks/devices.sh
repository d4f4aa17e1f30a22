#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A DomU's disk (an image on tmpfs) and its network to Dom0.
. /share/bench.sh

cat /boot/domu-initrd /share/measure.cpio >/tmp/bench-initrd
dd if=/dev/zero of=/tmp/bench.img bs=1M count=64 2>/dev/null
config=$(CMDLINE=sv.address=10.77.0.9/24 make_config bench "disk = [ '/tmp/bench.img,raw,xvda,w' ]" \
    "vif = [ 'bridge=xenbr0' ]")
sed -i 's#/boot/domu-initrd#/tmp/bench-initrd#' "$config"
svctl create -q "$config" >/dev/null || fail "create"
wait_console bench 120 "domu: ready"
attach bench
coproc server { /share/measure serve 5001; }
read -r line <&"${server[0]}"
[ "$line" = ready ] || fail "the server does not start"

for round in 1 2 3; do
    sample_text block.read_64k "$(in_domu bench 120 "measure read /dev/xvda 65536 1000")" us
    sample_text block.random_read_4k "$(in_domu bench 120 "measure random /dev/xvda 4096 2000")" us
    sample_text block.write_64k "$(in_domu bench 120 "measure write /dev/xvda 65536 1000")" us
    sample_text net.tcp_out "$(in_domu bench 120 "measure send 10.77.0.1 5001 64")" Mbit/s
    sample_text net.tcp_in "$(in_domu bench 120 "measure receive 10.77.0.1 5001 64")" Mbit/s
    sample_text net.tcp_rr "$(in_domu bench 120 "measure turns 10.77.0.1 5001 2000")" us
done
report block.read_64k block.random_read_4k block.write_64k net.tcp_out net.tcp_in net.tcp_rr
kill "$server_PID"
detach
svctl destroy bench
