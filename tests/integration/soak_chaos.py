"""The whole chaos run (200 sessions, five minutes, killed every 30 s) and the rolling restart under 200 sessions."""
import unittest

import chaos_kit


class Chaos(unittest.TestCase):
    def test_killed_and_cut(self):
        self.assertEqual(chaos_kit.run("chaos.py", timeout=1200).returncode, 0)

    def test_replaced(self):
        done = chaos_kit.run("chaos.py", "rolling", "--seconds", 90, "--every", 25, timeout=400)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
