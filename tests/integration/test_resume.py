"""A session outlives its socket and its server: what its client hears is what an unbroken socket would have told."""
import os
import tempfile
import time
import unittest

import bench_audio
import kit
import resume_kit
import sim_kit


def voice(number, seconds, pause_ms=500):
    """Sentences of the bench's script with pauses; `said` is what they are."""
    speaker, pcm = bench_audio.Voice(number, word_ms=250), []
    while speaker.number * bench_audio.BLOCK_MS < seconds * 1000:
        pcm += [speaker.speak(), speaker.silence(pause_ms)]
    speaker.pcm = b"".join(pcm)
    return speaker


class Resume(unittest.TestCase):
    """test_resume_fronts.py runs them all again on several fronts."""

    more = ()

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory(prefix="sotto-store-")
        cls.store = ("--store-path", os.path.join(cls.dir.name, "sotto.db"), *cls.more)
        cls.rig = sim_kit.Rig(sotto=cls.store)

    @classmethod
    def tearDownClass(cls):
        cls.rig.stop()
        cls.dir.cleanup()

    def client(self, number, seconds=8, **fields):
        speaker = voice(number, seconds)
        client = resume_kit.Client(self.rig.sotto.port, speaker.pcm, **fields)
        client.said = speaker.said
        client.connect()
        return client

    def kill(self):
        """The server is killed, and another started on its store."""
        self.rig.sotto.process.kill()
        self.rig.sotto.process.wait()
        self.rig.sotto = self.rig.again(*self.store)

    def check(self, client):
        self.assertTrue(client.over, client.errors)
        self.assertEqual(client.words(), client.said)
        segments = [e["segment"] for e in client.finals("transcript")]
        self.assertEqual(segments, list(range(1, len(segments) + 1)))
        self.assertEqual([e["segment"] for e in client.finals("translation", "es")], segments)

    def test_a_socket_dies_in_a_sentence(self):
        client = self.client(1)
        for at_s in (1.3, 4.1):
            client.run(until_sample=int(at_s * kit.RATE))
            client.drop()
            time.sleep(0.3)
            started = client.connect()
            self.assertEqual(started["epoch"], 1)
            self.assertEqual(started["session"], client.started[0]["session"])
            self.assertLessEqual(started["audio_samples"], at_s * kit.RATE)
        self.assertTrue(client.run())
        self.check(client)
        self.assertTrue(client.started[0]["durable"])

    def test_what_was_missed_is_told(self):
        client = self.client(2)
        client.run(until_sample=5 * kit.RATE)
        seen = client.seq
        client.drop()
        time.sleep(2)
        client.connect()
        self.assertTrue(client.run())
        self.assertGreater(client.seq, seen)
        self.check(client)

    def test_the_server_is_killed(self):
        client = self.client(3)
        client.run(until_sample=int(4.4 * kit.RATE))
        self.kill()
        client.port = self.rig.sotto.port
        started = client.connect()
        self.assertEqual(started["epoch"], 2)
        self.assertLessEqual(started["audio_samples"], 4.4 * kit.RATE)
        self.assertTrue(client.run())
        self.check(client)

    def test_tokens_are_good_once(self):
        client = self.client(4, 3)
        first = client.started[0]
        client.run(until_sample=kit.RATE)
        client.drop()
        client.connect()
        client.run(until_sample=2 * kit.RATE)  # a frame: from now on only the new token is good
        time.sleep(0.3)
        for token in (first["resume_token"], "x" * 43, ""):
            ws = kit.WebSocket(self.rig.sotto.port)
            ws.send({"type": "session.start", "resume": {"session": first["session"], "token": token, "seq": 0}})
            events, code = ws.events_until_closed()
            self.assertEqual(([e["code"] for e in events], code), (["resume_refused"], 1008))
        self.assertTrue(client.run())

    def test_the_newer_socket_has_the_session(self):
        client = self.client(5, 3)
        client.run(until_sample=kit.RATE)
        old = client.ws
        client.connect()
        self.assertTrue(client.run())
        self.assertIn("replaced", client.errors)
        self.assertEqual(client.words(), client.said)
        old.close()

    def said_goodbye(self, number):
        """A client that has said everything and ends, and whose socket dies before the answer."""
        client = self.client(number, 4)
        client.run(until_sample=len(client.pcm) // 2)
        seen = client.seq
        with client.lock:
            client.deaf = client.ws  # it hears nothing from here on
        client.ws.send({"type": "session.end"})
        time.sleep(1.5)
        client.drop()
        self.assertFalse(client.over)
        return client, seen

    def check_goodbye(self, client, seen):
        client.connect()
        client.read(client.ws)
        self.assertGreaterEqual(client.seq, seen)
        self.assertEqual(client.code, 1000)
        self.assertEqual(client.events[-1]["reason"], "client")
        self.check(client)

    def test_the_end_is_told_later(self):
        self.check_goodbye(*self.said_goodbye(7))

    def test_the_end_is_told_by_the_next_server(self):
        client, seen = self.said_goodbye(8)
        self.kill()
        client.port = self.rig.sotto.port
        self.check_goodbye(client, seen)


if __name__ == "__main__":
    unittest.main(verbosity=2)
