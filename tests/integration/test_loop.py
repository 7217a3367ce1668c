"""Both loop backends: the same finals, the backend told, and one place where a loop thread sleeps."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import kit


class Loop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", "30", "--final-every-ms", "1000"],
                                      chat=["--latency-ms", "30"])

    @classmethod
    def tearDownClass(cls):
        cls.upstreams.stop()

    def finals(self, *args):
        sotto = self.upstreams.sotto(*args).wait_ready()
        events, code = kit.run_session(sotto.port, kit.tone(3))
        backend = re.search(r'sotto_loop_backend\{backend="([^"]*)"', sotto.get("/metrics")[1]).group(1)
        self.assertEqual(sotto.stop(), 0)
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        return backend, [(e["type"], e["segment"], e.get("lang"), e.get("committed"), e.get("corrected"))
                         for kind in ("transcript", "translation", "grammar")
                         for e in kit.finals(events, kind)]

    def test_same_finals(self):
        epoll, by_epoll = self.finals("--loop", "epoll")
        three, by_three = self.finals("--loop", "epoll", "--fronts", "3")
        auto, by_auto = self.finals("--loop", "auto")
        self.assertEqual((epoll, three), ("epoll", "epoll"))
        self.assertIn(auto, ("io_uring", "epoll"))
        self.assertGreaterEqual(len(by_epoll), 9)
        self.assertEqual(by_epoll, by_auto)
        self.assertEqual(by_epoll, by_three)

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    @unittest.skipIf(kit.SLOW > 1, "a sanitizer's own threads are not ours")
    def test_loop_threads_sleep_in_one_place(self):
        """epoll_wait of a loop thread on io_uring never waits: libuv is only looked into."""
        sotto = self.upstreams.sotto("--loop", "auto").wait_ready()
        if 'backend="io_uring"' not in sotto.get("/metrics")[1]:
            self.skipTest("io_uring is not to be had here")
        loops = [task.name for task in pathlib.Path("/proc/%d/task" % sotto.process.pid).iterdir()
                 if re.match("front-|upstream", (task / "comm").read_text())]
        self.assertEqual(len(loops), 2)
        fd, out = tempfile.mkstemp(prefix="sotto-test-")
        os.close(fd)
        trace = subprocess.Popen(["strace", "-o", out, "-T"] +
                                 [a for tid in loops for a in ("-p", tid)],
                                 stderr=subprocess.PIPE, text=True)
        for _ in loops:
            trace.stderr.readline()  # attached
        kit.run_session(sotto.port, kit.tone(3))
        trace.terminate()
        trace.stderr.read()
        trace.wait()
        trace.stderr.close()
        with open(out) as f:
            text = f.read()
        os.unlink(out)
        self.assertEqual(sotto.stop(), 0)
        waits = re.findall(r"epoll_p?wait2?\(.*?, (-?\d+|\{[^}]*\}|NULL)(?:, NULL, \d+)?\) += ", text)
        self.assertTrue(waits, "libuv was never looked into")
        self.assertEqual(set(waits), {"0"})
        slept = {}
        for name, seconds in re.findall(r"^\d+ +(\w+)\(.*<([\d.]+)>$", text, re.M):
            slept[name] = max(slept.get(name, 0), float(seconds))
        self.assertIn("io_uring_enter", slept)
        self.assertEqual([n for n, s in slept.items() if s > 0.02], ["io_uring_enter"], slept)


if __name__ == "__main__":
    unittest.main(verbosity=2)
