#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The block frontend behind svback and behind Linux's own xen-blkback: every kind of request and refusal, large and small
# rings, with and without indirect and persistent requests, read-only; what is written is what the file holds.
# Limit: 300
. /usr/lib/swiftvisor/testing.sh

image=$(make_disk blockcat 16)
count=0

# configure CMDLINE [DISK]: the next guest's configuration, under a name of its own.
configure() {
    count=$((count + 1))
    name=blockcat$count
    log=$(console_log $name)
    {
        grep -v -e ^disk -e ^cmdline -e ^name /share/examples/BlockCat/BlockCat.cfg
        echo "name = \"$name\""
        echo "cmdline = \"$1\""
        [ -z "${2:-}" ] || echo "disk = [ '$2' ]"
    } >"$WORK/$name.cfg"
}
# finish PATTERN…: waits for the guest's end; it must have said each, and nothing of a failure.
finish() {
    wait_console "$name" 60 "^blockcat: done"
    if grep -q -e WRONG -e FAILED -e failed "$log"; then
        fail "$name: $(grep -e WRONG -e FAILED -e failed "$log")"
    fi
    for pattern in "$@"; do
        grep -q -E -- "$pattern" "$log" || fail "$name did not say \"$pattern\" but: $(tr '\n' '|' <"$log")"
    done
    nothing_left "$name" "$id"
}
# behind_svback CMDLINE ACCESS
behind_svback() {
    configure "$1" "format=raw,vdev=xvda,access=$2,target=$image"
    expect "create" svctl create -p "$WORK/$name.cfg"
    id=$(domid $name)
    backend=$(svback_of "$id")
    expect "unpause" svctl unpause "$name"
}
# by_hand CMDLINE w|r PARAMS COMMAND…: what xl writes for a disk; the command starts the backend. Waits for the guest's end.
by_hand() {
    configure "$1"
    expect "create without a disk, paused" svctl create -p "$WORK/$name.cfg"
    id=$(domid $name)
    front=/local/domain/$id/device/vbd/51712 back=/local/domain/0/backend/vbd/$id/51712
    xenstore-write "$front/backend" "$back" "$front/backend-id" 0 "$front/virtual-device" 51712 \
        "$front/device-type" disk "$front/state" 1
    xenstore-chmod -r "/local/domain/$id/device" "n$id" r0
    xenstore-write "$back/frontend" "$front" "$back/frontend-id" "$id" "$back/online" 1 "$back/removable" 0 \
        "$back/bootable" 1 "$back/dev" xvda "$back/type" phy "$back/mode" "$2" "$back/device-type" disk \
        "$back/discard-enable" 1 "$back/params" "$3" "$back/state" 1
    xenstore-chmod -r "/local/domain/0/backend/vbd/$id" n0 "r$id"
    shift 3
    "$@"
    until_true 10 "the backend takes the disk" in_state "$back" 2
    expect "unpause" svctl unpause "$name"
    wait_console "$name" 60 "^blockcat: done"
    until_true 20 "domain $name leaves the list" is_gone "$name"
    xenstore-rm "/local/domain/0/backend/vbd/$id"
}
# The device number is what xl's hotplug script finds.
loop_is_there() { xenstore-write "$back/physical-device" "7:${loop#/dev/loop}" "$back/hotplug-status" connected; }
behind_blkback() { by_hand "$1" "$2" "$loop" loop_is_there; }
persistent_svback() { /usr/sbin/svback --store /run/xenstored/socket --persistent-grants "$id" & }
in_state() { [ "$(xenstore-read "$1/state")" = "$2" ]; }
bytes_at() { dd if="$image" bs=8 skip="$1" count=1 2>/dev/null | od -A n -t x1 | tr -d ' '; }
holds_the_pattern() {
    expect_equal "first bytes of the image after $1" cccfce1e587c2cdd "$(bytes_at 0)"
    expect_equal "last bytes of the image after $1" f6cb56ca8ed1770b "$(bytes_at 2097151)"
}

say "behind svback"
behind_svback "info check write verify seed=7 chunk=256" rw
finish "32768 sectors of 512" "read-only false, flush true" "discard true, persistent false" \
    "indirect 64, ring pages 4" "^check: finished" "^blockcat: verified"
[ "$(grep -c "^check: ok" "$log")" -ge 20 ] || fail "few checks: $(grep ^check "$log")"
grep -q " 0 indirect requests" "$log" && fail "no indirect requests were made"
holds_the_pattern "svback"
behind_svback "info check write verify seed=8 ring=0 indirect=0 depth=20 chunk=8 size=4" rw
finish "indirect 0, ring pages 1" "^check: finished" "^blockcat: verified" " 0 indirect requests"
sum=$(sha256sum <"$image")
behind_svback "info check verify seed=8 size=4" ro
finish "read-only true" "check: ok refuses to write" "check: ok refuses to discard" "^blockcat: verified"
expect_equal "the image after a read-only guest" "$sum" "$(sha256sum <"$image")"

by_hand "info check write verify seed=7 chunk=256" w "$image" persistent_svback
finish "persistent true" "indirect 64" "^check: finished" "^blockcat: verified"
behind_svback "verify seed=7" rw
finish "^blockcat: verified"

say "svback killed while it works"
small=$image
image=$(make_disk blockcat64 64)
behind_svback "write verify seed=7 chunk=16 depth=4" rw
wait_console "$name" 60 "^blockcat: write 16384 of"
expect "kill svback" kill -9 "$backend"
finish "^blockcat: verified"

say "svback leaves while it works, and comes back"
behind_svback "write rewrite seed=7 chunk=16 depth=4" rw
wait_console "$name" 60 "^blockcat: write 16384 of"
expect "close the device" xenstore-write "/local/domain/0/backend/vbd/$id/51712/state" 5
wait_console "$name" 60 "^blockcat: write failed: closed"
wait_console "$name" 20 "^blockcat: connected again"
wait_console "$name" 60 "^blockcat: rewrite 65536 KiB"
wait_console "$name" 10 "^blockcat: done"
nothing_left "$name" "$id"
rm "$image"
image=$small

say "behind xen-blkback"
modprobe loop
loop=$(losetup -f)
expect "a loop device" losetup "$loop" "$image"
expect "load xen-blkback" modprobe xen-blkback
behind_blkback "info verify check write verify seed=7 chunk=256" w
finish "32768 sectors of 512" "read-only false, flush true" "persistent true" "^check: finished" \
    "^blockcat: verified"
[ "$(count_lines "$log" "^blockcat: verified")" = 2 ] || fail "blkback read what svback did not write"
grep -q " 0 indirect requests" "$log" && fail "no indirect requests were made"
sync
holds_the_pattern "xen-blkback"
behind_blkback "info check write verify seed=8 ring=0 indirect=0 persistent=0 depth=20 chunk=8 size=4" w
finish "persistent false" "indirect 0, ring pages 1" "^check: finished" "^blockcat: verified" " 0 indirect requests"
behind_blkback "info check verify seed=8 size=4" r
finish "read-only true" "check: ok refuses to write" "check: ok refuses to discard" "^blockcat: verified"
until_true 10 "the loop device is free" losetup -d "$loop"
until_true 10 "xen-blkback unloads" modprobe -r xen-blkback
