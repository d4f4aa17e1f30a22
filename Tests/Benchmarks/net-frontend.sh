#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The network of a Swift guest (GuestABI/Examples/Echo) beside that of a Linux DomU, both asked by the same client in Dom0.
# Ratios above 1 mean that the Swift guest did better.
. /share/bench.sh

cat /boot/domu-initrd /share/measure.cpio >/tmp/net-initrd
config=$(CMDLINE=sv.address=10.77.0.9/24 make_config linux "vif = [ 'bridge=xenbr0' ]")
sed -i 's#/boot/domu-initrd#/tmp/net-initrd#' "$config"
svctl create -q "$config" >/dev/null || fail "create the Linux DomU"
wait_console linux 120 "domu: ready"
attach linux
in_domu linux 20 "(measure serve 5001 &) >/dev/null 2>&1" >/dev/null
svctl create -q /share/examples/Echo/Echo.cfg >/dev/null || fail "create the Swift guest"
for address in 10.77.0.9 10.77.0.7; do
    until_true 20 "$address serves" /share/measure turns $address 5001 10
done

for round in 1 2 3; do
    for guest in linux:10.77.0.9 swift:10.77.0.7; do
        name=${guest%:*} address=${guest#*:}
        # Seen from the guest, as net.tcp_in and net.tcp_out are.
        sample_text "net.${name}_tcp_in" "$(timeout 120 /share/measure send "$address" 5001 32)" Mbit/s
        sample_text "net.${name}_tcp_out" "$(timeout 120 /share/measure receive "$address" 5001 32)" Mbit/s
        sample_text "net.${name}_tcp_rr" "$(timeout 120 /share/measure turns "$address" 5001 1000)" us
    done
done
report net.{linux,swift}_tcp_{in,out,rr}

median() { sort -n "$WORK/samples-$1" | sed -n 2p; }
ratio() { bench "$1" "$(awk "BEGIN { printf \"%.2f\", $2 / $3 }")" ratio; }
ratio net.swift_tcp_in_ratio "$(median net.swift_tcp_in)" "$(median net.linux_tcp_in)"
ratio net.swift_tcp_out_ratio "$(median net.swift_tcp_out)" "$(median net.linux_tcp_out)"
ratio net.swift_tcp_rr_ratio "$(median net.linux_tcp_rr)" "$(median net.swift_tcp_rr)"
detach
svctl destroy linux
svctl destroy echo
