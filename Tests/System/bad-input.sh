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

config=$(make_config bad); echo 'memory = = 3' >>"$config"
refused 'bad.cfg:8:[0-9]+' "$config"
config=$(make_config bad); echo 'memry = 128' >>"$config"
refused 'memry.*memory' "$config"
config=$(make_config bad); sed -i 's/^memory.*/memory = "many"/' "$config"
refused 'memory' "$config"
config=$(make_config bad); sed -i 's/^vcpus.*/vcpus = 100000/' "$config"
refused 'vcpus' "$config"
config=$(make_config bad); sed -i 's/^type.*/type = "hvm"/' "$config"
refused 'type|hvm|pvh' "$config"
config=$(make_config bad); sed -i '/^name/d' "$config"
refused 'name' "$config"
refused '/nowhere.cfg' /nowhere.cfg

config=$(make_config bad); sed -i 's/^kernel.*/kernel = "\/boot\/none"/' "$config"
refused '/boot/none' "$config"
config=$(make_config bad); sed -i 's/^ramdisk.*/ramdisk = "\/boot\/none"/' "$config"
refused '/boot/none' "$config"
config=$(make_config bad "disk = [ '/none.img,raw,xvda,w' ]")
refused '/none.img' "$config"
config=$(make_config bad); sed -i 's/^kernel.*/kernel = "\/bin\/busybox"/' "$config"
refused 'PVH' "$config"
config=$(make_config bad); sed -i 's/^kernel.*/kernel = "\/etc\/passwd"/' "$config"
refused '/etc/passwd' "$config"
config=$(make_config bad); sed -i 's/^memory.*/memory = 16/' "$config"
refused 'memory|fit' "$config"
config=$(make_config bad); sed -i 's/^memory.*/memory = 1000000/' "$config"
refused 'memory|free' "$config"
config=$(make_config bad "vif = [ 'bridge=nobridge' ]")
refused 'nobridge' "$config"

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
