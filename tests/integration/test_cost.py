"""What standard speech costs: tokens and requests of a session-minute, and how fresh partial translations are.

The system this one grew from spent 15,250 tokens in 44 requests, with partials every five seconds.
"""
import os
import sys
import tempfile
import unittest

import kit

sys.path.insert(0, os.path.join(kit.ROOT, "bench"))
import run  # noqa: E402

SEED_TOKENS = 15250


class Cost(unittest.TestCase):
    def test_a_third_of_the_tokens(self):
        args = run.parse_arguments(["--bin", kit.BIN, "--seconds", "24", "--ramp", "1", "--warmup", "6", "--drain", "4"])
        spec = {"sessions": 5, "speaking": 1.0, "without": None, "label": "cost"}
        pins = run.Pins()
        pins.server = pins.bench = None  # other tests run beside this one
        with tempfile.TemporaryDirectory(prefix="sotto-cost-") as folder:
            figures = run.figures.figures(run.Run(args, pins, spec, folder).measure(lambda: None))
        self.assertEqual(figures["delivery"], 100)
        self.assertGreater(figures["requests_minute"], 40)  # partials were asked for
        self.assertLessEqual(figures["tokens_minute"], SEED_TOKENS / 3)
        # At most every 2 s, and what a machine with other tests on it takes.
        self.assertLess(figures["gap_p50"], 2000)
        self.assertLess(figures["gap_p99"], 3000)


if __name__ == "__main__":
    unittest.main()
