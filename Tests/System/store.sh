#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# XenStore as Xen's own client library and Dom0's kernel see it.
. /usr/lib/swiftvisor/testing.sh

expect_equal "the kernel's view of domain 0's name" "Domain-0" "$(xenstore-read /local/domain/0/name)"
expect "write" xenstore-write /tool/test/a one /tool/test/b "two words"
expect_equal "read" "two words" "$(xenstore-read /tool/test/b)"
expect_equal "list" "a b" "$(xenstore-list /tool/test | sort | tr '\n' ' ' | sed 's/ $//')"
xenstore-ls /tool/test | grep -q '^a = "one"$' || fail "xenstore-ls: $(xenstore-ls /tool/test)"

# A watch fires for itself once, then for each change below it.
timeout 20 xenstore-watch -n 3 /tool/test >"$WORK/watch" &
watcher=$!
until_true 10 "the watch is registered" grep -q . "$WORK/watch"
xenstore-write /tool/test/c/d three
xenstore-rm /tool/test/a
wait "$watcher" || fail "the watch did not fire three times: $(cat "$WORK/watch")"
grep -q '^/tool/test/c/d$' "$WORK/watch" || fail "no event for the write: $(cat "$WORK/watch")"
grep -q '^/tool/test/a$' "$WORK/watch" || fail "no event for the removal: $(cat "$WORK/watch")"

expect "permissions" xenstore-chmod /tool/test/b n0 r5
xenstore-ls -p /tool/test | grep 'b = ' | grep -q 'r5' || fail "permissions are not kept: $(xenstore-ls -p /tool/test)"

if xenstore-read /tool/test/none 2>"$WORK/error"; then fail "a missing node was read"; fi
long=$(head -c 5000 /dev/zero | tr '\0' x)
if xenstore-write /tool/test/long "$long" 2>/dev/null; then fail "a value over the payload limit was taken"; fi
if xenstore-write "/tool/bad path" x 2>/dev/null; then fail "a path with a space was taken"; fi

expect "remove" xenstore-rm /tool/test
if xenstore-exists /tool/test; then fail "the removed tree is still there"; fi

# The kernel is a client too, through its ring.
exec 3<>/dev/xen/xenbus || fail "/dev/xen/xenbus cannot be opened"
exec 3>&-
