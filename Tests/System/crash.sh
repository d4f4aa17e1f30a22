#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A DomU that panics is reported and cleared away, and its neighbour does not notice.
# Limit: 200
. /usr/lib/swiftvisor/testing.sh

good=$(make_config good "vif = [ 'bridge=xenbr0' ]")
sed -i 's/console=hvc0/console=hvc0 sv.address=10.77.0.4\/24/' "$good"
expect "create" svctl create "$good"
wait_console good 90 "domu: ready"
good_id=$(domid good)

config=$(CMDLINE=sv.then=crash make_config bad "on_crash = 'destroy'")
expect "create" svctl create --no-wait "$config"
bad_id=$(domid bad)
wait_console bad 90 "Kernel panic|sysrq: Trigger a crash"
nothing_left bad "${bad_id:-0}"
until_true 20 "the neighbour still answers" ping -c 1 -W 1 10.77.0.4
expect_equal "number of the neighbour" "$good_id" "$(domid good)"

expect "destroy" svctl destroy good
nothing_left good "$good_id"

# A kernel that dies at its first instruction (a PVH note and ud2): create says so, and nothing stays.
echo 'H4sICMU0AWsCA3NtYWxsMi5lbGYAq3f1cWNiZGSAASYGOwYoD0w5MGACBwYLoDqEIlYg3oCQZkSmxaAcGM2CRIPwJri9EPUwWgQqLoJmKD83TKcQEEek5oElAVi30J7GAAAA' |
    base64 -d | gzip -d > /tmp/ud2.elf
printf 'name = "boom"\ntype = "pvh"\nkernel = "/tmp/ud2.elf"\nmemory = 32\non_crash = "destroy"\n' > /tmp/boom.cfg
if svctl create /tmp/boom.cfg 2> /tmp/boom.err; then fail "create of a kernel that dies at once succeeds"; fi
grep -qi 'crash' /tmp/boom.err || fail "create does not tell of the crash: $(cat /tmp/boom.err)"
if svctl list | grep -q boom; then fail "boom is still listed"; fi
