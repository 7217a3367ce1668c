"""A writer of the transcript store is killed 5 times: what it was told is stored is there. soak_store.py does it 50 times."""
import os
import tempfile
import unittest

import store_kit


class Killed(unittest.TestCase):
    def test_nothing_acknowledged_is_lost(self):
        with tempfile.TemporaryDirectory() as folder:
            figures = store_kit.rounds(os.path.join(folder, "store.db"), 5, 10000, seed=1)
        store_kit.tell(figures)
        self.assertEqual(figures["lost"], 0)
        self.assertGreaterEqual(figures["kills"], 4)
        self.assertGreater(figures["acknowledged"], 1000)


if __name__ == "__main__":
    unittest.main()
