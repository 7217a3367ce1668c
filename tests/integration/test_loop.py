"""Both loop backends: the same finals, the backend told, and one place where a loop thread sleeps."""
import ctypes
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

import kit


def forbid_io_uring():
    """A seccomp filter, set between fork and exec: io_uring_setup (425 on every architecture) answers EPERM."""
    def instruction(code, jump_true, jump_false, value):
        return struct.pack("HBBI", code, jump_true, jump_false, value)
    program = (instruction(0x20, 0, 0, 0) +             # load the system call's number
               instruction(0x15, 0, 1, 425) +           # is it io_uring_setup?
               instruction(0x06, 0, 0, 0x00050001) +    # SECCOMP_RET_ERRNO | EPERM
               instruction(0x06, 0, 0, 0x7fff0000))     # SECCOMP_RET_ALLOW
    text = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(text))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, head, 0, 0) != 0:  # NO_NEW_PRIVS, SECCOMP_MODE_FILTER
        os._exit(77)


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

    def test_without_io_uring(self):
        """Where a seccomp filter refuses io_uring_setup, as Docker's default does, the server starts on epoll and says so once."""
        sotto = self.upstreams.sotto("--loop", "auto", preexec=forbid_io_uring).wait_ready()
        metrics = sotto.get("/metrics")[1]
        self.assertRegex(metrics, r'sotto_loop_backend\{backend="epoll",reason="[^"]+"\}')
        events, code = kit.run_session(sotto.port, kit.tone(1))
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        self.assertEqual(sotto.stop(), 0)
        self.assertEqual(sotto.text().count('msg="io_uring is not available, using epoll"'), 1, sotto.text())

    def test_asked_for_and_not_to_be_had(self):
        with self.assertRaises(AssertionError):
            self.upstreams.sotto("--loop", "uring", preexec=forbid_io_uring)

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
