"""The ledger tells the truth: upstream within 2 ms of what the upstreams were told to take, the whole within 5 ms of what a client
measures itself. The figures are medians and p90 over a session, because the machine's own hiccups are not the ledger's fault."""
import unittest

import kit

SPEECH_MS, CHAT_MS = 150, 90


def quantile(values, q):
    return sorted(values)[int(q * (len(values) - 1))]


class Latency(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", SPEECH_MS], chat=["--latency-ms", CHAT_MS])
        cls.sotto = cls.upstreams.sotto().wait_ready()
        cls.sent = []
        cls.events, cls.code = kit.run_session(cls.sotto.port, kit.tone(9), sent=cls.sent)

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0
        cls.upstreams.stop()

    def of(self, kind, **fields):
        return [e for e in self.events if e["type"] == kind and
                all(e.get(k) == v for k, v in fields.items())]

    def test_transcript_upstream(self):
        values = [e["lat"]["upstream"] for e in self.of("transcript", final=False)]
        self.assertGreater(len(values), 10)
        self.assertAlmostEqual(quantile(values, 0.5), SPEECH_MS, delta=2)

    def test_translation_upstream(self):
        # The first piece of a final and whole partials: one speech latency, then one chat latency.
        values = [e["lat"]["upstream"] for e in self.of("translation", final=False)]
        self.assertGreater(len(values), 5)
        self.assertAlmostEqual(quantile(values, 0.5), SPEECH_MS + CHAT_MS, delta=4)

    def test_server_part_is_small(self):
        values = [e["lat"]["server"] for e in self.events if "lat" in e]
        self.assertLess(quantile(values, 0.9), 20)

    def test_audio_is_what_the_client_sees(self):
        off = []
        for event in self.of("transcript", final=False):
            end = event["end_ms"] * kit.RATE // 1000
            at = next((t for samples, t in self.sent if samples >= end), None)
            if at is not None:
                off.append(abs((event["_at"] - at) * 1000 - event["lat"]["audio"]))
        self.assertGreater(len(off), 10)
        self.assertLess(quantile(off, 0.9), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
