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
touch /share/started
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
import json, os, socket, sys, time
folder, times = sys.argv[1], int(sys.argv[2])
deadline = time.monotonic() + 120
while not os.path.exists(f"{folder}/share/started"):
    if time.monotonic() > deadline:
        sys.exit("Dom0 did not start")
    time.sleep(0.05)
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
print(f"stopped {times} times")
END
mkdir "$folder/share"
SCRIPT="$folder/work.sh" SHARE="$folder/share" NOSVD=1 TIMEOUT=200 \
    QEMU_EXTRA="-qmp unix:$folder/qmp,server=on,wait=off" Tests/Harness/dom0-run >"$folder/output" 2>&1 &
machine=$!
python3 "$folder/storm.py" "$folder" 20000
storm=$?
touch "$folder/share/enough"
wait "$machine"
status=$?
tail -n 40 "$folder/output"
[ "$storm" = 0 ] && [ "$status" = 0 ] && grep -q '^rounds [1-9]' "$folder/output"
