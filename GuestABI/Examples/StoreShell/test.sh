#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The console frontend and the store's client: lines typed come back, the ring fills and empties, reads and writes both
# ways, refusals, permissions, watches, transactions that meet a conflict, svd restarted under a running guest.
# Limit: 120
. /usr/lib/swiftvisor/testing.sh

expect "create" svctl create /share/examples/StoreShell/StoreShell.cfg
id=$(domid storeshell)
home=/local/domain/$id
mkfifo "$WORK/in"
exec 9<>"$WORK/in"
connect() {
    svctl console storeshell <"$WORK/in" >>"$WORK/raw" 2>&1 &
    attached=$!
}
connect
typed=0
# What the console has said, without the carriage returns.
output() { tr -d '\r' <"$WORK/raw"; }
prompts() { [ "$(output | grep -o "^store> " | wc -l)" -gt "$1" ]; }
until_true 30 "the first prompt" prompts 0

# ask COMMAND: types a line and waits for the next prompt; prints what came between.
ask() {
    before=$(output | grep -o "^store> " | wc -l)
    start=$(output | wc -l)
    echo "$1" >&9
    until_true 30 "an answer to $1" prompts "$before"
    output | tail -n "+$((start + 1))" | sed '1d;/^store> /,$d'
}
answers() {
    found=$(ask "$1" | tr '\n' ' ')
    expect_equal "answer to $1" "$2 " "$found"
}

say "reads and writes"
answers "write data/a 1" ok
expect_equal "the guest's node" 1 "$(xenstore-read "$home/data/a")"
xenstore-write "$home/data/b" two
answers "read data/b" two
answers "ls data" "a b"
answers "mkdir data/c" ok
answers "rm data/b" ok
xenstore-exists "$home/data/b" && fail "data/b is still there"
answers "read data/b" "error: ENOENT"
answers "write /local/domain/0/x 1" "error: EACCES"
answers "read a//b" "error: EINVAL"
answers "nonsense" "no such command: nonsense"
answers "perms data/a" "n$id"
answers "share data/a" ok
answers "perms data/a" "r$id"

say "the console: echo, correction, a full ring"
output | grep -q "^store> write data/a 1$" || fail "what is typed does not come back"
printf 'read data/axx\177\177\n' >&9
until_true 10 "a corrected line" sh -c "tr -d '\r' <$WORK/raw | tail -n 3 | grep -q '^1$'"
[ "$(ask "fill 48" | grep -c '^\.\{126\}$')" -ge 384 ] || fail "48 KiB did not all come: $(output | tail -n 3)"

say "watches"
answers "watch data" "ok"
until_true 10 "the first event" sh -c "grep -q '^changed: data' $WORK/raw"
xenstore-write "$home/data/late" 5
until_true 10 "an event for what dom0 writes" sh -c "grep -q '^changed: data/late' $WORK/raw"
answers "unwatch data" ok
count=$(grep -c "^changed" "$WORK/raw")
xenstore-write "$home/data/late" 6
answers "read data/late" 6
expect_equal "events after unwatch" "$count" "$(grep -c "^changed" "$WORK/raw")"

say "transactions"
answers "write data/n 10" ok
echo "add data/n 5" >&9
until_true 10 "the transaction waits" sh -c "grep -q '^attempt 1 read 10' $WORK/raw"
xenstore-write "$home/data/n" 100
echo >&9
until_true 10 "the conflict is seen" sh -c "grep -q '^attempt 2 read 100' $WORK/raw"
echo >&9
until_true 10 "the sum" sh -c "tr -d '\r' <$WORK/raw | grep -q '^105$'"
expect_equal "the number after both" 105 "$(xenstore-read "$home/data/n")"

say "svd restarted"
answers "watch data" ok
kill -9 "$(cat /run/svd/svd.pid)"
expect "start again" /etc/init.d/svd start
connect
expect "write" xenstore-write "$home/data/after" 1
until_true 10 "the watch outlived svd" sh -c "grep -q '^changed: data/after' $WORK/raw"
echo "quit" >&9
wait_console storeshell 20 "^storeshell: bye"
nothing_left storeshell "$id"
