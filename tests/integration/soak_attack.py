"""The whole attack run: 100 sessions beside 2,000 slowloris and everything else."""
import unittest

import chaos_kit


class Attack(unittest.TestCase):
    def test_long(self):
        self.assertEqual(chaos_kit.run("attack.py", timeout=400).returncode, 0)


if __name__ == "__main__":
    unittest.main()
