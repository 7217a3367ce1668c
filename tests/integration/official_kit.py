"""Google's own client and wire definitions, run by Node.js: tests/official/, installed by npm beside the programs.

What may be missing decides how a test ends. Without node and npm, which `make deps` installs, it fails. Without a way
to npm's registry, and with nothing installed by an earlier run, it is skipped: ctest lists it as not run.
"""
import fcntl
import hashlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import kit

SOURCES = os.path.join(kit.ROOT, "tests", "official")
FOLDER = os.path.join(os.path.dirname(kit.BIN), "official")
MODULES = os.path.join(FOLDER, "node_modules")
FILES = ("package.json", "package-lock.json", ".npmrc")
SKIPPED = 77  # what tests/CMakeLists.txt calls SKIP_RETURN_CODE

# How npm says that nobody answered, as against an answer it did not like.
UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED")


def fingerprint():
    digest = hashlib.sha256()
    for name in FILES:
        with open(os.path.join(SOURCES, name), "rb") as f:
            digest.update(f.read())
    return digest.hexdigest()


def install():
    """Fills MODULES with exactly what package-lock.json names; ends the test when it cannot."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            sys.exit("%s is missing: run make deps (Debian packages nodejs and npm)" % program)
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two tests may run at a time
        stamp = os.path.join(FOLDER, "installed")
        wanted = fingerprint()
        if os.path.exists(stamp):
            with open(stamp) as f:
                if f.read() == wanted:
                    return
            os.unlink(stamp)
        for name in FILES:
            shutil.copy(os.path.join(SOURCES, name), FOLDER)
        done = subprocess.run(["npm", "ci"], cwd=FOLDER, capture_output=True, text=True, timeout=240)
        if done.returncode != 0:
            if UNREACHABLE.search(done.stderr):
                print("skipped: npm cannot reach its registry, and %s was never filled:\n%s" % (MODULES, done.stderr))
                sys.exit(SKIPPED)
            sys.exit("npm ci failed in %s:\n%s" % (FOLDER, done.stderr))
        with open(stamp, "w") as f:
            f.write(wanted)


def node(script, *args, **kw):
    """A program of tests/official; its standard output is read line by line."""
    # Left alone, Google's libraries ask the network whether they run in its cloud.
    env = {**os.environ, "NODE_PATH": MODULES, "METADATA_SERVER_DETECTION": "none"}
    return subprocess.Popen(["node", os.path.join(SOURCES, script), *[str(a) for a in args]], text=True,
                            stdout=subprocess.PIPE, env=env, **kw)


class Server:
    """tests/official/server.js with a script; what it read of each call."""

    def __init__(self, wire, *calls):
        self.dir = tempfile.TemporaryDirectory(prefix="sotto-official-")
        script = os.path.join(self.dir.name, "script.json")
        with open(script, "w") as f:
            json.dump({"wires": [wire], "calls": calls}, f)
        self.process = node("server.js", script, self.dir.name, stdin=subprocess.PIPE)
        self.lines = queue.Queue()
        self.events = []
        threading.Thread(target=self.read, daemon=True).start()
        self.port = self.lines.get(timeout=30 * kit.SLOW)["port"]

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def wait(self, call, *kinds, wait_s=10):
        """The first event of these kinds of a call."""
        end = time.monotonic() + wait_s * kit.SLOW
        while True:
            for event in self.events:
                if event["call"] == call and event["event"] in kinds:
                    return event
            try:
                self.events.append(self.lines.get(timeout=max(0.01, end - time.monotonic())))
            except queue.Empty:
                raise AssertionError("no %s of call %d in %r" % (kinds, call, self.events)) from None

    def audio(self, call):
        with open(os.path.join(self.dir.name, "%d.pcm" % call), "rb") as f:
            return f.read()

    def all(self, kind):
        while not self.lines.empty():
            self.events.append(self.lines.get())
        return [e for e in self.events if e["event"] == kind]

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(10 * kit.SLOW) == 0
        self.process.stdout.close()
        self.dir.cleanup()


def recognise(api, port, request, pcm):
    """Streams PCM with the official client; its responses and the status at the end."""
    with tempfile.TemporaryDirectory(prefix="sotto-official-") as folder:
        files = os.path.join(folder, "request.json"), os.path.join(folder, "audio.pcm")
        with open(files[0], "w") as f:
            json.dump(request, f)
        with open(files[1], "wb") as f:
            f.write(pcm)
        client = node("client.js", api, port, *files)
        out, _ = client.communicate(timeout=len(pcm) / 2 / kit.RATE + 60 * kit.SLOW)
    assert client.returncode == 0, out
    lines = [json.loads(line) for line in out.splitlines()]
    return lines[:-1], lines[-1]["status"]
