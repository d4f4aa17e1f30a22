#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demo: a stock Debian kernel as DomU, its console, disk and network, from start to end.
# Limit: 240
. /usr/lib/swiftvisor/testing.sh

say "Dom0 runs Linux $(uname -r) on $(cat /sys/hypervisor/type) \
$(cat /sys/hypervisor/version/major).$(cat /sys/hypervisor/version/minor)$(cat /sys/hypervisor/version/extra)"
say "\$ svctl create /etc/swiftvisor/demo.cfg"
expect "svctl create" svctl create /etc/swiftvisor/demo.cfg
wait_console demo 90 "domu: init runs"
say "DomU: $(grep 'domu: init runs' "$(console_log demo)" | tr -d '\r')"
wait_console demo 30 "domu: ready"
id=$(domid demo)
say "\$ svctl list"
svctl list
attach demo

say "DomU writes 8 MiB to a file on its disk"
written=$(in_domu demo 60 "mount /dev/xvda /mnt && dd if=/dev/urandom of=/mnt/data bs=64k count=128 2>/dev/null && \
sync && sha256sum </mnt/data && umount /mnt" | tail -n 1) || fail "writing in the DomU: $written"
say "  sha256 $written"
read_back=$(in_domu demo 60 "echo 3 >/proc/sys/vm/drop_caches; mount /dev/xvda /mnt && sha256sum </mnt/data; \
umount /mnt" | tail -n 1)
expect_equal "checksum of what was read back" "$written" "$read_back"
say "DomU read the same back"

say "\$ svctl reboot demo"
expect "svctl reboot" svctl reboot demo
wait_console demo 90 "domu: ready" 2
detach
next=$(domid demo)
say "DomU runs again, domain $id became $next"
attach demo
read_back=$(in_domu demo 60 "mount /dev/xvda /mnt && sha256sum </mnt/data && umount /mnt" | tail -n 1)
expect_equal "checksum after the reboot" "$written" "$read_back"
say "DomU read the same back after its reboot"

say "\$ ping 10.77.0.2 (Dom0 to DomU)"
ping -c 5 -i 0.2 -w 20 10.77.0.2 >"$WORK/ping" 2>&1 || fail "no answer from the DomU: $(cat "$WORK/ping")"
grep -E 'packets|round-trip' "$WORK/ping"
say "\$ ping 10.77.0.1 (DomU to Dom0)"
in_domu demo 30 "ping -c 5 -i 0.2 -w 20 10.77.0.1" >"$WORK/ping" || fail "no answer from Dom0: $(cat "$WORK/ping")"
grep -E 'packets|round-trip' "$WORK/ping"

say "\$ svctl shutdown demo"
expect "svctl shutdown" svctl shutdown demo
until_true 60 "the DomU shuts down" is_gone demo
detach
nothing_left demo "$next"
say "\$ svctl list"
svctl list
say "demo done"
