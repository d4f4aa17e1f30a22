#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# create, list, pause, unpause, console, reboot, shutdown, destroy; a DomU that powers itself off; nothing is left behind.
# Limit: 300
. /usr/lib/swiftvisor/testing.sh

before=$(free_bytes)
config=$(make_config life)
expect "create" svctl create "$config"
id=$(domid life)
svctl list | grep -q "^life  *$id " || fail "list does not show it: $(svctl list)"
wait_console life 90 "domu: ready"

attach life
expect_equal "console" "hello from $id" "$(in_domu life 20 "echo hello from $id")"
expect_equal "memory of the DomU is near 128 MiB" yes \
    "$(in_domu life 20 "awk '/MemTotal/ { print (\$2 > 80000 && \$2 < 131072) ? \"yes\" : \$2 }' /proc/meminfo")"

expect "pause" svctl pause life
svctl list life | grep -q -- '-.p' || fail "list does not show the pause: $(svctl list)"
time_of() { svctl list --json life | sed -n 's/.*"cpu_time_ns"[^0-9]*\([0-9]*\).*/\1/p'; }
spent=$(time_of)
sleep 1
expect_equal "CPU time of a paused domain" "$spent" "$(time_of)"
expect "unpause" svctl unpause life
expect_equal "console after unpause" awake "$(in_domu life 20 "echo awake")"
detach

expect "reboot" svctl reboot life
wait_console life 90 "domu: ready" 2
next=$(domid life)
[ "$next" != "$id" ] || fail "the domain still has number $id"
nothing_left_of_number() { ! xenstore-exists "/local/domain/$1"; }
until_true 10 "the store forgets domain $id" nothing_left_of_number "$id"

expect "shutdown" svctl shutdown -w life
nothing_left life "$next"

config=$(CMDLINE=sv.then=poweroff make_config life)
expect "create" svctl create "$config"
id=$(domid life)
wait_console life 90 "domu: ready" 3
nothing_left life "${id:-0}"

config=$(make_config life)
expect "create" svctl create -p "$config"
id=$(domid life)
expect "destroy of a paused domain" svctl destroy life
nothing_left life "$id"

svctl info | grep -q '^xen_version  *: 4.17' || fail "info: $(svctl info)"
svctl dmesg | grep -q . || fail "dmesg is empty"
expect_equal "free memory after all" "$before" "$(free_bytes)"
