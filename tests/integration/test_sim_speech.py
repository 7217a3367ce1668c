"""Every fault of sotto-sim's speech API, and what a client of sotto sees of it: no word lost, none doubled."""
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import bench_audio
import kit
import sim_kit

# A fault, and the sessions at once that suffer it: their words come once and in order all the same.
MENDED = {
    "cut": "cut:1@first:2",
    "unavailable": "unavailable:900@first:3",
    "goaway": "goaway@first:1",
    "rst refused": "rst:refused@first:2",
    "rst cancel": "rst:cancel@first:2",
    "rst internal": "rst:internal@first:2",
    "tcp-reset": "tcp-reset@first:1",
    "age": "age:1@first:2",
    "late": "late:1500",
    "two at once": "rst:internal@every:3,unavailable:1200@every:4",
}


def suffer(rig, faults, count=3, **fields):
    return rig.suffer(count, speech=faults, **fields)


def idle(rig):
    """A client that sends nothing for longer than the API waits."""
    rig.faults(speech="idle:1")
    return rig.sessions(2, pause=lambda: time.sleep(1.6))


def one_stream(rig):
    """One stream a connection from the start, then again many, with sessions open on the way."""
    rig.faults(speech="streams:1")
    time.sleep(0.3)
    return rig.sessions(3, utterances=1)


def lowered(rig):
    """The limit falls below what is open; what is open stays."""
    rig.faults(speech="streams:2@from:0:for:1000000")
    return rig.sessions(3)


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rigs = sim_kit.Rigs(4, sotto=["--drain-ms", "4000"])
        cls.mended = {name: cls.rigs.submit(suffer, faults) for name, faults in MENDED.items()}
        cls.exhausted = cls.rigs.submit(suffer, "exhausted", 2, utterances=1)
        cls.refused = {code: cls.rigs.submit(suffer, "status:%d" % code, 1, utterances=1) for code in (3, 7)}
        cls.idle = cls.rigs.submit(idle)
        cls.no_final = cls.rigs.submit(suffer, "no-final", 2, tail_ms=0)
        cls.mute = cls.rigs.submit(suffer, "mute", 1, utterances=1)
        cls.streams = {f.__name__: cls.rigs.submit(f) for f in (one_stream, lowered)}

    @classmethod
    def tearDownClass(cls):
        for report in cls.rigs.stop():
            assert report["stats"]["speech"]["protocol_errors"] == 0, report
            assert report["speech"]["heard"]["missing"] == 0, report
            assert report["speech"]["heard"]["strangers"] == 0, report
            assert report["speech"]["heard"]["skipped_bytes"] == 0, report

    def whole(self, heard):
        for each in heard:
            self.assertEqual(each.code, 1000)
            self.assertEqual(each.errors, [])
            self.assertEqual(each.words, each.said)

    def test_no_word_is_lost_or_doubled(self):
        for name, future in self.mended.items():
            with self.subTest(fault=name):
                heard, struck = future.result()
                self.whole(heard)
                self.assertEqual(struck, sim_kit.names(MENDED[name]))

    def test_exhausted_closes_with_over_capacity(self):
        heard, _ = self.exhausted.result()
        for each in heard:
            self.assertEqual((each.code, each.errors), (1013, ["over_capacity"]))
            self.assertGreaterEqual(each.events[-1]["retry_after_ms"], 1000)

    def test_refusals_are_told_and_not_retried(self):
        for code, future in self.refused.items():
            with self.subTest(status=code):
                heard, struck = future.result()
                self.assertEqual((heard[0].code, heard[0].errors), (1000, ["upstream_refused"]))
                self.assertEqual(struck, {"status"})

    def test_idle_streams_reopen(self):
        self.whole(self.idle.result())

    def test_no_final_still_ends(self):
        """Nothing comes after half-close: the session ends in time, and the newest hypothesis, whose last word may be a
        guess, becomes final."""
        for each in self.no_final.result()[0]:
            self.assertEqual((each.code, each.events[-1]["type"]), (1000, "session.ended"))
            first = bench_audio.utterance_len(1, each.number, 1)
            self.assertEqual(each.words[:-1], each.said[:len(each.words) - 1])
            self.assertGreaterEqual(len(each.words), first + 8, "what was heard of the second stays")

    def test_mute_ends_in_time(self):
        for each in self.mute.result()[0]:
            self.assertEqual((each.code, each.events[-1]["type"]), (1000, "session.ended"))
            self.assertEqual(each.words, [])

    def test_stream_limits(self):
        for name, future in self.streams.items():
            with self.subTest(case=name):
                self.whole(future.result())


class Limits(unittest.TestCase):
    def test_sessions_max(self):
        """As many as may be are served; the others are told to come later."""
        rig = sim_kit.Rig(sim=["--speech-sessions-max", 2])
        heard = rig.sessions(4, utterances=1)
        self.assertEqual(sorted(each.code for each in heard), [1000, 1000, 1013, 1013])
        for each in heard:
            self.assertEqual(each.words, each.said if each.code == 1000 else [])
        self.assertEqual(rig.stop()["stats"]["speech"]["streams_peak"], 2)


class Granted(unittest.TestCase):
    """The API grants so many streams a connection, whatever `streams_per_channel` says."""

    def granted(self, streams, sessions):
        rig = sim_kit.Rig(sim=["--speech-faults", "streams:%d" % streams], sotto=["--drain-ms", "4000"])
        heard = rig.sessions(sessions, utterances=1)
        figures = [rig.sotto.metric(name) for name in (
            "sotto_stt_waiting", "sotto_stt_moved_total", 'sotto_stt_provider_streams_per_channel{provider="1"}',
            "sotto_stt_channels")]
        rig.stop()
        for each in heard:
            self.assertEqual((each.code, each.errors, each.words), (1000, [], each.said))
            self.assertNotIn("session.degraded", each.kinds())
        return figures

    def test_caps(self):
        """The cap is learnt, nobody waits in the end, no session notices."""
        with ThreadPoolExecutor() as pool:
            one, two, many = pool.map(self.granted, (1, 2, 100), (4, 6, 8))
        self.assertEqual((one[0], one[2]), (0, 1))
        self.assertGreaterEqual(one[1], 3)
        self.assertGreaterEqual(one[3], 5)
        self.assertEqual((two[0], two[2]), (0, 2))
        self.assertGreaterEqual(two[1], 4)
        self.assertGreaterEqual(two[3], 4)
        self.assertEqual(many, [0, 0, 80, 1])


class Cancelled(unittest.TestCase):
    def test_calls_reset_before_they_answer(self):
        """Results come so late that calls are cancelled before any: a session that was answered once goes on."""
        rig = sim_kit.Rig(sim=["--speech-latency", 1500, "--speech-faults", "cut:3@first:1"],
                          sotto=["--drain-ms", "10000"])
        heard = rig.session(pause=lambda: rig.faults(speech="rst:cancel@first:4"))
        self.assertEqual((heard.code, heard.errors, heard.words), (1000, [], heard.said))
        self.assertEqual(rig.stats()["speech"]["faults"]["rst"], 4)
        rig.stop()


class Grpc(unittest.TestCase):
    """gRPC core on both ends."""

    @classmethod
    def setUpClass(cls):
        cls.rig = sim_kit.Rig(sim=["--speech-server", "grpc", "--speech-faults", "age:2"],
                              sotto=["--drain-ms", "4000"])

    @classmethod
    def tearDownClass(cls):
        report = cls.rig.stop()
        assert report["speech"]["heard"]["missing"] == 0, report

    def test_faults(self):
        heard = self.rig.sessions(2)  # on connections that age
        faults = "unavailable:900@first:2,cut:1@every:3,late:800"
        more, struck = self.rig.suffer(3, speech=faults)
        self.assertEqual(struck, sim_kit.names(faults))
        for each in heard + more:
            self.assertEqual((each.code, each.errors, each.words), (1000, [], each.said))

    def test_faults_of_frames_are_refused(self):
        with self.assertRaises(subprocess.CalledProcessError):
            self.rig.faults(speech="rst")

    def test_statuses(self):
        for faults, code, error in (("exhausted", 1013, "over_capacity"), ("status:7", 1000, "upstream_refused")):
            self.rig.faults(speech=faults)
            each = self.rig.session(utterances=1)
            self.assertEqual((each.code, each.errors), (code, [error]))
        self.rig.faults()


class Stop(unittest.TestCase):
    def stop(self, wire):
        rig = sim_kit.Rig(sim=["--speech-server", wire], sotto=["--drain-ms", "1500"])
        speaking = threading.Thread(target=rig.sessions, args=(4,))
        speaking.start()
        time.sleep(1.2)
        code = rig.sim.stop()
        speaking.join()
        rig.dir.cleanup()
        return code, rig.sotto.stop(), json.loads(rig.sim.text(rig.sim.out).splitlines()[-1])

    def test_with_streams_open(self):
        """SIGTERM in the middle of speech: the simulator ends cleanly, and the server after it."""
        with ThreadPoolExecutor() as pool:
            for sim, sotto, report in pool.map(self.stop, ("h2", "grpc")):
                self.assertEqual((sim, sotto), (0, 0))
                self.assertEqual(report["stats"]["speech"]["streams_open"], 4)


class CommandLine(unittest.TestCase):
    def run_sim(self, *args):
        done = subprocess.run([os.path.join(kit.BIN, "sotto-sim"), *args], capture_output=True, text=True,
                              timeout=20 * kit.SLOW)
        return done.returncode, done.stdout, done.stderr

    def test_help(self):
        code, out, _ = self.run_sim("--help")
        self.assertEqual(code, 0)
        for flag in ("--scenario", "--speech-faults", "--chat-tokens-minute", "--seed"):
            self.assertIn(flag, out)
        code, out, _ = self.run_sim("--faults")
        self.assertEqual(code, 0)
        self.assertIn("tcp-reset", out)

    def test_mistakes_are_told(self):
        for args, text in ((("--speech-server", "x"), "must be h2 or grpc"), (("--speed", "1"), "is not an option"),
                           (("--speech-port", "no"), "port must be"), (("--speech-faults", "cat"), "cat"),
                           (("--speech-latency", "often"), "often"), (("--scenario", "/nowhere"), "/nowhere"),
                           (("--speech-server", "grpc", "--speech-port", "0", "--speech-faults", "goaway"), "h2")):
            with self.subTest(args=args):
                code, _, err = self.run_sim(*args)
                self.assertEqual(code, 2, err)
                self.assertIn(text, err)

    def test_scenarios_are_valid(self):
        folder = os.path.join(kit.ROOT, "bench", "scenarios")
        names = sorted(os.listdir(folder))
        self.assertIn("standard.ini", names)
        with ThreadPoolExecutor() as pool, tempfile.TemporaryDirectory() as dir:
            runs = pool.map(lambda name: self.run_sim(
                "--scenario", os.path.join(folder, name), "--speech-port", "0", "--chat-port", "0",
                "--seconds", "1", "--dir", os.path.join(dir, name)), names)
            for name, (code, out, err) in zip(names, runs):
                self.assertEqual(code, 0, name + ": " + err)
                self.assertEqual(json.loads(out.splitlines()[-1])["speech"]["heard"]["blocks"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
