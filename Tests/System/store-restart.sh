#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# svback and svd are killed outright under a Linux DomU that writes its disk and answers pings, each alone and both at once.
# svd starts svback again, this script svd, as whoever supervises it would: I/O, store, consoles and new domains go on.
# Limit: 300
. /usr/lib/swiftvisor/testing.sh

disk=$(make_disk going 64)
config=$(CMDLINE=sv.address=10.77.0.5/24 make_config going "disk = [ '$disk,raw,xvda,w' ]" \
    "vif = [ 'mac=00:16:3e:01:02:05,bridge=xenbr0' ]")
expect "create" svctl create "$config"
id=$(domid going)
wait_console going 90 "domu: ready"
expect "write" xenstore-write /tool/test/kept "through a restart"
expect "permissions" xenstore-chmod /tool/test/kept n0 r$id

# Each round: 256 KiB written, read back from the disk and compared; then its number goes into the disk's last sector. A
# little rest after it leaves the processor to others.
attach going
in_domu going 20 "round() { at=\$((n % 200 * 4)); dd if=/dev/urandom of=/tmp/b bs=64k count=4 2>/dev/null; \
dd if=/tmp/b of=/dev/xvda bs=64k seek=\$at conv=fsync,notrunc 2>/dev/null || return 1; echo 3 >/proc/sys/vm/drop_caches; \
dd if=/dev/xvda bs=64k skip=\$at count=4 2>/dev/null | cmp - /tmp/b || return 1; \
echo round \$n | dd of=/dev/xvda bs=512 seek=131071 conv=sync,fsync,notrunc 2>/dev/null; }"
in_domu going 20 "work() { n=1; while [ ! -e /tmp/enough ]; do round || { echo bad \$n; return; }; n=\$((n + 1)); usleep 100000; done; \
echo done \$n; }; { work >/tmp/said 2>&1 & }"

round() {
    dd if="$disk" bs=512 skip=131071 count=1 2>/dev/null | tr -dc 0-9
}
# goes_on AFTER: three more rounds, and pings both ways.
goes_on() {
    from=$(round)
    is_later() { [ "$(round)" -ge "$((${from:-0} + 3))" ]; }
    until_true 60 "the DomU writes and reads on $1" is_later
    until_true 20 "pings are answered $1" ping -c 3 -i 0.2 -W 1 10.77.0.5
}
goes_on "at the start"

# kill_backend: kills it and waits until another serves the domain.
another_backend() {
    backend=$(svback_of "$id")
    [ -n "$backend" ] && [ "$backend" != "$old" ]
}
kill_backend() {
    old=$(svback_of "$id")
    kill -9 "$old" || fail "there is no svback $id"
    until_true 20 "svback is started again" another_backend
}
for time in first second; do
    kill_backend
    goes_on "after the $time end of svback"
done
expect_equal "the disk's state" "4 4" "$(xenstore-read "/local/domain/$id/device/vbd/51712/state" \
    "/local/domain/0/backend/vbd/$id/51712/state" | tr '\n' ' ' | sed 's/ $//')"

backend=$(svback_of "$id")
detach
kill -9 "$(cat /run/svd/svd.pid)"
expect_failure 1 "svd" svctl list
goes_on "while there is no svd"
expect "start again" /etc/init.d/svd start
expect_equal "svback" "$backend" "$(svback_of "$id")"

expect_equal "what was written" "through a restart" "$(xenstore-read /tool/test/kept)"
xenstore-ls -p /tool/test | grep 'kept = ' | grep -q "r$id" || fail "permissions are lost: $(xenstore-ls -p /tool/test)"
expect_equal "the domain's own nodes" going "$(xenstore-read "/local/domain/$id/name")"
svctl list | grep -q "^going  *$id " || fail "list does not show it: $(svctl list)"
goes_on "with the next svd"

# svback finds the store again: the DomU lets go of its network card and takes it once more.
attach going
in_domu going 60 "cd /sys/bus/xen/drivers/vif && echo vif-0 >unbind && echo vif-0 >bind; cd; \
until ip addr add 10.77.0.5/24 dev eth0; do usleep 50000; done 2>/dev/null; ip link set eth0 up" \
    || fail "the card does not come back"
goes_on "with the card taken again"
expect_equal "svback" "$backend" "$(svback_of "$id")"

# What it moves is seen, also since svback and svd are others.
busy() {
    svctl top --json --iterations 1 --delay 1 >"$WORK/top" &&
        tr '{' '\n' <"$WORK/top" | grep '"name":"going"' >"$WORK/going" &&
        grep -q '"block_written_per_second":[1-9]' "$WORK/going" &&
        grep -q '"net_received_per_second":[1-9]' "$WORK/going" &&
        grep -q '"cpu_percent":[0-9]*[1-9]' "$WORK/going"
}
ping -i 0.2 10.77.0.5 >/dev/null &
pings=$!
until_true 20 "svctl top shows what the domain does" busy
kill "$pings"
svctl top -b -i 2 -d 0.2 >"$WORK/top" || fail "svctl top: $(cat "$WORK/top")"
expect_equal "tables" 2 "$(grep -c '^going  *'"$id" "$WORK/top")"
expect_failure 2 "delay" svctl top --delay 0

# A new domain, with a backend of its own.
other=$(make_disk other 8)
expect "create another" svctl create "$(make_config other "disk = [ '$other,raw,xvda,w' ]")"
other_id=$(domid other)
wait_console other 90 "domu: xvda has 16384 sectors"
expect "destroy the other" svctl destroy other
nothing_left other "$other_id"

detach
old=$(svback_of "$id")
kill -9 "$(cat /run/svd/svd.pid)" "$old"
expect "start after both ended" /etc/init.d/svd start
until_true 20 "svback is started again" another_backend
goes_on "after the end of both"

attach going
in_domu going 60 "touch /tmp/enough; until grep -q . /tmp/said; do usleep 50000; done; cat /tmp/said" >"$WORK/said"
grep -q '^done [0-9]' "$WORK/said" || fail "the DomU's work: $(cat "$WORK/said")"
errors=$(in_domu going 20 "dmesg | grep -i -E 'error|blocked for|timed out' | grep -v -i 'mce\|ras'")
[ -z "$errors" ] || fail "the DomU's kernel complains: $errors"
detach
# The kernel of the DomU acts on a node it watches: through its ring, with a watch set before the restarts.
expect "shutdown" svctl shutdown -w going
nothing_left going "$id"
expect "remove" xenstore-rm /tool/test
rm -f "$disk" "$other"
