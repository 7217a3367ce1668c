"""Many speech streams on an API that allows few a connection: how many connections there are, and who waits."""
import json
import os
import statistics
import subprocess
import threading
import time

import kit
import sim_kit

GAUGES = ("sotto_stt_calls", "sotto_stt_channels", "sotto_stt_waiting", "sotto_audio_held_bytes", "sotto_rss_bytes")


def needed(calls, cap):
    """Connections as stt/channel.h counts them: those that are filled, and up to one ahead."""
    return -(-(calls + min(calls, cap)) // cap)


class Watch:
    """Reads gauges until it is told to stop: [(seconds since the start, {name: value})]."""

    def __init__(self, sotto, every_s):
        self.sotto, self.every_s = sotto, every_s
        self.begin = time.monotonic()
        self.seen = [self.read()]
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def read(self):
        lines = self.sotto.get("/metrics")[1].splitlines()
        values = dict(line.split(" ") for line in lines if line.startswith(tuple(name + " " for name in GAUGES)))
        return time.monotonic() - self.begin, {name: float(values[name]) for name in GAUGES}

    def run(self):
        while not self.over.wait(self.every_s):
            self.seen.append(self.read())

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.seen


class Streams:
    """`sessions` speakers, all at once, through the bench, on connections of `cap` streams of which `ours` are used."""
    sessions, cap, ours = 100, 10, 8
    ramp_s, seconds, speaking = 4, 8, 1
    waiting_s_max = 1  # for a connection to be opened: what waits longer waits behind the cap

    @classmethod
    def setUpClass(cls):
        cls.rig = sim_kit.Rig(sim=("--speech-streams-max", cls.cap),
                              sotto=("--stt-streams-per-channel", cls.ours, "--stt-channels", 64,
                                     "--stt-silence-close-ms", 0))  # streams of those who listen stay open
        watch = Watch(cls.rig.sotto, 0.05)
        flags = {"port": cls.rig.sotto.port, "sessions": cls.sessions, "speaking": cls.speaking, "ramp": cls.ramp_s,
                 "warmup": 2, "seconds": cls.seconds, "targets": "none", "json": "-"}
        bench = subprocess.run([os.path.join(kit.BIN, "sotto-bench"), "run", "--quiet", "--no-grammar",
                                *["--%s=%s" % flag for flag in flags.items()]],
                               capture_output=True, text=True, timeout=cls.seconds * 4 + 120)
        cls.seen = watch.stop()
        assert bench.returncode in (0, 3), bench.stderr  # 3: latencies are void, this machine was busy
        cls.result = json.loads(bench.stdout)
        cls.report = cls.rig.stop()
        cls.stats = cls.report["stats"]["speech"]

    def full(self):
        """What was seen while all streams were open."""
        return [values for _, values in self.seen if values["sotto_stt_calls"] >= self.sessions]

    def test_every_stream_was_open_at_once(self):
        self.assertGreaterEqual(self.stats["streams_peak"], self.sessions)
        self.assertGreater(len(self.full()), 10)

    def test_nothing_waits_behind_the_cap(self):
        longest, since = 0, None
        for at, values in self.seen:
            if values["sotto_stt_waiting"] == 0:
                since = None
            else:
                since = at if since is None else since
                longest = max(longest, at - since)
        print("longest wait for a stream: under %.2f s" % (longest + 0.05))
        self.assertLess(longest, self.waiting_s_max * kit.SLOW)
        self.assertEqual(max(values["sotto_stt_waiting"] for values in self.full()[2:]), 0)

    def test_as_many_connections_as_computed(self):
        channels = {values["sotto_stt_channels"] for values in self.full()[2:]}
        self.assertEqual(channels, {needed(self.sessions, min(self.ours, self.cap))})

    def test_all_words_came(self):
        words = self.result["words"]
        self.assertGreater(words["said"], self.sessions * self.seconds * self.speaking)
        self.assertEqual((words["lost"], words["repeated"], words["wrong"]), (0, 0, 0), words["first_lost"])
        self.assertEqual(self.stats["protocol_errors"], 0)
        self.assertEqual(self.report["speech"]["heard"]["missing"], 0)

    def test_memory_of_a_stream(self):
        """All a session costs while it streams, its socket included; beside the audio that waits for its final."""
        def bare(values):
            return values["sotto_rss_bytes"] - values["sotto_audio_held_bytes"]
        idle, full = bare(self.seen[0][1]), [bare(values) for values in self.full()]
        settled = statistics.median(full[len(full) // 2:])
        settled, most = (settled - idle) / self.sessions / 1024, (max(full) - idle) / self.sessions / 1024
        print("%d streams on %d connections: %.0f kB each once settled, %.0f kB at most" % (
            self.sessions, self.full()[-1]["sotto_stt_channels"], settled, most))
        self.assertLess(settled, self.kb_max)
