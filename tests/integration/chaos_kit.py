"""Runs bench/chaos.py and bench/attack.py on the programs under test."""
import os
import subprocess
import sys
import tempfile

import kit

BENCH = os.path.join(kit.ROOT, "bench")


def run(script, *args, timeout):
    with tempfile.TemporaryDirectory(prefix="sotto-chaos-") as folder:
        done = subprocess.run([sys.executable, "-B", os.path.join(BENCH, script), *[str(a) for a in args],
                               "--bin", kit.BIN, "--out", folder], capture_output=True, text=True,
                              timeout=timeout * kit.SLOW,
                              stdin=subprocess.DEVNULL)
    print(done.stdout + done.stderr, file=sys.stderr)
    return done
