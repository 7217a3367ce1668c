"""Speakers of the bench in front of chat connections that are replaced, told to go, hang, or die with their upstream.

test_pool_faults.py runs it for seconds, soak_pool.py for ten minutes.
"""
import json
import os
import subprocess
import tempfile
import threading

import kit
import sim_kit

DEADLINE_MS = 4000
SOTTO = ("--translate-final-deadline-ms", DEADLINE_MS, "--chat-stall-ms", 1500, "--chat-connections", 4,
         "--chat-connect-ms", 1000)
SIM = ("--chat-first-token", "lognormal:150:0.4", "--chat-tokens-s", 200)
FINALS = ("translation_final", "grammar_final")


class Upstream:
    """A chat API beside the rig's, to be killed."""

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="sotto-sim-")
        self.sim = kit.Program("sotto-sim", "--dir", self.dir.name, "--speech-port", 0, "--chat-port", 0, *SIM,
                               ready=r"ready speech=(\d+) chat=(\d+) ca=(\S+)", stream="stdout")
        _, port, self.ca = self.sim.match.groups()
        self.url = "https://127.0.0.1:%s/v1" % port

    def flags(self, section):
        return ["--%s-url" % section, self.url, "--%s-ca" % section, self.ca]

    def stop(self):
        self.sim.kill()
        self.dir.cleanup()


class Trouble:
    """What happens while the bench speaks: (seconds after its start, what to do) in turn."""

    def __init__(self, *steps):
        self.timers = [threading.Timer(at_s, act) for at_s, act in steps]

    def __enter__(self):
        for timer in self.timers:
            timer.start()

    def __exit__(self, *_):
        for timer in self.timers:
            timer.cancel()
            timer.join()


def speak(rig, seconds, sessions):
    """The bench's judgement of so many sessions, all speaking short sentences."""
    run = subprocess.run(
        [os.path.join(kit.BIN, "sotto-bench"), "run", "--port", str(rig.sotto.port), "--quiet", "--sessions", str(sessions),
         "--seconds", str(seconds), "--ramp", "1", "--warmup", "2", "--speaking", "1", "--cycle-ms", "2500",
         "--pause-ms", "600", "--json", "-"],
        capture_output=True, text=True, timeout=(seconds + 60) * kit.SLOW)
    # 3: the run is void for latencies, because this machine was busy. They are compared by seconds here.
    assert run.returncode in (0, 3), run.stderr
    return json.loads(run.stdout)


class Heard:
    """What a run under trouble came to, and the server's own figures after it."""

    def __init__(self, rig, seconds, trouble=(), sessions=20):
        with Trouble(*trouble):
            self.result = speak(rig, seconds, sessions)
        self.rig = rig

    def p99_ms(self):
        return {kind: self.result["latency"][kind]["total"]["p99"] for kind in FINALS}

    def metric(self, name):
        return self.rig.sotto.metric("sotto_pool_" + name)

    def check(self, test):
        """Every final came, whole, and no request waited for a handshake."""
        delivery, finals = self.result["delivery"], self.result["finals"]
        test.assertGreater(delivery["owed"], 100)
        test.assertEqual((delivery["got"], delivery["failed"]), (delivery["owed"], 0), self.log())
        test.assertEqual((finals["reordered"], finals["translations_wrong"], finals["corrections_wrong"]), (0, 0, 0))
        test.assertEqual(self.metric("handshakes_late_total"), 0)

    def log(self):
        return self.rig.sotto.text()[-3000:]


def struck(rig):
    return rig.stats()["chat"]["faults"]
