"""Forty sessions on half the quota they want, for a quarter of a minute: soak_quota.py in short."""
import unittest

import quota_kit


class Short(quota_kit.Quota, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main(verbosity=2)
