"""The same speech over both of Google's wires: what is heard does not depend on how the API is spoken to."""
import os
import subprocess
import tempfile
import unittest

import kit

SAID = "Where do you live? We live in a house near the river."
V2 = ("--stt-api", "google_v2", "--stt-project", "p")


class Wires(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="sotto-test-")
        cls.local = kit.Program("sotto-local", "--cert-dir", cls.folder.name, stream="stdout", wait_s=30,
                                ready=r"ready speech=127\.0\.0\.1:(\d+) chat=https://127\.0\.0\.1:(\d+)/v1")
        cls.speech_port, cls.chat_port = map(int, cls.local.match.groups())
        cls.pcm = kit.flite(SAID, "rms")

    @classmethod
    def tearDownClass(cls):
        assert cls.local.stop() == 0
        cls.folder.cleanup()

    def heard(self, *flags):
        sotto = kit.Sotto(self.speech_port, self.chat_port, os.path.join(self.folder.name, "cert.pem"), *flags)
        events, code = kit.run_session(sotto.port, self.pcm, targets=[], grammar=False, vocabulary=["river"])
        kit.check_rules(events)
        self.assertEqual(code, 1000)
        self.assertEqual([e for e in events if e["type"] in ("error", "session.degraded")], [])
        self.assertEqual(sotto.stop(), 0)
        return [(e["committed"], [w["w"] for w in e["words"]]) for e in kit.finals(events, "transcript")]

    def test_v2_hears_what_v1_hears(self):
        v1 = self.heard("--stt-boost", "10")
        self.assertIn("river", kit.words(v1[-1][0]))
        self.assertTrue(v1[-1][1], "words have times")
        self.assertEqual(self.heard(*V2, "--stt-boost", "10", "--stt-endpointing", "standard"), v1)

    def refused(self, *flags):
        done = subprocess.run([os.path.join(kit.BIN, "sotto"), *flags], capture_output=True, text=True, timeout=20,
                              env={"PATH": os.environ["PATH"]}, cwd="/")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_what_cannot_work_is_refused_at_the_start(self):
        self.assertIn("set it to the id of your Google Cloud project", self.refused("--stt-api", "google_v2"))
        self.assertIn("set it to HOST:PORT", self.refused("--stt-api", "riva", "--stt-target="))
        self.assertIn("leave target empty", self.refused(*V2, "--stt-location", "eu", "--stt-target",
                                                         "speech.googleapis.com:443"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
