"""A minute of real speech through sotto-local that cuts its streams every 20 s: word for word what an uncut one hears.
Two recognisers work all the time, so it runs alone."""
import unittest

import rotation_kit

SECONDS = 65


class Local(rotation_kit.Local, unittest.TestCase):
    seconds = SECONDS
    rigs = {name: rotation_kit.Local.rigs[name] for name in ("uncut", "cut")}
    pauses_s = (0.6,)


if __name__ == "__main__":
    unittest.main(verbosity=2)
