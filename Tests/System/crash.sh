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
