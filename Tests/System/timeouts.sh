#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The other side hangs: disk and card while svback is stopped, store and console while svd is. Waits of the guest end in
# their time, late answers are nobody's, pages go back when the backend lets go, and what goes on afterwards works.
# Guest: Timeouts
# Limit: 120
. /usr/lib/swiftvisor/testing.sh

# start ROLE CONFIG-LINE…: a guest in that role, paused.
start() {
    role=$1
    shift
    config="$WORK/$role.cfg"
    printf 'name = "%s"\ntype = "pvh"\nkernel = "/share/guests/Timeouts.elf"\nmemory = 24\n' "$role" >"$config"
    printf 'cmdline = "%s"\n' "$role" >>"$config"
    for line in "$@"; do echo "$line" >>"$config"; done
    expect "create $role" svctl create -p "$config"
    id=$(domid "$role")
    log=$(console_log "$role")
}
finish() {
    wait_console "$role" 20 "^timeouts: done"
    if grep -q -e FAILED -e BEFORE "$log"; then fail "$(grep -e FAILED -e BEFORE "$log")"; fi
    nothing_left "$role" "$id"
}

say "a disk whose backend hangs"
image=$(make_disk timeouts 4)
start disk "disk = [ '$image,raw,xvda,w' ]"
backend=$(svback_of "$id")
expect "unpause" svctl unpause disk
wait_console disk 20 "^timeouts: read$"
kill -STOP "$backend"
wait_console disk 20 "^timeouts: read timed out after"
kill -CONT "$backend"
wait_console disk 20 "^timeouts: read again, late answers [1-9]"
kill -STOP "$backend"
wait_console disk 20 "^timeouts: late [1-9][0-9]*, outstanding 0"
wait_console disk 20 "^timeouts: disk closed after its time, set aside [1-9]"
kill -CONT "$backend"
wait_console disk 20 "^timeouts: set aside none"
finish

say "a card whose backend hangs when it is to close"
start card "vif = [ 'bridge=xenbr0' ]"
backend=$(svback_of "$id")
expect "unpause" svctl unpause card
wait_console card 20 "^timeouts: the card is connected: true"
served() { [ "$(xenstore-read "/local/domain/0/backend/vif/$id/0/state")" = 4 ]; }
until_true 20 "svback serves the card" served
kill -STOP "$backend"
xenstore-write "/local/domain/$id/data/go" 1
wait_console card 20 "^timeouts: card closed after its time, set aside [1-9]"
kill -CONT "$backend"
wait_console card 20 "^timeouts: set aside none"
wait_console card 20 "^timeouts: connected again"
finish

say "a store and a console that hang"
start store
expect "unpause" svctl unpause store
wait_console store 20 "^; not all is typed"
mkfifo "$WORK/in"
exec 9<>"$WORK/in"
svctl console store <"$WORK/in" >"$WORK/out" 2>&1 &
attached=$!
printf 'half a ' >&9
wait_console store 20 "^half a ; not all is typed"
echo line >&9
wait_console store 20 "^timeouts: typed half a line"
kill "$attached"
exec 9>&-
wait_console store 20 "^timeouts: ready"
# How long svd hangs is the test's choice: longer than each of the guest's waits.
svd=$(pidof svd)
kill -STOP "$svd"
sleep 4
kill -CONT "$svd"
wait_console store 20 "timeouts: number right true"
wait_console store 20 "^timeouts: some timed out, all answered true"
wait_console store 20 "^timeouts: strays true, console cut off true"
finish
rm "$image"
