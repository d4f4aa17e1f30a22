#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The echo server as a DomU, behind svback and behind Linux's own backend: pings, megabytes there and back in large
# packets, many connections, clients that go away.
# Limit: 300
. /usr/lib/swiftvisor/testing.sh

address=10.77.0.7
dd if=/dev/urandom of="$WORK/data" bs=64k count=96 2>/dev/null
sum=$(sha256sum <"$WORK/data" | cut -d ' ' -f 1)

# Sends a file and reads as much back, both at once, which nc does not; prints the checksum.
there_and_back() {
    timeout "${2:-60}" bash -c 'exec 3<>/dev/tcp/$1/7 || exit; cat "$2" >&3 & head -c "$3" <&3 | sha256sum' \
        -- $address "$1" "$(stat -c %s "$1")" | cut -d ' ' -f 1
}
packets() {
    cat "/sys/class/net/$1/statistics/rx_packets"
}
# Opens a connection that sends and never reads, for as long as the process lives.
rude_client() {
    exec bash -c 'exec 3<>/dev/tcp/$1/7 && exec cat /dev/zero >&3' -- $address
}

all_of_it() {
    interface=$1
    until_true 20 "the guest answers" ping -c 1 -W 1 $address
    for size in 0 1 56 1000 1472 8000; do
        ping -c 2 -i 0.2 -w 10 -s "$size" $address >"$WORK/ping" 2>&1 || fail "ping of $size bytes: $(cat "$WORK/ping")"
    done
    expect_equal "a line through nc" "hello" "$(echo hello | timeout 10 nc $address 7)"
    before=$(packets "$interface")
    expect_equal "checksum of 6 MiB there and back" "$sum" "$(there_and_back "$WORK/data")"
    count=$(($(packets "$interface") - before))
    [ "$count" -lt 2500 ] || fail "6 MiB came in $count packets: none of them large"
    say "6 MiB came back in $count packets"

    # Four at once, then a hundred one after the other.
    pids=
    for n in 1 2 3 4; do
        there_and_back "$WORK/data" 120 >"$WORK/sum$n" &
        pids="$pids $!"
    done
    wait $pids
    for n in 1 2 3 4; do expect_equal "checksum $n of four at once" "$sum" "$(cat "$WORK/sum$n")"; done
    bash -c 'for n in {1..100}; do
            exec 3<>/dev/tcp/$1/7 || exit
            echo "turn $n" >&3
            read -r -t 10 -u 3 line || exit
            [ "$line" = "turn $n" ] || exit
            exec 3>&-
        done; exit 77' -- $address
    expect_equal "status of a hundred connections" 77 $?

    # Clients that are killed while the guest waits for them, more than it has connections for.
    for round in 1 2 3; do
        pids=
        for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
            rude_client 2>/dev/null &
            pids="$pids $!"
        done
        full() { [ "$(ss_count)" -ge 12 ]; }
        until_true 20 "twelve connections wait" full
        kill -9 $pids
        wait $pids 2>/dev/null
    done
    expect_equal "checksum after killed clients" "$sum" "$(there_and_back "$WORK/data")"
}
# Connections to the guest with bytes that it does not take.
ss_count() {
    awk -v guest=07004D0A:0007 '$3 == guest && $4 == "01" && substr($5, 1, 8) != "00000000" { n++ } END { print n + 0 }' /proc/net/tcp
}

say "behind svback"
# First it opens and closes its card five times: pages, grants and ports must come back.
sed 's/^cmdline = "/&reopen /' /share/examples/Echo/Echo.cfg >"$WORK/reopen.cfg"
expect "create" svctl create "$WORK/reopen.cfg"
id=$(domid echo)
wait_console echo 40 "echo: port 7 is open"
free() { sed -n "s/.*closed $1 times, \([0-9]*\) KiB free.*/\1/p" "$(console_log echo)"; }
[ $(($(free 2) - $(free 5))) -lt 64 ] || fail "closing the card loses memory: $(cat "$(console_log echo)")"
all_of_it "vif$id.0"
# The backend dies in the middle of a transfer and another one takes its rings over.
there_and_back "$WORK/data" 120 >"$WORK/sum" &
transfer=$!
before=$(packets "vif$id.0")
moves() { [ "$(packets "vif$id.0")" -gt $((before + 20)) ]; }
until_true 10 "packets move" moves
kill -9 "$(svback_of "$id")" || fail "there is no svback $id"
wait "$transfer"
expect_equal "checksum over a new svback" "$sum" "$(cat "$WORK/sum")"
expect "shut down" svctl shutdown echo
nothing_left echo "$id"

say "behind Linux's own backend"
# Loaded, it would take the devices of other tests.
trap 'svctl destroy echo 2>/dev/null; modprobe -r xen-netback' EXIT
grep -v ^vif /share/examples/Echo/Echo.cfg >"$WORK/echo.cfg"
expect "create without a card, paused" svctl create -p "$WORK/echo.cfg"
id=$(domid echo)
front=/local/domain/$id/device/vif/0 back=/local/domain/0/backend/vif/$id/0
expect "load xen-netback" modprobe xen-netback
# What xl writes; the interface joins the bridge as its script would have it.
xenstore-write "$front/backend" "$back" "$front/backend-id" 0 "$front/handle" 0 "$front/mac" 00:16:3e:00:00:07 \
    "$front/mtu" 1500 "$front/state" 1
xenstore-chmod -r "/local/domain/$id/device" "n$id" r0
xenstore-write "$back/frontend" "$front" "$back/frontend-id" "$id" "$back/online" 1 "$back/script" /bin/true \
    "$back/mac" 00:16:3e:00:00:07 "$back/bridge" xenbr0 "$back/handle" 0 "$back/type" vif "$back/state" 1
xenstore-chmod -r "/local/domain/0/backend/vif/$id" n0 "r$id"
plug() {
    until_true 10 "xen-netback makes vif$id.0" test -d "/sys/class/net/vif$id.0"
    ip link set "vif$id.0" master xenbr0 up
    xenstore-write "$back/hotplug-status" connected
}
plug
expect "unpause" svctl unpause echo
wait_console echo 20 "echo: port 7 is open"
all_of_it "vif$id.0"

# The backend lets go of the card and takes it again: it finds the rings where it left them.
driver=/sys/bus/xen-backend/drivers/vif
echo "vif-$id-0" >$driver/unbind || fail "xen-netback does not let go"
echo "vif-$id-0" >$driver/bind || fail "xen-netback does not take the card again"
plug
until_true 30 "the guest answers again" ping -c 1 -W 1 $address
expect_equal "checksum after a reconnection" "$sum" "$(there_and_back "$WORK/data")"
expect "destroy" svctl destroy echo
xenstore-rm "/local/domain/0/backend/vif/$id"
nothing_left echo "$id"
until_true 10 "xen-netback unloads" modprobe -r xen-netback
