#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The package in Tests/OutOfTree, with the commands of its README; what link-guest and boot-guest refuse.
# Runs: host
# Limit: 400
set -u
cd "$(dirname "$0")/../OutOfTree" || exit 1
refused() {
    status=$1 pattern=$2
    shift 2
    output=$("$@" 2>&1 </dev/null)
    got=$?
    [ "$got" = "$status" ] || { echo "wanted status $status, got $got, of: $*: $output"; exit 1; }
    echo "$output" | grep -q -- "$pattern" || { echo "$*: \"$pattern\" is not in: $output"; exit 1; }
}
guest=../../GuestABI
refused 2 usage "$guest/link-guest"
refused 2 usage "$guest/link-guest" -x
refused 2 usage "$guest/link-guest" a.a -o
refused 1 "nothing.a does not exist; swift build" "$guest/link-guest" nothing.a
refused 2 usage "$guest/boot-guest"
refused 1 "nothing.elf does not exist" "$guest/boot-guest" nothing.elf
refused 1 "none does not exist; run make image" env IMAGE=none "$guest/boot-guest" README.md

output=$(../Harness/run-document README.md . 2>&1 </dev/null) || { echo "$output"; exit 1; }
echo "$output" | tr -d '\r' | grep -q "^A guest from another package, told \"hello from outside\"" ||
    { echo "the guest's line is missing: $output"; exit 1; }

# From a folder and through a path that have blanks, with a comma in a word.
folder=$(mktemp -d "${TMPDIR:-/tmp}/out of tree.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
tools=$(realpath ../../GuestABI)
cp .build/x86_64-unknown-none-elf/release/libVisitor.a "$folder"
cd "$folder" || exit 1
"$tools/link-guest" "$folder/libVisitor.a" || exit 1
output=$("$tools/boot-guest" "$folder/Visitor.elf" a,b "c  d" 2>&1 </dev/null)
echo "$output" | tr -d '\r' | grep -q "^A guest from another package, told \"a,b c  d\"" ||
    { echo "the guest in a folder with blanks: $output"; exit 1; }

# A guest that does not end well, and one that is interrupted: the emulator goes with the script.
cd "$tools/.." || exit 1
Tests/InGuest/run-guests --build-only Interdomain >/dev/null || { echo "the guest that crashes does not build"; exit 1; }
crashes=${BUILD:-build}/guests/Interdomain.elf
refused 1 "did not power off" GuestABI/boot-guest "$crashes" peer 1 1
mkfifo "$folder/fifo"
GuestABI/boot-guest "$crashes" >"$folder/fifo" 2>&1 </dev/null &
script=$!
exec 7<"$folder/fifo"
read -r _ <&7
emulator=$(pgrep -P "$script" qemu)
kill "$script"
wait "$script"
got=$?
[ "$got" = 143 ] || { echo "boot-guest ended with $got when told to end"; exit 1; }
timeout 20 tail --pid="$emulator" -f /dev/null || { echo "boot-guest left its emulator $emulator behind"; exit 1; }
