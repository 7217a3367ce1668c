"""Every fault of sotto-sim's chat API, and what a client of sotto sees of it: every final comes, whole or marked as failed."""
import time
import unittest

import kit
import sim_kit

DEADLINE_S = 2.5
# A fault of every answer, and what the final says then.
LASTING = {
    "stall": ("upstream", "deadline"),
    "truncated": ("truncated",),
    "length": ("truncated",),
    "garbage": ("upstream",),
    "html": ("upstream",),
    "error:500": ("upstream",),
    "error:400": ("refused",),
    "rst:internal": ("upstream",),
    "throttle:3": ("budget", "deadline"),
}
# Faults that strike finals, which come whole all the same: they are asked for again, elsewhere.
MENDED = {
    "stall": "stall@first:1",
    "429": "throttle:1@first:2",
    "500": "error:500@first:1",
    "503": "error:503@first:2",
    "garbage": "garbage@first:1",
    "html": "html@first:1",
    "rst refused": "rst:refused@first:2",
    "rst cancel": "rst:cancel@first:2",
    "rst internal": "rst:internal@first:2",
    "goaway": "goaway@first:2",
    "tcp-reset": "tcp-reset@first:1",
    "drip": "drip",
    "one stream": "streams:1",
    "two streams": "streams:2",
    "hundred streams": "streams:100",
    "much at once": "rst:refused@every:4,error:503@every:3,drip@every:2",
}


def suffer(rig, faults, count=3, **fields):
    """Sessions under a fault, what has struck, and how long they took."""
    begin = time.monotonic()
    heard, struck = rig.suffer(count, chat=faults, utterances=1, **fields)
    return heard, struck, time.monotonic() - begin


def lowered(rig):
    """The limit falls from a hundred to one while requests are under way, and rises again."""
    heard = []
    for faults in ("", "streams:1", "streams:2", ""):
        rig.faults(chat=faults)
        heard += rig.sessions(3, utterances=1)
    return heard


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rigs = sim_kit.Rigs(4, sotto=["--translate-final-deadline-ms", int(DEADLINE_S * 1000),
                                          "--chat-stall-ms", 800])
        cls.lasting = {faults: cls.rigs.submit(suffer, faults, 2) for faults in LASTING}
        cls.mended = {name: cls.rigs.submit(suffer, faults, partials=False) for name, faults in MENDED.items()}
        cls.lowered = cls.rigs.submit(lowered)

    @classmethod
    def tearDownClass(cls):
        for report in cls.rigs.stop():
            assert report["stats"]["chat"]["bad_requests"] == 0, report
            assert report["stats"]["chat"]["in_flight"] == 0, report

    def whole(self, heard):
        for each in heard:
            self.assertEqual((each.code, each.errors, each.failed), (1000, [], [None]))
            self.assertEqual(each.translated_words(), each.translated())
            for grammar in kit.finals(each.events, "grammar"):
                self.assertNotIn("failed", grammar)
                self.assertNotRegex(grammar["corrected"].lower(), r"\b(goed|buyed|catched|childs|mouses|foots)\b")

    def test_lasting_faults_end_in_a_failed_final(self):
        """By its deadline, with the reason, and the transcript untouched."""
        for faults, future in self.lasting.items():
            with self.subTest(fault=faults):
                heard, struck, took_s = future.result()
                self.assertEqual(struck, sim_kit.names(faults))
                self.assertLess(took_s, 3 + DEADLINE_S + 2 * kit.SLOW)
                for each in heard:
                    self.assertEqual((each.code, each.errors, each.words), (1000, [], each.said))
                    self.assertEqual(len(each.translations), 1)
                    self.assertIn(each.failed[0], LASTING[faults])
                    self.assertEqual(each.events[-1]["type"], "session.ended")

    def test_passing_faults_do_no_harm(self):
        for name, future in self.mended.items():
            with self.subTest(fault=name):
                heard, struck, _ = future.result()
                self.whole(heard)
                self.assertEqual(struck, sim_kit.names(MENDED[name]))

    def test_stream_limit_lowered_and_raised(self):
        heard = self.lowered.result()
        self.assertEqual(len(heard), 12)
        self.whole(heard)


class Quota(unittest.TestCase):
    def test_requests_a_minute(self):
        """A quota the cloud counts and the configuration does not know: it is learnt from the answers, and who cannot be
        served is told."""
        rig = sim_kit.Rig(sim=["--chat-requests-minute", 12])
        heard = rig.sessions(4, utterances=2, grammar=False)
        for each in heard:
            self.assertEqual((each.code, each.errors, each.words), (1000, [], each.said))
            self.assertEqual(len(each.translations), 2)
            self.assertLessEqual(set(each.failed), {None, "budget", "deadline"})
        self.assertIn("session.degraded", [kind for each in heard for kind in each.kinds()])
        self.assertIn("sotto_pool_requests_limit 12\n", rig.sotto.get("/metrics")[1])
        report = rig.stop()
        self.assertLess(report["stats"]["chat"]["throttled"], 3)
        self.assertLess(report["stats"]["chat"]["requests"], 16)
        self.assertEqual(report["stats"]["chat"]["bad_requests"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
