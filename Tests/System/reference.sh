#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The guests of the in-guest suite as domains under Debian's Xen 4.17: what they expect of us is what Xen does. They skip
# where we differ on purpose (Docs/ABI.md, "Where it differs").
# Boot: HYPERVISOR=xen
# Guest: Version Scheduler VirtualCPU EventChannel GrantTable Memory HVM Timer BadPointers Machine Compat StartUp
# Limit: 300
. /usr/lib/swiftvisor/testing.sh

passed=0 wrong=0
for guest in $(sed -n 's/^# Guest: //p' "$0"); do
    name=reference-$guest
    cat >"$WORK/$guest.cfg" <<EOF
name = "$name"
type = "pvh"
kernel = "/share/guests/$guest.elf"
memory = 64
vcpus = 2
EOF
    expect "create $guest" svctl create "$WORK/$guest.cfg"
    wait_console "$name" 60 "^Test result: "
    log=$(console_log "$name")
    grep -E -- "^TEST [^ ]+ (FAIL|ERROR)|^  also: " "$log" && wrong=$((wrong + 1))
    good=$(count_lines "$log" "^TEST .* PASS")
    [ "$good" -gt 0 ] || fail "$guest passed no test"
    passed=$((passed + good))
    until_true 20 "$name is gone" sh -c "! svctl list | grep -q '^$name '"
done
say "$passed tests passed under $(svctl dmesg 2>/dev/null | sed -n 's/.*Xen version \([^ ]*\).*/Xen \1/p' | head -1)"
[ "$wrong" -eq 0 ] || { say "Xen does not do what $wrong guests expect: the lines above"; exit 1; }
