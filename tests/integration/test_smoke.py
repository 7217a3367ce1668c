"""One whole session through every thread of the server, upstreams with fixed latencies on the real wires."""
import time
import unittest

import kit


class Smoke(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", "100"], chat=["--latency-ms", "80"])
        cls.sotto = cls.upstreams.sotto().wait_ready()

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-3000:]
        cls.upstreams.stop()

    def test_session(self):
        sent = []
        events, code = kit.run_session(self.sotto.port, kit.tone(7), sent=sent)
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        self.assertEqual([e["segment"] for e in kit.finals(events, "transcript")], [1, 2, 3])
        self.assertEqual(len(kit.finals(events, "translation")), 3)
        self.assertEqual(len(kit.finals(events, "grammar")), 3)
        text = " ".join(e["committed"] for e in kit.finals(events, "transcript"))
        self.assertEqual(kit.words(text), ["word%d" % i for i in range(1, len(text.split()) + 1)])
        self.assertEqual(events[-1]["type"], "session.ended")
        self.assertEqual(events[-1]["usage"]["audio_ms"], 7000)
        self.assertTrue(any(e["type"] == "translation" and not e["final"] for e in events))
        for event in kit.finals(events, "translation"):
            self.assertNotIn("failed", event)
            self.assertIn("WORD", event["committed"])

    def test_t_ms_is_the_clock(self):
        begin = time.monotonic()
        events, _ = kit.run_session(self.sotto.port, kit.tone(2), frame_ms=40)
        for event in events[1:]:
            self.assertAlmostEqual(event["t_ms"], (event["_at"] - begin) * 1000, delta=150 * kit.SLOW)

    def test_health_endpoints(self):
        self.assertEqual(self.sotto.get("/healthz"), (200, "ok\n"))
        self.assertEqual(self.sotto.get("/readyz"), (200, "ready\n"))
        status, text = self.sotto.get("/metrics")
        self.assertEqual(status, 200)
        self.assertIn("sotto_loop_backend{backend=", text)
        self.assertEqual(self.sotto.get("/nothing")[0], 404)
        self.assertIn("<!doctype html>", self.sotto.get("/")[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
