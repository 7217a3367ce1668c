"""The chaos run, short: sockets cut, the server killed, and all sessions get what they get in peace. The long one is
soak_chaos.py."""
import sys
import unittest

import chaos_kit

sys.dont_write_bytecode = True
sys.path.insert(0, chaos_kit.BENCH)
import chaos  # noqa: E402


def transcript(text, spanish="", corrected="", failed=0):
    return {"text": text, "translations": {"es": spanish}, "corrected": corrected, "failed": failed}


class Chaos(unittest.TestCase):
    def test_killed_and_cut(self):
        done = chaos_kit.run("chaos.py", "--sessions", 20, "--seconds", 12, "--every", 4, "--cut", 6, "--side-by-side",
                             timeout=90)
        self.assertEqual(done.returncode, 0)
        self.assertIn("sessions whose transcript differs 0", " ".join(done.stdout.split()))
        self.assertRegex(done.stdout, r"started again [1-9] times")

    def test_what_differs_is_found(self):
        calm = {1: transcript("Cats run. They sleep.", "gatos"), 2: transcript("a b c")}
        self.assertEqual(chaos.compare(calm, calm), ({}, {}))
        # Where a segment ends may differ, and with it case and punctuation.
        self.assertEqual(chaos.compare(calm, {**calm, 1: transcript("Cats run they, sleep", "Gatos.")}), ({}, {}))
        differ, first = chaos.compare(calm, {1: transcript("Cats run. Run they sleep.", "gatos")})
        self.assertEqual(differ, {"transcript": 2})
        self.assertIn("word 3: 'they sleep' became 'run they sleep'", first["transcript"])
        self.assertEqual(chaos.compare(calm, {**calm, 1: transcript("Cats run. They sleep.", "")})[0],
                         {"translation es": 1})

    def test_what_failed_is_left_out(self):
        calm = {1: transcript("a b c d", "uno dos tres cuatro")}
        for spanish, failed, differs in (("uno cuatro", 1, False), ("uno cuatro", 0, True), ("tres", 1, True),
                                         ("tres", 2, False), ("uno cinco", 1, True), ("cuatro uno", 3, True),
                                         ("uno uno dos tres cuatro", 1, True)):
            differ, _ = chaos.compare(calm, {1: transcript("a b c d", spanish, failed=failed)})
            self.assertEqual(differ, {"translation es": 1} if differs else {}, spanish)
        # A transcript is never left out.
        self.assertEqual(chaos.compare(calm, {1: transcript("a d", "uno dos tres cuatro", failed=9)})[0],
                         {"transcript": 1})


if __name__ == "__main__":
    unittest.main()
