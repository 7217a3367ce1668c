"""Teachers watch while sotto-bench's sessions speak: what they see is what learners are shown, soon and without holes."""
import json
import os
import subprocess
import tempfile
import threading
import unittest

import kit
import sim_kit

# Short utterances, so that many end within seconds.
LOAD = ["--cycle-ms", 2500, "--pause-ms", 600, "--speaking", 1, "--ramp", 1, "--warmup", 2, "--drain", 6, "--seconds", 3,
        "--classes", 4, "--quiet"]


def measure(*args):
    """The result of sotto-bench against a server and a simulator of its own."""
    rig = sim_kit.Rig()
    with tempfile.TemporaryDirectory(prefix="sotto-test-bench-") as folder:
        path = os.path.join(folder, "result.json")
        command = [os.path.join(kit.BIN, "sotto-bench"), "--port", rig.sotto.port, "--json", path, *LOAD, *args]
        made = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60 * kit.SLOW)
        # 3: void, because this machine has other things to do.
        if made.returncode not in (0, 3):
            raise AssertionError(made.stdout + made.stderr + rig.sotto.text()[-3000:])
        watching = rig.sotto.metric("sotto_monitor_watchers")
        rig.stop()
        with open(path, encoding="utf-8") as file:
            return json.load(file), watching


class Teachers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        found = {}

        def run(name, *args):
            found[name] = measure(*args)

        # Beside each other: each mostly waits.
        runs = [threading.Thread(target=run, args=args) for args in (
            ("all", "--sessions", 100, "--teachers", 5, "--slow-teachers", 1),
            ("class", "--sessions", 20, "--teachers", 4, "--teachers-of-class", "--teachers-open", 3))]
        for thread in runs:
            thread.start()
        for thread in runs:
            thread.join()
        cls.all, cls.left = found["all"]
        cls.of_class, _ = found["class"]

    def check(self, seen):
        self.assertEqual(seen["seeing"], seen["count"] - seen["slow"], seen)
        for fault in ("missing", "unseen", "foreign", "finals_missing", "finals_repeated", "closed", "errors"):
            self.assertEqual(seen[fault], 0, seen)
        self.assertGreater(seen["finals"], 0, seen)
        self.assertGreater(seen["changes"], seen["deltas"], seen)
        self.assertGreater(seen["stale"]["count"], 100, seen)

    def test_all_that_learners_see_is_seen(self):
        seen = self.all["teachers"]
        self.check(seen)
        self.assertEqual((seen["count"], seen["slow"]), (5, 1))
        self.assertLessEqual(seen["deltas_second"], 10.5, seen)
        self.assertGreater(seen["deltas_second"], 1, seen)
        # A tick is a tenth of a second; the rest is for a machine that has other things to do.
        self.assertLess(seen["stale"]["p50"], 1000 * kit.SLOW, seen)
        # 100 states and more; each teacher had one before it named sessions, and may have had another one then.
        self.assertGreater(seen["snapshot_bytes_max"], 100 * 100, seen)
        self.assertGreaterEqual(seen["snapshots"], 5, seen)

    def test_sessions_live_as_without_teachers(self):
        for result in (self.all, self.of_class):
            self.assertEqual(result["words"]["lost"], 0, result["words"])
            self.assertEqual(result["sessions"]["lost"], 0, result["sessions"])
            self.assertEqual(result["delivery"]["ratio"], 1, result["delivery"])

    def test_a_class_sees_itself(self):
        seen = self.of_class["teachers"]
        self.check(seen)
        self.assertEqual(seen["count"], 4)
        # A quarter of the sessions, of which each speaks.
        self.assertLess(seen["changes"] / seen["deltas"], 6, seen)

    def test_nobody_watches_any_more(self):
        self.assertEqual(self.left, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
