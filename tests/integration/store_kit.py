"""Kills a writer of the transcript store at any moment, and looks whether what it was told is stored is there."""
import os
import random
import signal
import subprocess
import time

import kit

PROGRAM = os.path.join(kit.BIN, "sotto-test-store")
SESSIONS = 20


def pairs(text):
    """Session and seq of each complete line."""
    lines = text.split("\n")[:-1]
    return [tuple(int(word) for word in line.split()) for line in lines]


def verify(path, name):
    done = subprocess.run([PROGRAM, "verify", path, name, str(SESSIONS)], capture_output=True,
                          text=True, timeout=60 * kit.SLOW)
    assert done.returncode == 0, done.stderr
    return dict(pairs(done.stdout))


def write_and_kill(path, name, finals, after):
    """Kills when `after` acknowledgements have come; returns the highest seq of each session that was acknowledged."""
    writer = subprocess.Popen([PROGRAM, "write", path, name, str(SESSIONS), str(finals)],
                              stdout=subprocess.PIPE, text=True)
    read = []
    while len(read) < after:
        line = writer.stdout.readline()
        if not line:
            break
        read.append(line)
    killed = writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    read.append(writer.stdout.read())
    writer.wait()
    writer.stdout.close()
    acked = {}
    for session, seq in pairs("".join(read)):
        acked[session] = max(acked.get(session, 0), seq)
    return acked, killed


def rounds(path, count, finals, seed):
    """Returns figures over `count` kills."""
    rng = random.Random(seed)
    figures = {"kills": 0, "acknowledged": 0, "stored": 0, "lost": 0, "open_ms_max": 0}
    for i in range(count):
        name = "kill-%d" % i
        # One tells of all finals of a session in a group, four at most.
        acked, killed = write_and_kill(path, name, finals, rng.randrange(1, finals // 5))
        began = time.monotonic()
        stored = verify(path, name)
        figures["open_ms_max"] = max(figures["open_ms_max"], (time.monotonic() - began) * 1000)
        figures["kills"] += killed
        figures["acknowledged"] += sum(acked.values())
        figures["stored"] += sum(stored.values())
        figures["lost"] += sum(max(0, seq - stored[session]) for session, seq in acked.items())
    return figures


def tell(figures):
    print("store: %(kills)d kills, %(acknowledged)d finals acknowledged, %(stored)d stored, %(lost)d lost, "
          "opened and read within %(open_ms_max).0f ms" % figures)
