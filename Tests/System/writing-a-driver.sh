#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Docs/WritingADriver.md, command by command, in a copy of the sources; what `make new-driver` refuses.
# Runs: host
# Limit: 900
set -u
root=$(realpath "$(dirname "$0")/../..")
build=$root/${BUILD:-build}
copy=$build/driver-copy
cd "$root" || exit 1

# The sources as they stand here, without what was built; the copy keeps its own builds from run to run.
rm -rf "$copy/package"
mkdir -p "$copy/package/build"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [ -f "$file" ] && printf '%s\0' "$file"
done | tar -c --null -T - | tar -x -C "$copy/package"
for file in swiftvisor dom0.img dom0-initrd vmlinux-dom0; do
    [ -e "$build/$file" ] || { echo "$build/$file is missing: make build dom0-root"; exit 1; }
    ln -s "$build/$file" "$copy/package/build/$file"
done
cd "$copy/package" || exit 1

refused() {
    pattern=$1
    shift
    before=$(cat Package.swift; ls GuestABI/Examples)
    if output=$(Tests/Harness/new-driver "$@" 2>&1); then
        echo "new-driver $* was not refused: $output"
        exit 1
    fi
    echo "$output" | grep -q -- "$pattern" || { echo "new-driver $*: \"$pattern\" is not in: $output"; exit 1; }
    [ "$before" = "$(cat Package.swift; ls GuestABI/Examples)" ] || { echo "new-driver $* changed something"; exit 1; }
}
refused "give one name"
refused "give one name" ""
refused "give one name" one two
refused "letters and digits" "../clip"
refused "letters and digits" "a b"
refused "letters and digits" "9lives"
refused "kind of device that exists" vbd
refused "is there already" entropy
refused "is there already" HELLO
refused "module is called" Backends
refused "letters and digits" "a
b"
refused "letters and digits" "é"
refused "would clash" frontend
refused "would clash" device
refused "would clash" Main
# Interrupted halfway, when it waits for a template that does not come: nothing is left.
mkfifo GuestABI/DriverKit/Templates/zz.in
before=$(cat Package.swift; ls -A GuestABI/Examples)
Tests/Harness/new-driver halfway 2>/dev/null &
maker=$!
until ls -d GuestABI/Examples/.Halfway-*/README.md >/dev/null 2>&1; do kill -0 "$maker" || exit 1; done
kill "$maker"
wait "$maker" && { echo "new-driver went on after its interruption"; exit 1; }
[ "$before" = "$(cat Package.swift; ls -A GuestABI/Examples)" ] || { echo "a half-made driver is left"; exit 1; }
rm GuestABI/DriverKit/Templates/zz.in

export SCRATCH=$copy/build SCRATCH_GUESTS=$copy/build-guests CONFIGURATION=debug BUILD=build
# The commands of the page name no folder to build in.
swift() {
    case $1 in
        test) shift; command swift test --scratch-path "$SCRATCH" "$@" ;;
        *) command swift "$@" ;;
    esac
}
export -f swift
"$root/Tests/Harness/run-document" Docs/WritingADriver.md . 2>&1 | grep --line-buffered -v -E '^(\[[0-9]+/|◇|✔ Test [a-z])' 
status=${PIPESTATUS[0]}
[ "$status" -eq 0 ] || exit "$status"
refused "is there already" clipboard

# What is generated is formatted, wherever its name falls among the imports.
for name in aa zz; do Tests/Harness/new-driver "$name" >/dev/null || exit 1; done
command swift format lint --strict --recursive GuestABI/Examples/{Clipboard,Aa,Zz} || exit 1
