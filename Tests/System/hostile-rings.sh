#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# DomUs whose store messages, block and network rings and device states lie: svd and the neighbours' backends go on serving.
# Guest: HostileRings
# Limit: 400
. /usr/lib/swiftvisor/testing.sh

disk=$(make_disk good 16)
dd if=/dev/urandom of="$disk" bs=1M count=16 2>/dev/null
sum=$(head -c 4194304 "$disk" | sha256sum | cut -d ' ' -f 1)
expect "create" svctl create "$(CMDLINE=sv.address=10.77.0.2/24 make_config good "disk = [ '$disk,raw,xvda,w' ]" "vif = [ 'bridge=xenbr0' ]")"
good_id=$(domid good)
wait_console good 90 "domu: ready"
attach good
svd=$(pidof svd)
backend=$(pidof svback)
xenstore-ls -f /local/domain/0 | sed 's/ = .*//' >"$WORK/nodes"

neighbours() {
    expect_equal "process of svd $1" "$svd" "$(pidof svd)"
    case " $(pidof svback) " in
        *" $backend "*) ;;
        *) fail "the good domain's svback is gone $1" ;;
    esac
    expect_equal "number of the good domain $1" "$good_id" "$(domid good)"
    expect "the store $1" timeout 10 xenstore-ls /local/domain/0
    expect_equal "the store keeps a value $1" kept \
        "$(timeout 10 xenstore-write /tool/hostile kept && timeout 10 xenstore-read /tool/hostile)"
    until_true 20 "the good domain's card answers $1" ping -c 1 -W 1 10.77.0.2
    expect_equal "checksum through the good domain's disk $1" "$sum" \
        "$(in_domu good 60 "echo 3 >/proc/sys/vm/drop_caches; head -c 4194304 /dev/xvda | sha256sum | cut -d ' ' -f 1")"
}

# attack ROLE CONFIG-LINE…: runs the guest in that role until it ends.
attack() {
    role=$1
    shift
    config="$WORK/hostile.cfg"
    printf 'name = "hostile"\ntype = "pvh"\nkernel = "/share/guests/HostileRings.elf"\nmemory = 24\n' >"$config"
    printf 'cmdline = "%s"\non_crash = "destroy"\n' "$role" >>"$config"
    for line in "$@"; do echo "$line" >>"$config"; done
    rm -f "$(console_log hostile)"
    svctl create --no-wait "$config" >"$WORK/create" 2>&1 || fail "create: $(cat "$WORK/create")"
    id=$(domid hostile || true)
    # While it attacks the others are served.
    neighbours "during the attack on $role"
    gone() { ! svctl list | grep -q '^hostile '; }
    until_true 90 "the hostile domain ends ($role)" gone
    while read -r line; do say "$line"; done <"$(console_log hostile)"
    ! grep "WRONG" "$(console_log hostile)" || fail "a lie was not dealt with"
    grep -q "rings: ${role%% *} done" "$(console_log hostile)" || fail "the guest did not come to its end"
    # One that was quick may have gone before its number was known.
    [ -z "$id" ] || nothing_left hostile "$id"
}

# A length of 4 GiB, a producer far ahead, one behind, a consumer far ahead: each the first lie of a new domain.
for lie in 0 3 4 5; do attack "store $lie"; done
bad=$(make_disk bad 4)
attack flood "vif = [ 'bridge=xenbr0' ]"
attack block "disk = [ '$bad,raw,xvda,w' ]"
attack net "vif = [ 'mac=00:16:3e:66:66:66,bridge=xenbr0' ]"
attack states "disk = [ '$bad,raw,xvda,w' ]" "vif = [ 'bridge=xenbr0' ]"
neighbours "after all attacks"

timeout 10 xenstore-rm /tool/hostile
# Nothing of the liars stays in Dom0's part of the store, but folders for all.
xenstore-ls -f /local/domain/0 | sed 's/ = .*//' | grep -v -x -F -f "$WORK/nodes" |
    sed 's|^/local/domain/0||' >"$WORK/new-nodes"
expect_equal "nodes about other domains than the good one" "" \
    "$(grep -E '/[0-9]+(/|$)' "$WORK/new-nodes" | grep -v -E "^/[a-z/]*/$good_id(/|\$)")"
detach
expect "destroy" svctl destroy good
nothing_left good "$good_id"
rm -f "$disk" "$bad"
