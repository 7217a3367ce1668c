"""A learner who falls silent: the stream is closed, nothing is streamed, and what is said next is heard whole."""
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import bench_audio
import kit
import sim_kit

CLOSE_MS = 2000  # of the servers here; the recogniser has 2.5 s to hear something in it all the same


class Learner:
    """A session whose client streams all the time, in real time."""

    def __init__(self, rig):
        self.rig = rig
        self.voice = bench_audio.Voice(next(rig.numbers))
        self.ws = kit.WebSocket(rig.sotto.port)
        self.events, self.sent_ms, self.spoken_ms = [self.ws.start()], 0, 0
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        try:
            while True:
                self.events.append(self.ws.event())
        except kit.Closed as closed:
            self.code = closed.code

    def send(self, pcm):
        kit.speak(self.ws, pcm)
        self.sent_ms += len(pcm) * 500 // kit.RATE

    def say(self):
        pcm = self.voice.speak()
        self.spoken_ms += len(pcm) * 500 // kit.RATE
        self.send(pcm)

    def quiet(self, ms):
        self.send(self.voice.silence(ms))

    def mute(self, ms):
        self.send(bytes(kit.RATE * ms // 1000 * 2))
        self.voice.number += ms // bench_audio.BLOCK_MS

    def hint(self, speaking):
        self.ws.send({"type": "audio.activity", "speaking": speaking,
                      "audio_samples": self.sent_ms * kit.RATE // 1000})

    def flush(self):
        """How long the answer takes."""
        begin = time.monotonic()
        self.ws.send({"type": "audio.flush", "id": "now"})
        while not any(e["type"] == "audio.flushed" for e in list(self.events)):
            assert time.monotonic() < begin + 10 * kit.SLOW, "no answer to the flush"
            time.sleep(0.005)
        return time.monotonic() - begin

    def end(self):
        begin = time.monotonic()
        self.ws.send({"type": "session.end"})
        self.reader.join(30 * kit.SLOW)
        assert not self.reader.is_alive(), "the session did not end"
        self.ended_s = time.monotonic() - begin
        kit.check_rules(self.events)
        self.usage = self.events[-1]["usage"]
        return sim_kit.Heard(self.voice, self.events, self.code)


def pauses(rig):
    """Three utterances and two long pauses between them, one of them with the microphone off."""
    learner = Learner(rig)
    learner.say()
    learner.quiet(11000)
    learner.say()
    learner.mute(8000)
    learner.say()
    learner.quiet(500)
    return learner, learner.end()


def hinted(rig):
    """The client says when somebody speaks, and once when nobody does."""
    learner = Learner(rig)
    learner.quiet(1000)
    learner.say()
    learner.quiet(300)
    learner.hint(False)
    learner.quiet(3000)
    for _ in range(20):
        learner.hint(True)
        learner.mute(100)
    learner.hint(True)
    learner.say()
    learner.quiet(500)
    return learner, learner.end()


def flushed(rig):
    """A flush and the end while nothing is streamed."""
    learner = Learner(rig)
    learner.say()
    learner.quiet(7000)
    took = learner.flush()
    learner.quiet(1000)
    return learner, learner.end(), took


class Silence(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = sim_kit.Rig(sotto=["--stt-silence-close-ms", CLOSE_MS])
        with ThreadPoolExecutor(8) as pool:
            cls.pauses = [pool.submit(pauses, cls.rig) for _ in range(3)]
            cls.hinted = pool.submit(hinted, cls.rig)
            cls.flushed = pool.submit(flushed, cls.rig)
            cls.asleep = cls.watch(cls.pauses)
        cls.stats = cls.rig.stats()

    @classmethod
    def watch(cls, sessions):
        """Gauges while they last: (sessions asleep, speech streams), most and least."""
        seen = []
        while not all(s.done() for s in sessions):
            seen.append((cls.rig.sotto.metric("sotto_stt_asleep"), cls.rig.sotto.metric("sotto_stt_calls")))
            time.sleep(0.2)
        return seen

    @classmethod
    def tearDownClass(cls):
        cls.rig.stop()

    def heard(self, learner, heard):
        self.assertEqual(heard.words, learner.voice.said)
        self.assertEqual(heard.code, 1000)
        self.assertEqual(learner.usage["audio_ms"], learner.sent_ms)

    def test_no_word_is_lost_over_pauses(self):
        for session in self.pauses:
            learner, heard = session.result()
            self.heard(learner, heard)
            # Each pause but for its first seconds is not streamed: the recogniser has 2.5 s for a word more, and with
            # the next speech comes the pre-roll.
            self.assertLess(learner.usage["stt_ms"], learner.spoken_ms + 2 * 5500 + 500)
            self.assertGreater(learner.usage["stt_ms"], learner.spoken_ms)

    def test_streams_of_the_silent_are_closed(self):
        self.assertGreaterEqual(max(asleep for asleep, _ in self.asleep), 4)
        self.assertLessEqual(min(calls for asleep, calls in self.asleep if asleep >= 4), 1)
        self.rig.sotto.settle("sotto_stt_asleep", 0)
        # 3 times 3 utterances, 2 with hints, 1.
        self.assertEqual(self.rig.sotto.metric("sotto_stt_calls_total"), 9 + 2 + 1)
        saved = sum(s.result()[0].sent_ms - s.result()[0].usage["stt_ms"] for s in self.pauses)
        self.assertGreaterEqual(self.rig.sotto.metric("sotto_stt_skipped_ms_total"), saved)

    def test_hints_make_it_quicker_and_lies_do_not_matter(self):
        learner, heard = self.hinted.result()
        self.heard(learner, heard)
        self.assertLess(learner.usage["stt_ms"], 1000 + learner.spoken_ms + 300 + 2000 + 1500)

    def test_flush_and_end_while_asleep(self):
        learner, heard, took = self.flushed.result()
        self.heard(learner, heard)
        self.assertLess(took, 0.5 * kit.SLOW)
        self.assertLess(learner.ended_s, 0.5 * kit.SLOW)
        acks = [e["audio_samples"] for e in learner.events if e["type"] == "audio.ack"]
        self.assertEqual(acks[-1], learner.sent_ms * kit.RATE // 1000)


if __name__ == "__main__":
    unittest.main()
