#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Domain life cycle and memory: create, boot, destroy, what a domain and the hypervisor cost, what leaks.
. /share/bench.sh

config=$(make_config bench)
warm_up() { svctl create -q --no-wait "$config" >/dev/null && svctl destroy bench; }
warm_up || fail "a domain cannot be created and destroyed"

# boot.dom0_entry: from the first instruction of the image to the first of Dom0's kernel, as the hypervisor's log has it.
entry=$(svctl dmesg | sed -n 's/.*Dom0 starts \([0-9]*\) us after.*/\1/p' | tail -n 1)
[ -z "$entry" ] || sample boot.dom0_entry "$entry" 1000 ms && report boot.dom0_entry

# domain.create: from the start of `svctl create` to its end, when the domain has just been unpaused.
# domain.boot: from there to the first line of init on its console. domain.destroy: `svctl destroy`.
for round in 1 2 3; do
    began=$(now)
    svctl create -q --no-wait "$config" >/dev/null || fail "create"
    created=$(now)
    while read -r -t 120 line; do
        case $line in *"domu: init runs"*) booted=$(now); break ;; esac
    done < <(svctl console bench 2>/dev/null </dev/null)
    sample domain.create $((created - began)) 1000 ms
    sample domain.boot $((booted - created)) 1000 ms
    began=$(now)
    svctl destroy bench || fail "destroy"
    sample domain.destroy $(($(now) - began)) 1000 ms
done
report domain.create domain.boot domain.destroy

free_before=$(free_bytes)
svctl create -q -p --no-wait "$config" >/dev/null || fail "create"
taken=$((free_before - $(free_bytes)))
bench memory.per_domain $(((taken >> 10) - (128 << 10))) KiB
svctl destroy bench
until_true 20 "the domain's memory is free" is_gone bench

# memory.hypervisor: what of the machine neither Dom0 has nor is free; the firmware's few hundred KiB are in it.
dom0=$(svctl list --json | tr '{' '\n' | grep Domain-0 | sed -n 's/.*"memory_kib"[^0-9]*\([0-9]*\).*/\1/p')
[ -n "$dom0" ] || dom0=$(svctl list | awk '$1 == "Domain-0" { print $3 * 1024 }')
bench memory.hypervisor $(((MACHINE_MIB << 10) - $(free_bytes) / 1024 - dom0)) KiB

before=$(free_bytes)
for ((round = 0; round < ${ROUNDS:-100}; round++)); do
    svctl create -q -p --no-wait "$config" >/dev/null && svctl destroy bench || fail "create and destroy, round $round"
done
until_true 20 "the last domain is gone" is_gone bench
bench memory.leak $((before - $(free_bytes))) bytes
