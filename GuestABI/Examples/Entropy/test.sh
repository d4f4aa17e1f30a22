#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A device of our own, its backend a program in Dom0: known bytes with a seed, others without, a ring of several pages,
# refusals, no backend, one that is killed, one that ends and comes back, one that is killed for good, and nothing left.
# Limit: 150
. /usr/lib/swiftvisor/testing.sh
there=/share/examples/Entropy
config=$there/Entropy.cfg
start_backend() {
    "$there/entropy-backend" --log-level info >>"$WORK/backend.log" 2>&1 &
    backend=$!
}
# no_trace DOMID: the store has nothing of the domain's device, and the backend process holds none of its pages.
no_trace() {
    nothing_left entropy "$1"
    ! xenstore-exists "/local/domain/0/backend/entropy/$1" || fail "the store still has its entropy device"
}

expect_failure 2 "unknown argument" "$there/entropy-backend" --nonsense
expect_failure 1 "nowhere" "$there/entropy-backend" --store /nowhere

say "no backend"
read -r began _ </proc/uptime
expect_failure 1 'no backend for devices of type "entropy" is running.*entropy-backend' svctl create "$config"
read -r ended _ </proc/uptime
[ $((${ended%.*} - ${began%.*})) -lt 15 ] || fail "that took from $began to $ended"
expect_failure 1 'the type is missing' svctl create "$config" "device=[ 'seed=42' ]"
is_gone entropy || fail "there is a domain"
# Started while svctl waits.
svctl create -p "$config" >"$WORK/create" 2>&1 &
create=$!
until_true 10 "svctl says what it waits for" grep -q "waiting for a program that serves entropy" "$WORK/create"
start_backend
wait "$create" || fail "create: $(cat "$WORK/create")"
expect "destroy" svctl destroy entropy
kill -9 "$backend"
expect_failure 1 'no backend for devices of type "entropy"' svctl create "$config"

start_backend
say "known bytes"
expect "create" svctl create -p "$config" "device=[ 'type=entropy,seed=42' ]"
id=$(domid entropy)
expect "unpause" svctl unpause entropy
wait_console entropy 10 "^random: 0x0 0x76 0x52 0xd2 "
wait_console entropy 10 "^of 32768 bits 16[0-9][0-9][0-9] are set"
no_trace "$id"

say "real ones"
expect "create" svctl create -p "$config"
id=$(domid entropy)
expect "unpause" svctl unpause entropy
wait_console entropy 10 "^random: " 2
wait_console entropy 10 "^of 32768 bits 1[67][0-9][0-9][0-9] are set" 2
no_trace "$id"
expect_equal "two runs that differ" 2 "$(grep '^random: ' "$(console_log entropy)" | sort -u | wc -l)"

say "a ring of several pages, full"
expect "create" svctl create -p "$config" cmdline=many
id=$(domid entropy)
expect "unpause" svctl unpause entropy
wait_console entropy 20 "^3072 requests, 3072 answers"
no_trace "$id"

say "refusals"
expect_failure 1 "'blue' is not a number" svctl create "$config" "device=[ 'type=entropy,seed=blue' ]"
expect "create" svctl create "$config" "device=[ 'type=entropy,quota=7' ]"
wait_console entropy 10 "^no entropy: the backend has none"
until_true 10 "it leaves" is_gone entropy

say "a backend that is killed, one that is stopped, and svd killed, under a running guest"
expect "create" svctl create -p "$config" cmdline=.......
id=$(domid entropy)
expect "unpause" svctl unpause entropy
wait_console entropy 10 "^random: " 3
kill -9 "$backend"
start_backend
wait_console entropy 20 "^random: " 4
expect_equal "pages of the ring" 2 "$(xenstore-read "/local/domain/$id/device/entropy/0/ring-page-order")"
kill "$backend"
wait "$backend" || fail "the stopped backend ended with $?"
start_backend
wait_console entropy 30 "^random: " 6
kill -9 "$(cat /run/svd/svd.pid)"
expect "svd starts again" /etc/init.d/svd start
wait_console entropy 30 "^random: " 7
# The device of a domain that svd took over ends like any other.
wait_console entropy 30 "^random: " 10
wait_console entropy 10 "^of 32768 bits" 3
no_trace "$id"
grep -q "taking over the rings" "$WORK/backend.log" || fail "no ring was taken over: $(cat "$WORK/backend.log")"
kill "$backend"
wait "$backend" || fail "the backend ended with $?"

say "a backend that is killed, comes back late, and is killed for good"
start_backend
expect "create" svctl create -p "$config" cmdline=patient
id=$(domid entropy)
random=$(count_lines "$(console_log entropy)" "^random: ")
expect "unpause" svctl unpause entropy
wait_console entropy 10 "^random: " $((random + 1))
kill -9 "$backend"
wait_console entropy 20 "^no answer in time, late requests: [1-9]"
start_backend
wait_console entropy 20 "^late answers: [1-9]"
kill -9 "$backend"
wait_console entropy 20 "^closed, the backend has let go: false"
no_trace "$id"
