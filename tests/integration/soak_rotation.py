"""Ten minutes of speech over streams that are cut or rotate, through both engines, and twenty speakers judged by the
bench. Prints what was compared."""
import os
import unittest

import rotation_kit

SECONDS = int(os.environ.get("SOTTO_SOAK_SECONDS", "600"))


class Simulated(rotation_kit.Simulated, unittest.TestCase):
    seconds = SECONDS


class Local(rotation_kit.Local, unittest.TestCase):
    seconds = SECONDS


class Judged(rotation_kit.Judged, unittest.TestCase):
    seconds = SECONDS


if __name__ == "__main__":
    unittest.main(verbosity=2)
