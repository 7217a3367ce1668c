"""Three quarters of a minute of speech over streams that are cut or rotate: word for word what one uncut stream gives.
soak_rotation.py does ten minutes of it."""
import unittest

import rotation_kit

SECONDS = 45


class Simulated(rotation_kit.Simulated, unittest.TestCase):
    seconds = SECONDS


if __name__ == "__main__":
    unittest.main(verbosity=2)
