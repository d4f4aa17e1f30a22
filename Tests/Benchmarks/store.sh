#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What one read and one write of a store node cost a program in Dom0, Xen's client library and context switches included.
. /share/bench.sh

count=500
xenstore-write /tool/bench value
reads=()
writes=()
for ((n = 0; n < count; n++)); do
    reads+=(/tool/bench)
    writes+=(/tool/bench "value$n")
done
for round in 1 2 3; do
    for kind in read write; do
        # The start of the program is measured alone and taken off.
        began=$(now)
        if [ $kind = read ]; then xenstore-read /tool/bench; else xenstore-write /tool/bench x; fi >/dev/null
        once=$(($(now) - began))
        began=$(now)
        if [ $kind = read ]; then xenstore-read "${reads[@]}"; else xenstore-write "${writes[@]}"; fi >/dev/null
        many=$(($(now) - began))
        # One microsecond of virtual time is 1,000 instructions.
        sample store.$kind $(((many - once) * 1000 / (count - 1))) 1 instructions
    done
done
xenstore-rm /tool/bench
report store.read store.write
