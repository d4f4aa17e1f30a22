#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The smallest guest as a DomU: its console output arrives, it powers off by itself, nothing is left.
# Limit: 60
. /usr/lib/swiftvisor/testing.sh

before=$(free_bytes)
expect "create, paused" svctl create -p /share/examples/Hello/Hello.cfg
id=$(domid hello)
expect "unpause" svctl unpause hello
nothing_left hello "$id"
wait_console hello 10 "^Hello from a Swift guest!"
wait_console hello 10 "^I was told: be brief"
expect_equal "free memory after it" "$before" "$(free_bytes)"
