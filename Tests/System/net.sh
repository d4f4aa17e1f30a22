#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# DomU network: packets of all sizes both ways, a stream with a checksum both ways, the given MAC address.
# Limit: 200
. /usr/lib/swiftvisor/testing.sh

config=$(CMDLINE=sv.address=10.77.0.3/24 make_config net "vif = [ 'mac=00:16:3e:01:02:03,bridge=xenbr0' ]")
expect "create" svctl create "$config"
id=$(domid net)
wait_console net 90 "domu: eth0 has"
attach net
expect_equal "MAC address" 00:16:3e:01:02:03 "$(in_domu net 20 "cat /sys/class/net/eth0/address")"
until_true 20 "the DomU answers" ping -c 1 -W 1 10.77.0.3
for size in 0 1 56 1000 1472 8000; do
    ping -c 3 -i 0.2 -w 10 -s "$size" 10.77.0.3 >"$WORK/ping" 2>&1 || fail "ping of $size bytes to the DomU: $(cat "$WORK/ping")"
    in_domu net 20 "ping -c 3 -i 0.2 -w 10 -s $size 10.77.0.1 >/dev/null" || fail "ping of $size bytes from the DomU"
done

dd if=/dev/urandom of="$WORK/data" bs=64k count=64 2>/dev/null
sum=$(sha256sum <"$WORK/data" | cut -d ' ' -f 1)
httpd -f -p 10.77.0.1:5000 -h "$WORK" &
server=$!
expect_equal "checksum of 4 MiB to the DomU" "$sum" \
    "$(in_domu net 60 "wget -q -O - http://10.77.0.1:5000/data | sha256sum | cut -d ' ' -f 1")"
kill "$server"
sum=$(in_domu net 60 "dd if=/dev/urandom of=/tmp/data bs=64k count=64 2>/dev/null; httpd -p 5001 -h /tmp; \
sha256sum </tmp/data | cut -d ' ' -f 1" | tail -n 1)
expect_equal "checksum of 4 MiB from the DomU" "$sum" \
    "$(timeout 60 wget -q -O - http://10.77.0.3:5001/data | sha256sum | cut -d ' ' -f 1)"

expect_failure 1 "bridge" svctl create "$(make_config net-nobridge "vif = [ 'bridge=nobridge' ]")"
detach
expect "destroy" svctl destroy net
nothing_left net "$id"
