"""Two speech APIs in order of preference: when the first fails in mid-session, the second goes on, and no word is
lost."""
import tempfile
import threading
import unittest

import kit
import sim_kit


class First:
    """A simulator of speech only, and a rig whose server prefers it to the rig's own."""

    def __init__(self, *sim):
        self.dir = tempfile.TemporaryDirectory(prefix="sotto-sim-")
        self.sim = kit.Program("sotto-sim", "--dir", self.dir.name, "--speech-port", 0, "--chat-port", 0,
                               "--speech-latency", 40, *sim, ready=r"ready speech=(\d+)", stream="stdout")
        second = kit.free_port()
        self.rig = sim_kit.Rig(
            sim=["--speech-port", second],
            sotto=["--drain-ms", "6000", "--stt-target", "127.0.0.1:" + self.sim.match.group(1), "--stt-2-api",
                   "google_v1", "--stt-2-target", "127.0.0.1:%d" % second, "--stt-2-plaintext"])

    def provider(self, name, place):
        return self.rig.sotto.metric('sotto_stt_provider_%s{provider="%d"}' % (name, place))

    def stop(self):
        self.sim.kill()
        self.dir.cleanup()
        return self.rig.stop()


class Failover(unittest.TestCase):
    def whole(self, heard):
        for each in heard:
            self.assertEqual((each.code, each.errors), (1000, []))
            self.assertEqual(each.words, each.said)

    def test_first_dies(self):
        """It is killed while three sessions speak."""
        first = First()
        killer = threading.Timer(2.5, first.sim.kill)
        killer.start()
        heard = first.rig.sessions(3, utterances=3)
        killer.join()
        self.whole(heard)
        for each in heard:
            kinds = each.kinds()
            self.assertEqual((kinds.count("session.degraded"), kinds.count("session.restored")), (1, 1))
            degraded = next(e for e in each.events if e["type"] == "session.degraded")
            self.assertEqual(degraded["what"], ["speech"])
        self.assertGreaterEqual(first.provider("calls_total", 2), 3)
        self.assertGreater(first.stop()["speech"]["heard"]["blocks"], 0)

    def test_first_refuses(self):
        """Credentials it does not take are its own affair; soon nobody asks it any more, and that is said."""
        first = First("--speech-faults", "status:7")
        for _ in range(3):
            self.whole(first.rig.sessions(2, utterances=1))
        self.assertEqual(first.provider("breaker_trips_total", 1), 1)
        self.assertGreaterEqual(first.provider("calls_total", 2), 6)
        self.assertIn("the speech API refuses what is configured", first.rig.sotto.text())
        first.stop()

    def test_first_has_no_capacity(self):
        first = First("--speech-sessions-max", 1)
        self.whole(first.rig.sessions(3, utterances=2))
        self.assertGreaterEqual(first.provider("calls_total", 2), 2)
        first.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
