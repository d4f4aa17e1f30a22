#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# svd is killed outright and started again: the store's contents, Dom0's kernel, watches and a running DomU go on.
# Limit: 200
. /usr/lib/swiftvisor/testing.sh

disk=$(make_disk going 8)
config=$(make_config going "disk = [ '$disk,raw,xvda,w' ]")
expect "create" svctl create "$config"
id=$(domid going)
wait_console going 90 "domu: ready"
expect "write" xenstore-write /tool/test/kept "through a restart"
expect "permissions" xenstore-chmod /tool/test/kept n0 r$id

kill -9 "$(cat /run/svd/svd.pid)"
expect "start again" /etc/init.d/svd start

expect_equal "what was written" "through a restart" "$(xenstore-read /tool/test/kept)"
xenstore-ls -p /tool/test | grep 'kept = ' | grep -q "r$id" || fail "permissions are lost: $(xenstore-ls -p /tool/test)"
expect_equal "the domain's own nodes" going "$(xenstore-read "/local/domain/$id/name")"
expect_equal "the domain's disk" 4 "$(xenstore-read "/local/domain/$id/device/vbd/51712/state")"
svctl list | grep -q "^going  *$id " || fail "list does not show it: $(svctl list)"

# The kernel of the DomU acts on a node it watches: through its ring, with a watch set before the restart.
expect "shutdown" svctl shutdown -w going
nothing_left going "$id"
expect "remove" xenstore-rm /tool/test
