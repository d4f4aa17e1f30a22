#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Power-off and reboot of Dom0 reach the machine.
# Runs: host
# Limit: 300
set -uo pipefail
harness=$(dirname "$(realpath "$0")")/../Harness
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '#!/bin/sh\ntrue\n' >"$work/true.sh"
SCRIPT="$work/true.sh" POWEROFF=1 TIMEOUT=120 "$harness/dom0-run" || { echo "the machine did not power itself off"; exit 1; }

# The disk lives as long as the emulator: the mark on it tells the second boot from the first.
cat >"$work/reboot.sh" <<'END'
#!/bin/sh
[ -e /root/mark ] && echo "back after the reboot" && exit 0
touch /root/mark
sync
reboot -f
sleep 60
exit 1
END
SCRIPT="$work/reboot.sh" TIMEOUT=180 QEMU_EXTRA="-action reboot=reset" "$harness/dom0-run" >"$work/output"
status=$?
[ $status -eq 0 ] && grep -q "^back after the reboot" "$work/output" || {
    echo "reboot -f in Dom0 gave status $status:"
    cat "$work/output"
    exit 1
}
