#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Dom0 bears a machine that stops and goes on thousands of times: no interrupt may be delivered twice, or none at all.
# Runs: host
# Limit: 240
# Under QEMU an event injected by EVENTINJ came twice when the emulator's main loop broke in before the next exit.
set -u
cd "$(dirname "$0")/../.." || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/work.sh" <<'END'
#!/bin/sh
# Timer ticks, disk interrupts and page faults, until the host has seen enough.
echo started
rounds=0
until [ -e /share/enough ]; do
    dd if=/dev/urandom of=/tmp/data bs=64k count=16 2>/dev/null
    sum=$(sha256sum </tmp/data)
    cp /tmp/data /share/data && sync
    [ "$(sha256sum </share/data)" = "$sum" ] || { echo "round $rounds: the data changed"; exit 1; }
    rounds=$((rounds + 1))
done
echo "rounds $rounds"
END
cat >"$folder/storm.py" <<'END'
"""Reads what the script in Dom0 says; stops and continues the machine from the script's first line on."""
import json, socket, sys
folder, times = sys.argv[1], int(sys.argv[2])
if sys.stdin.readline() != "started\n":
    sys.exit("Dom0 did not start")
connection = socket.socket(socket.AF_UNIX)
connection.connect(f"{folder}/qmp")
lines = connection.makefile("rw")
lines.readline()
def ask(command):
    lines.write(json.dumps({"execute": command}) + "\n")
    lines.flush()
    while True:
        line = lines.readline()
        if not line:
            sys.exit("the machine ended")
        if "return" in json.loads(line):
            return
ask("qmp_capabilities")
for _ in range(times):
    ask("stop")
    ask("cont")
open(f"{folder}/share/enough", "w").close()
last = None
for line in sys.stdin:
    print(line, end="", flush=True)
    if line.strip():
        last = line
if not last or not last.startswith("rounds ") or last == "rounds 0\n":
    sys.exit("the script did not get through a round")
print(f"stopped {times} times")
END
mkdir "$folder/share"
SCRIPT="$folder/work.sh" SHARE="$folder/share" NOSVD=1 TIMEOUT=200 \
    QEMU_EXTRA="-qmp unix:$folder/qmp,server=on,wait=off" Tests/Harness/dom0-run 2>"$folder/errors" |
    python3 "$folder/storm.py" "$folder" 20000
status="${PIPESTATUS[*]}"
tail -n 40 "$folder/errors"
[ "$status" = "0 0" ]
