"""Long counts: 20,000 connections opened and closed, 1,000 sessions of start, audio and end; RSS must be flat afterwards. And an
idle server that does nothing. Prints its figures; `make soak` quotes them."""
import os
import threading
import time
import unittest

import kit

CONNECTIONS = int(os.environ.get("SOTTO_SOAK_CONNECTIONS", "20000"))
SESSIONS = int(os.environ.get("SOTTO_SOAK_SESSIONS", "1000"))


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Leaks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", "5", "--final-every-ms", "300"],
                                      chat=["--latency-ms", "5"])
        cls.sotto = cls.upstreams.sotto("--fronts", "2").wait_ready()

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0
        cls.upstreams.stop()

    def connections(self, count):
        for i in range(count):
            ws = kit.WebSocket(self.sotto.port)
            if i % 3 == 0:
                ws.frame(8, b"\x03\xe8")
            ws.close()

    def sessions(self, count):
        def worker(n):
            for _ in range(n):
                events, code = kit.run_session(self.sotto.port, pcm, speed=10, targets=["es"])
                assert code == 1000
                kit.check_rules(events)
        pcm = kit.tone(0.6)
        threads = [threading.Thread(target=worker, args=(count // 20,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def settle(self):
        time.sleep(3)
        self.assertEqual(self.sotto.metric("sotto_sessions"), 0)
        self.assertEqual(self.sotto.metric("sotto_connections"), 0)
        return self.sotto.rss_kb()

    def test_1_idle(self):
        pid = self.sotto.process.pid
        time.sleep(2)
        begin = cpu_seconds(pid)
        time.sleep(20)
        share = (cpu_seconds(pid) - begin) / 20 * 100
        print("idle: %.2f %% of a core, RSS %.1f MB" % (share, self.sotto.rss_kb() / 1024))
        self.assertLess(share, 0.5)
        self.assertLess(self.sotto.rss_kb(), 64 * 1024)

    def test_2_connections(self):
        self.connections(CONNECTIONS // 4)
        before = self.settle()
        begin = time.monotonic()
        self.connections(CONNECTIONS)
        took = time.monotonic() - begin
        after = self.settle()
        print("connections: %d in %.0f s, RSS %d -> %d KB" % (CONNECTIONS, took, before, after))
        self.assertLess(after - before, 2048)

    def test_3_sessions(self):
        self.sessions(SESSIONS // 2)
        before = self.settle()
        self.sessions(SESSIONS)
        after = self.settle()
        print("sessions: %d, RSS %d -> %d KB" % (SESSIONS, before, after))
        self.assertLess(after - before, 4096)


if __name__ == "__main__":
    unittest.main(verbosity=2)
