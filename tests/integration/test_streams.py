"""A hundred speech streams where a connection carries ten."""
import unittest

import streams_kit


class Known(streams_kit.Streams, unittest.TestCase):
    """We use eight of the ten."""
    kb_max = 200


class Learnt(streams_kit.Streams, unittest.TestCase):
    """We believe in eighty, and learn better."""
    ours = 80
    kb_max = 200


if __name__ == "__main__":
    unittest.main(verbosity=2)
