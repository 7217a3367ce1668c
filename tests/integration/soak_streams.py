"""A thousand speech streams where a connection carries a hundred, for a minute. Prints who waited, and the memory."""
import unittest

import streams_kit


class Known(streams_kit.Streams, unittest.TestCase):
    sessions, cap, ours = 1000, 100, 80
    ramp_s, seconds, speaking = 10, 60, 0.6
    kb_max = 90


if __name__ == "__main__":
    unittest.main(verbosity=2)
