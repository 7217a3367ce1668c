"""The switches that exist for the bench: each leaves its part out, and the session still gets all it is owed."""
import pathlib
import re
import threading
import unittest

import kit

ALL = "workers,prewarm,fair-share,coalescing,uring"


class Without(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", "20", "--final-every-ms", "1000", "--ms-per-word", "100"],
                                      chat=["--latency-ms", "150"])

    @classmethod
    def tearDownClass(cls):
        cls.upstreams.stop()

    def run_without(self, parts, targets=("es",)):
        """A session of two seconds on a server that does without `parts`: its events, the text of /metrics, names of threads."""
        sotto = self.upstreams.sotto("--without", parts).wait_ready()
        events, code = kit.run_session(sotto.port, kit.tone(2), targets=list(targets))
        metrics = sotto.get("/metrics")[1]
        tasks = pathlib.Path("/proc/%d/task" % sotto.process.pid)
        threads = [(task / "comm").read_text().strip() for task in tasks.iterdir()]
        self.assertEqual(sotto.stop(), 0, sotto.text()[-3000:])
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        self.assertEqual([e["segment"] for e in kit.finals(events, "translation")], [1, 2])
        self.assertFalse([e for e in kit.finals(events, "translation") if "failed" in e])
        for part in ALL.split(","):
            line = 'sotto_bench_without{what="%s"} %d' % (part, part in parts.split(","))
            self.assertIn(line, metrics.splitlines())
        self.assertEqual("running without parts of it, for measuring only" in sotto.text(), parts != "")
        return events, metrics, threads

    def value(self, metrics, name):
        return float(re.search(r"^%s (\S+)$" % re.escape(name), metrics, re.M)[1])

    def partial_requests(self, metrics):
        return self.value(metrics, 'sotto_pool_requests_total{class="partial_translation"}')

    def test_nothing(self):
        _, metrics, threads = self.run_without("", ["fr"])
        self.assertTrue([name for name in threads if name.startswith("worker-")])
        self.assertEqual(self.value(metrics, "sotto_pool_handshakes_late_total"), 0)
        self.assertLessEqual(self.partial_requests(metrics), 6, "paced: 700 ms apart")

    def test_workers(self):
        _, _, threads = self.run_without("workers", ["it"])
        self.assertFalse([name for name in threads if name.startswith("worker-")])
        self.assertIn("front-0", threads)

    def test_prewarm(self):
        before = self.upstreams.chat_stats()
        _, metrics, _ = self.run_without("prewarm", ["pt"])
        after = self.upstreams.chat_stats()
        self.assertEqual(after["models"], before["models"], "no connection is warmed")
        late = self.value(metrics, "sotto_pool_handshakes_late_total")
        self.assertGreater(late, 1, "connections are closed when idle")
        self.assertEqual(late, self.value(metrics, "sotto_pool_connects_total"))

    def test_fair_share(self):
        self.run_without("fair-share", ["nl"])

    def test_coalescing(self):
        _, metrics, _ = self.run_without("coalescing", ["pl"])
        self.assertGreater(self.partial_requests(metrics), 10, "every revision is asked for")
        self.assertEqual(self.value(metrics, "sotto_pool_cancelled_total"), 0)

    def test_uring(self):
        _, metrics, _ = self.run_without("uring", ["sv"])
        self.assertIn('sotto_loop_backend{backend="epoll",reason="epoll was asked for"} 1', metrics)

    def test_all_of_them_with_many_sessions(self):
        """No thread may wait for itself."""
        sotto = self.upstreams.sotto("--without", ALL, "--fronts", "2").wait_ready()
        codes = []

        def session(i):
            codes.append(kit.run_session(sotto.port, kit.tone(1), targets=["da", "fi"])[1])
        threads = [threading.Thread(target=session, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30 * kit.SLOW)
        self.assertEqual(codes, [1000] * 12)
        self.assertEqual(sotto.stop(), 0, sotto.text()[-3000:])

    def test_unknown_part(self):
        with self.assertRaises(AssertionError):
            self.upstreams.sotto("--without", "brakes")


if __name__ == "__main__":
    unittest.main(verbosity=2)
