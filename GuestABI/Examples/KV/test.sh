#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The key-value server as a DomU, asked by Redis's own programs.
# Limit: 240
. /usr/lib/swiftvisor/testing.sh

address=10.77.0.8
cli() {
    timeout 20 redis-cli -h $address "$@" 2>&1
}
bench() {
    timeout 60 redis-benchmark -h $address -q --csv "$@" >"$WORK/bench" 2>&1 || fail "redis-benchmark $*: $(cat "$WORK/bench")"
    ! grep -i -E 'error|warning' "$WORK/bench" || fail "redis-benchmark $*: $(cat "$WORK/bench")"
    tr -d '"' <"$WORK/bench" | tail -n +2 | while IFS=, read -r name rate _; do say "$name $* : $rate requests/s"; done
}

expect "create" svctl create /share/examples/KV/KV.cfg
id=$(domid kv)
wait_console kv 20 "kv: port 6379 is open"

expect_equal "ping" PONG "$(cli ping)"
expect_equal "set" OK "$(cli set greeting 'hello world')"
expect_equal "get" "hello world" "$(cli get greeting)"
expect_equal "append" 12 "$(cli append greeting '!')"
expect_equal "set with a time" OK "$(cli set short 1 px 300)"
gone() { [ "$(cli exists short)" = 0 ]; }
until_true 10 "the key ends" gone
expect_equal "incr" 1 "$(cli incr counter)"
expect_equal "mget" "hello world!
1" "$(cli mget greeting counter)"
expect_equal "wrong type" "ERR value is not an integer or out of range" "$(cli incr greeting | head -n 1)"
expect_equal "by hand" "+PONG" "$(printf 'PING\r\nQUIT\r\n' | timeout 10 nc $address 6379 | head -n 1 | tr -d '\r')"

# A value of half a MiB, all bytes, there and back.
dd if=/dev/urandom of="$WORK/value" bs=1k count=512 2>/dev/null
expect_equal "set half a MiB" OK "$(cli -x set big <"$WORK/value")"
cli --raw get big | head -c 524288 | cmp - "$WORK/value" || fail "half a MiB came back changed"
expect_equal "a value too large" "ERR Protocol error: invalid bulk length" \
    "$(dd if=/dev/zero bs=1k count=513 2>/dev/null | cli -x set big | grep -o 'ERR Protocol.*')"

# Thousands of commands through a pipe, then all keys counted in two ways.
awk 'BEGIN { for (i = 0; i < 5000; i++) printf "SET key:%d value-%d\r\n", i, i * 7 }' >"$WORK/sets"
expect_equal "replies to 5000 commands" "errors: 0, replies: 5000" "$(cli --pipe <"$WORK/sets" | tail -n 1)"
expect_equal "scan finds them" 5000 "$(cli --scan --pattern 'key:*' | sort -u | wc -l)"
expect_equal "one of them" "value-28777" "$(cli get key:4111)"
expect_equal "dbsize" 5003 "$(cli dbsize)"

bench -n 1000 -c 20 -t ping_mbulk,set,get,incr
bench -n 10000 -c 20 -P 16 -r 10000 -t set,get
bench -n 300 -c 5 -d 16384 -t set,get
bench -n 1000 -c 100 -t mset

# Clients that are killed in the middle of their requests and replies.
pids=
for n in 1 2 3 4 5 6; do
    redis-benchmark -h $address -q -c 12 -n 100000000 -P 64 -d 4096 -t set,get >/dev/null 2>&1 &
    pids="$pids $!"
done
clients() { cli info clients | sed -n 's/^connected_clients:\([0-9]*\).*/\1/p'; }
busy() { [ "$(clients)" -gt 60 ]; }
until_true 20 "clients are busy" busy
kill -9 $pids
wait $pids 2>/dev/null
quiet() { [ "$(clients)" = 1 ]; }
until_true 30 "the killed clients are gone" quiet

# Memory runs out as an error, and comes back.
expect_equal "flushall" OK "$(cli flushall)"
awk 'BEGIN { s = sprintf("%8000s", ""); gsub(/ /, "x", s); for (i = 0; i < 8000; i++) printf "SET fill:%d %s\r\n", i, substr(s, 1, 4000) }' \
    >"$WORK/fill"
cli --pipe <"$WORK/fill" >"$WORK/filled" 2>&1
grep -q "OOM command not allowed when used memory > 'maxmemory'" "$WORK/filled" || fail "no error: $(tail -n 3 "$WORK/filled")"
expect_equal "still there" PONG "$(cli ping)"
expect_equal "flushall again" OK "$(cli flushall)"
expect_equal "room again" OK "$(cli set greeting again)"

expect "shut down" svctl shutdown kv
nothing_left kv "$id"
