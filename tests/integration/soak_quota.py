"""200 sessions want 4,400 requests a minute of a quota of 2,200, for five minutes. Prints the figures."""
import unittest

import quota_kit


class FiveMinutes(quota_kit.Quota, unittest.TestCase):
    sessions, quota = 200, 2200
    ramp_s, seconds, relief_s = 10, 300, 35
    told_least, uneven_max = 0.99, 1.5


if __name__ == "__main__":
    unittest.main(verbosity=2)
