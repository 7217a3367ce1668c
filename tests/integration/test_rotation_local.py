"""Half a minute of real speech through sotto-local that cuts its streams every 10 s: word for word what an uncut one
hears. soak_rotation.py does ten minutes of it."""
import unittest

import rotation_kit

SECONDS = 32


class Local(rotation_kit.Local, unittest.TestCase):
    seconds = SECONDS
    rigs = {"uncut": (305, ()), "cut": (10, ())}
    pauses_s = (0.6,)


if __name__ == "__main__":
    unittest.main(verbosity=2)
