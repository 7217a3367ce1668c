"""A speech API that misbehaves: the session goes on, the client is told, and no word is lost."""
import threading
import unittest

import kit


class Speech(unittest.TestCase):
    """Failures of the speech API: no word is lost, none doubled, the client is told."""

    def run_with(self, *speech, seconds=6):
        up = kit.Upstreams(speech=["--latency-ms", "20", *speech])
        self.addCleanup(up.stop)
        sotto = up.sotto().wait_ready()
        events, code = kit.run_session(sotto.port, kit.tone(seconds))
        self.assertEqual(sotto.stop(), 0)
        self.assertNotIn("ERROR: ", sotto.text())
        kit.check_rules(events)
        return events, code

    def test_stream_limit(self):
        """Cut every 2 s where Google cuts at 305 s: the audio after the last final is heard again."""
        events, code = self.run_with("--stream-limit-s", "2", "--final-every-ms", "700", seconds=7)
        self.assertEqual(code, 1000)
        self.assertEqual([e for e in events if e["type"] == "error"], [])
        spans = [(e["start_ms"], e["end_ms"]) for e in kit.finals(events, "transcript")]
        self.assertGreaterEqual(spans[-1][1], 6900)
        self.assertGreater(len(spans), 8)

    def test_failing_in_mid_stream(self):
        for status in ("14", "13", "4", "10"):
            with self.subTest(status=status):
                events, code = self.run_with("--final-every-ms", "1000", "--fail-after-ms", "1500",
                                             status, seconds=3)
                self.assertEqual(code, 1000)
                self.assertGreaterEqual(kit.finals(events, "transcript")[-1]["end_ms"], 2900)

    def test_no_capacity_at_the_start(self):
        events, code = self.run_with("--fail-open", "8", seconds=2)
        self.assertEqual(code, 1013)
        self.assertEqual(events[-1]["code"], "over_capacity")
        self.assertGreaterEqual(events[-1]["retry_after_ms"], 1000)

    def test_configuration_errors_are_not_retried(self):
        for status in ("3", "7", "5"):
            with self.subTest(status=status):
                events, code = self.run_with("--fail-open", status, seconds=2)
                self.assertEqual(code, 1000)
                errors = [e for e in events if e["type"] == "error"]
                self.assertEqual([e["code"] for e in errors], ["upstream_refused"])
                self.assertFalse(errors[0]["retryable"])

    def test_garbage(self):
        events, code = self.run_with("--malformed", seconds=2)
        self.assertEqual(code, 1000)
        self.assertTrue([e for e in events if e["type"] == "session.degraded"])

    def test_never_answering(self):
        up = kit.Upstreams(speech=["--mute"])
        self.addCleanup(up.stop)
        sotto = up.sotto("--drain-ms", "1500").wait_ready()
        events, code = kit.run_session(sotto.port, kit.tone(2))
        self.assertEqual((code, events[-1]["type"]), (1000, "session.ended"))
        self.assertEqual(sotto.stop(), 0)

    def test_gone_and_back(self):
        """The API dies in mid-sentence and comes back: degraded, restored, and every word of what was said meanwhile."""
        up = kit.Upstreams(speech=["--latency-ms", "20"])
        self.addCleanup(up.stop)
        sotto = up.sotto().wait_ready()
        ws = kit.WebSocket(sotto.port)
        self.addCleanup(ws.close)
        ws.start()
        result = {}
        reader = threading.Thread(target=lambda: result.update(all=ws.events_until_closed()))
        reader.start()
        kit.speak(ws, kit.tone(2))
        up.speech.kill()
        kit.speak(ws, kit.tone(2))
        up.speech_again("--latency-ms", "20")
        kit.speak(ws, kit.tone(4))
        ws.send({"type": "session.end"})
        reader.join(40 * kit.SLOW)
        events, code = result["all"]
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        kinds = [e["type"] for e in events if e["type"].startswith("session.")]
        self.assertEqual(kinds, ["session.degraded", "session.restored", "session.ended"])
        self.assertGreaterEqual(kit.finals(events, "transcript")[-1]["end_ms"], 7900)
        self.assertEqual(sotto.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
