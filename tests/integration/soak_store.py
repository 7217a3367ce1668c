"""Kills a writer of the transcript store 50 times in the middle of 10,000 finals, each time on the file the last one left;
then measures what writing costs. Prints its figures; `make soak` quotes them."""
import os
import re
import subprocess
import tempfile
import time
import unittest

import store_kit

KILLS = int(os.environ.get("SOTTO_SOAK_KILLS", "50"))
SECONDS = int(os.environ.get("SOTTO_SOAK_STORE_SECONDS", "20"))


def load(path, sessions, per_second):
    done = subprocess.run([store_kit.PROGRAM, "load", path, str(sessions), str(per_second), str(SECONDS)],
                          capture_output=True, text=True, timeout=SECONDS + 60, check=True)
    print("store: %d sessions, %s finals/s: %s" % (sessions, per_second or "all", done.stdout.strip()))
    return {name: float(value) for name, value in re.findall(r"(\w+)=([\d.]+)", done.stdout)}


class Store(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "store.db")

    def tearDown(self):
        self.folder.cleanup()

    def test_killed(self):
        seed = int(time.time())
        print("store: seed %d" % seed)
        figures = store_kit.rounds(self.path, KILLS, 10000, seed)
        store_kit.tell(figures)
        self.assertEqual(figures["lost"], 0)
        self.assertGreaterEqual(figures["kills"], KILLS * 0.8)

    def test_cost(self):
        """A thousand learners, half a final a second each. 4 % of a core is the aim; system calls count up to twice as much
        where other programs keep the cores busy."""
        figures = load(self.path, 1000, 500)
        self.assertLess(figures["core_percent"], 8)
        self.assertLess(figures["wait_p99_ms"], 200)

    def test_speed(self):
        self.assertGreater(load(self.path, 1000, 0)["writes_per_s"], 1000)


if __name__ == "__main__":
    unittest.main()
