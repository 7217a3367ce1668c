"""The attack run, short: bench/attack.py judges it. The long one is soak_attack.py."""
import unittest

import chaos_kit


class Attack(unittest.TestCase):
    def test_short(self):
        # Beside other tests latencies tell nothing: here it is about what is refused, and that nobody is lost.
        done = chaos_kit.run("attack.py", "--sessions", 10, "--seconds", 4, "--ramp", 1, "--slow", 700, "--each", 1,
                             "--within", 1000, timeout=90)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
