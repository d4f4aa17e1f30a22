#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# What a person does after `make run`: the shell answers, the demo DomU's console attaches and is left with Ctrl-],
# poweroff ends the emulator.
# Runs: host
# Limit: 240
import os
import pty
import select
import sys
import time

harness = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "Harness", "dom0-run")
child, terminal = pty.fork()
if child == 0:
    os.environ["SCRIPT"] = ""
    os.execv(harness, [harness])
shown = b""


def expect(text, seconds, typed=None):
    """Types a line, then waits until the text appears after it."""
    global shown
    start = len(shown)
    if typed is not None:
        os.write(terminal, typed.encode())
    end = time.monotonic() + seconds
    while text.encode() not in shown[start:]:
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        data = b""
        if ready:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                pass
        if not data:
            print(shown.decode(errors="replace"))
            print(f"no {text!r} within {seconds} s")
            os.kill(child, 15)
            sys.exit(1)
        shown += data


expect("dom0:~#", 90)
expect("svctl-works-2", 20, "echo svctl-works-$((1 + 1))\n")
expect("domu:/#", 90, "svctl create /etc/swiftvisor/demo.cfg -c\n")
expect("domu-works-4", 20, "echo domu-works-$((2 + 2))\n")
expect("dom0:~#", 20, "\x1d")
expect("demo ", 20, "svctl list\n")
expect("reboot: Power down", 60, "poweroff\n")
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
