"""A chat API that misbehaves: the session goes on, the client is told, and everything owed comes, by its deadline at the
latest. test_upstreams_speech.py: the same of the speech API."""
import threading
import time
import unittest

import kit

# Finals are streamed, corrections come whole: both kinds of answer meet every fault.
DEADLINE = ("--translate-final-deadline-ms", "2500", "--chat-stall-ms", "800", "--translate-stream-words", "1")


class Chat(unittest.TestCase):
    """Faults of the chat completions API, one at a time on one server."""

    @classmethod
    def setUpClass(cls):
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", "20", "--final-every-ms", "500"],
                                      chat=["--latency-ms", "20"])
        cls.sotto = cls.upstreams.sotto(*DEADLINE).wait_ready()

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-3000:]
        cls.upstreams.stop()

    def tearDown(self):
        self.upstreams.chat_fault("none")

    def session(self, fault, text_seed):
        """A session under the fault; distinct words keep the cache out of it."""
        self.upstreams.chat_fault(fault)
        events, code = kit.run_session(self.sotto.port, kit.tone(1), targets=[text_seed],
                                       partials=False)
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        finals = kit.finals(events, "translation")
        self.assertEqual([e["segment"] for e in finals], [1, 2])
        self.assertEqual(events[-1]["type"], "session.ended")
        return events, [e.get("failed") for e in finals]

    def test_every_fault_ends_in_an_answer(self):
        expected = {"500": "upstream", "503": "upstream", "garbage": "upstream", "html": "upstream",
                    "half": "truncated", "empty": "upstream", "rst": "upstream", "refusal": "filtered",
                    "length": "truncated", "echo": None, "silent": "deadline", "stall": "deadline", "slow-byte": "deadline"}
        targets = iter("fr de it pt nl pl sv da fi no cs ro hu el ca".split())
        for fault, why in expected.items():
            with self.subTest(fault=fault):
                begin = time.monotonic()
                _, failed = self.session(fault, next(targets))
                self.assertLess(time.monotonic() - begin, 2 + 2.5 + 3 * kit.SLOW)
                if why is not None:
                    for each in failed:
                        self.assertIsNotNone(each, "%s was taken for an answer" % fault)
                    if why not in ("upstream", "deadline"):
                        self.assertIn(why, failed)

    def test_one_bad_answer_does_no_harm(self):
        _, failed = self.session("500#1", "gl")
        self.assertEqual(failed, [None, None], "one 500 is retried")
        _, failed = self.session("goaway#1", "eu")
        self.assertEqual(failed, [None, None], "GOAWAY moves requests over")

    def test_degraded_is_told_and_restored(self):
        ws = kit.WebSocket(self.sotto.port)
        self.addCleanup(ws.close)
        self.upstreams.chat_fault("500")
        ws.start(targets=["is"], partials=False, grammar=False)
        result = {}
        reader = threading.Thread(target=lambda: result.update(all=ws.events_until_closed()))
        reader.start()
        kit.speak(ws, kit.tone(3.2))
        self.upstreams.chat_fault("none")
        kit.speak(ws, kit.tone(2))
        ws.send({"type": "session.end"})
        reader.join(30 * kit.SLOW)
        events, code = result["all"]
        self.assertEqual(code, 1000)
        kinds = [e["type"] for e in events if e["type"].startswith("session.")]
        self.assertEqual(kinds, ["session.degraded", "session.restored", "session.ended"])
        self.assertEqual([e for e in events if e["type"] == "session.degraded"][0]["what"], ["translation"])


class ChatGone(unittest.TestCase):
    def test_refused_then_there(self):
        """Nobody listens at first: finals fail in time; the pool heals by itself once somebody does."""
        up = kit.Upstreams(speech=["--latency-ms", "20", "--final-every-ms", "1000"])
        sotto = up.sotto(*DEADLINE).wait_ready()
        up.chat.kill()
        events, code = kit.run_session(sotto.port, kit.tone(2), targets=["es"], partials=False)
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        self.assertTrue(all(e.get("failed") for e in kit.finals(events, "translation")))
        up.chat = kit.Program("sotto-test-chat", "--port", up.chat_port, "--cert", up.ca + ".new",
                              ready=r"port=(\d+)", stream="stdout")
        # Another certificate: still not to be trusted.
        events, _ = kit.run_session(sotto.port, kit.tone(1), targets=["fr"], partials=False)
        self.assertTrue(all(e.get("failed") for e in kit.finals(events, "translation")))
        self.assertIn("certificate", sotto.text())
        self.assertEqual(sotto.stop(), 0)
        up.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
