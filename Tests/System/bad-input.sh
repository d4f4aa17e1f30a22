#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each kind of bad input gets one message with status 1 (2 for usage), and leaves no domain, store entry, process or memory.
# Limit: 240
. /usr/lib/swiftvisor/testing.sh

before=$(free_bytes)
domains=$(svctl list | wc -l)
entries=$(xenstore-list /local/domain | wc -l)

# refused PATTERN CONFIG: create must fail with a message that matches.
refused() {
    expect_failure 1 "$1" svctl create "$2"
    lines=$(echo "$output" | wc -l)
    [ "$lines" -le 6 ] || fail "the message has $lines lines: $output"
}
# edited PATTERN EDIT: a configuration changed so by sed is refused. added PATTERN LINE: one with that line.
edited() {
    config=$(make_config bad)
    sed -i "$2" "$config"
    refused "$1" "$config"
}
added() {
    refused "$1" "$(make_config bad "$2")"
}

added 'bad.cfg:8:[0-9]+' 'memory = = 3'
added 'memry.*memory' 'memry = 128'
edited 'memory' 's/^memory.*/memory = "many"/'
edited 'vcpus' 's/^vcpus.*/vcpus = 100000/'
edited 'type|hvm|pvh' 's/^type.*/type = "hvm"/'
edited 'name' '/^name/d'
refused '/nowhere.cfg' /nowhere.cfg

edited '/boot/none' 's/^kernel.*/kernel = "\/boot\/none"/'
edited '/boot/none' 's/^ramdisk.*/ramdisk = "\/boot\/none"/'
added '/none.img' "disk = [ '/none.img,raw,xvda,w' ]"
edited 'PVH' 's/^kernel.*/kernel = "\/bin\/busybox"/'
edited '/etc/passwd' 's/^kernel.*/kernel = "\/etc\/passwd"/'
edited 'memory|fit' 's/^memory.*/memory = 16/'
edited 'memory|free' 's/^memory.*/memory = 1000000/'
added 'nobridge' "vif = [ 'bridge=nobridge' ]"

config=$(make_config twice)
expect "create" svctl create -p "$config"
expect_failure 1 "twice" svctl create "$config"
expect "destroy" svctl destroy twice
until_true 20 "twice is gone" is_gone twice

expect_failure 1 "nobody" svctl destroy nobody
expect_failure 1 "nobody" svctl console nobody
expect_failure 2 "usage" svctl frobnicate
expect_failure 2 "usage" svctl create --frobnicate

expect_equal "number of domains" "$domains" "$(svctl list | wc -l)"
expect_equal "entries of /local/domain" "$entries" "$(xenstore-list /local/domain | wc -l)"
expect_equal "free memory" "$before" "$(free_bytes)"
[ -z "$(svback_of)" ] || fail "a backend process is left"

# Last, because it takes svd away for a moment.
/etc/init.d/svd stop
expect_failure 1 "svd" svctl list
expect_failure 2 "no open descriptor" svd --ready-fd 77
expect_failure 2 "no open descriptor" svd --ready-fd 2
/etc/init.d/svd start || fail "svd does not start again"
expect_failure 1 "another svd runs" svd
expect "list" svctl list
