"""The disk is filled while sessions speak, and freed again: captions go on, learners are told, nothing is claimed to be
stored that is not there, and what was said meanwhile is stored in the end."""
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

import bench_audio
import kit
import sim_kit

SESSIONS = 5


class Disk:
    """A small file system of its own where that may be made, else a bound on the size of the server's files."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="sotto-disk-")
        self.path = os.path.join(self.dir, "sotto.db")
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs", self.dir],
                                      capture_output=True).returncode == 0

    def fill(self, pid):
        if not self.mounted:
            largest = max(os.path.getsize(os.path.join(self.dir, name)) for name in os.listdir(self.dir))
            self.limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, self.limits[1]))
            return
        with open(os.path.join(self.dir, "filler"), "wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def free(self, pid):
        if not self.mounted:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, self.limits)
            return
        os.unlink(os.path.join(self.dir, "filler"))

    def stored(self):
        """Messages of each session as they are in the files now, read from a copy: nobody's lock is touched."""
        with tempfile.TemporaryDirectory() as copy:
            for ending in ("", "-wal"):
                if os.path.exists(self.path + ending):
                    shutil.copy(self.path + ending, copy)
            base = sqlite3.connect(os.path.join(copy, "sotto.db"))
            rows = base.execute("SELECT sessions.id, messages.seq, messages.body FROM messages "
                                "JOIN sessions ON sessions.key = messages.session ORDER BY 1, 2").fetchall()
            base.close()
        found = {}
        for session, seq, body in rows:
            found.setdefault(session, {})[seq] = body if isinstance(body, str) else bytes(body).decode()
        return found

    def close(self):
        if self.mounted:
            subprocess.run(["umount", self.dir], check=True, timeout=10)
        shutil.rmtree(self.dir)


class Speaker:
    """A session that says one utterance at a time."""

    def __init__(self, port, number):
        self.voice = bench_audio.Voice(number)
        self.ws = kit.WebSocket(port)
        self.started = self.ws.start()
        self.session = self.started["session"]
        self.events = []
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        try:
            while True:
                event = self.ws.event()
                with self.news:
                    self.events.append(event)
                    self.news.notify_all()
        except (kit.Closed, OSError):
            pass

    def speak(self):
        kit.speak(self.ws, self.voice.speak() + self.voice.silence(700), speed=1.5)

    def wait(self, found, what):
        with self.news:
            assert self.news.wait_for(lambda: any(found(e) for e in self.events), 10 * kit.SLOW), (
                what, self.events[-5:])

    def wait_words(self):
        """All that was said is in finals, and in another language."""
        def whole():
            said = [w for e in kit.finals(self.events, "transcript") for w in kit.words(e["committed"])]
            return len(said) >= len(self.voice.said) and len(kit.finals(self.events, "translation")) >= len(
                kit.finals(self.events, "transcript"))
        with self.news:
            assert self.news.wait_for(whole, 10 * kit.SLOW), self.events[-5:]

    def durable(self):
        """What has come so far with a place in the store."""
        with self.news:
            return {e["seq"]: e for e in self.events if "seq" in e}


def ignore_limit():
    """Past the bound of a file's size a write shall fail, and not end the process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def at_once(speakers, what):
    threads = [threading.Thread(target=what, args=(s,)) for s in speakers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class DiskFull(unittest.TestCase):
    def setUp(self):
        self.disk = Disk()
        self.rig = sim_kit.Rig()
        assert self.rig.sotto.stop() == 0
        self.rig.sotto = kit.Sotto(int(self.rig.sim.match.group(1)), int(self.rig.chat_port), self.rig.ca,
                                   "--store-path", self.disk.path, preexec=ignore_limit).wait_ready()
        self.pid = self.rig.sotto.process.pid
        self.speakers = [Speaker(self.rig.sotto.port, next(sim_kit.Rig.numbers)) for _ in range(SESSIONS)]

    def tearDown(self):
        for speaker in self.speakers:
            speaker.ws.close()
        self.rig.sotto.stop()
        self.rig.sim.stop()
        self.rig.dir.cleanup()
        self.disk.close()

    def say(self):
        at_once(self.speakers, Speaker.speak)
        for speaker in self.speakers:
            speaker.wait_words()

    def all_stored(self):
        stored = self.disk.stored()
        for speaker in self.speakers:
            for seq, event in speaker.durable().items():
                body = stored.get(speaker.session, {}).get(seq)
                self.assertIsNotNone(body, "message %d was told and is not stored" % seq)
                self.assertIn(event.get("committed", event.get("corrected", "")), body)

    def test_full_and_freed(self):
        for speaker in self.speakers:
            self.assertTrue(speaker.started["durable"])
        self.say()
        self.all_stored()

        self.disk.fill(self.pid)
        before = {s: set(s.durable()) for s in self.speakers}
        self.say()
        for speaker in self.speakers:
            speaker.wait(lambda e: e["type"] == "session.degraded" and "storage" in e["what"], "degraded")
            speaker.wait(lambda e: e["type"] == "error" and e["code"] == "storage" and not e["fatal"], "error")
            self.assertGreater(set(speaker.durable()), before[speaker])
        stored = self.disk.stored()
        for speaker in self.speakers:
            # What came before anybody was told of trouble is there.
            self.assertLessEqual(before[speaker], set(stored[speaker.session]))

        self.disk.free(self.pid)
        self.say()
        for speaker in self.speakers:
            speaker.wait(lambda e: e["type"] == "session.restored" and "storage" in e["what"], "restored")
        for speaker in self.speakers:
            speaker.ws.send({"type": "session.end"})
            speaker.wait(lambda e: e["type"] == "session.ended", "ended")
        end = time.monotonic() + 5 * kit.SLOW
        while time.monotonic() < end and any(set(s.durable()) - set(self.disk.stored().get(s.session, ()))
                                             for s in self.speakers):
            time.sleep(0.1)
        self.all_stored()
        for speaker in self.speakers:
            seqs = sorted(speaker.durable())
            self.assertEqual(seqs, list(range(1, len(seqs) + 1)))
            self.assertEqual([w for e in kit.finals(speaker.events, "transcript") for w in kit.words(e["committed"])],
                             speaker.voice.said)


if __name__ == "__main__":
    unittest.main()
