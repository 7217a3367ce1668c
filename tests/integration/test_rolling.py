"""The server is replaced by a new one on the same port and store while sessions speak; soak_chaos.py is the long run."""
import unittest

import chaos_kit


class Rolling(unittest.TestCase):
    def test_replaced(self):
        done = chaos_kit.run("chaos.py", "rolling", "--sessions", 20, "--seconds", 14, "--every", 4,
                             "--server-arg=--stop-ms", "--server-arg=3000", timeout=90)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"replaced [2-9] times")


if __name__ == "__main__":
    unittest.main()
