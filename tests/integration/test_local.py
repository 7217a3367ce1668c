"""The embedded default on real speech: recognised by PocketSphinx, translated by Apertium, corrected by Link Grammar."""
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest
import wave

import kit


def start_local(*args, **kw):
    directory = tempfile.mkdtemp(prefix="sotto-test-")
    local = kit.Program("sotto-local", "--speech-port", kw.get("speech", 0), "--chat-port", kw.get("chat", 0),
                        "--cert-dir", directory, *args, stream="stdout", wait_s=30,
                        ready=r"ready speech=127\.0\.0\.1:(\d+) chat=https://127\.0\.0\.1:(\d+)/v1 decoders=(\d+)")
    local.speech_port, local.chat_port, local.decoders = map(int, local.match.groups())
    local.ca = os.path.join(directory, "cert.pem")
    return local


class Local(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.local = start_local()
        cls.sotto = kit.Sotto(cls.local.speech_port, cls.local.chat_port, cls.local.ca).wait_ready()

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0
        assert cls.local.stop() == 0

    def say(self, *args):
        return subprocess.run([os.path.join(kit.BIN, "sotto-say"), "--url",
                               "ws://127.0.0.1:%d/v1/stream" % self.sotto.port, *args],
                              capture_output=True, text=True, timeout=90 * kit.SLOW)

    def wav(self, pcm):
        file = tempfile.NamedTemporaryFile(suffix=".wav")
        self.addCleanup(file.close)
        with wave.open(file.name, "wb") as w:
            w.setnchannels(1)
            w.setsampwidth(2)
            w.setframerate(kit.RATE)
            w.writeframes(pcm)
        return file.name

    def test_sentences(self):
        """Everyday sentences in two voices: right words, one final a segment, Spanish that says the same."""
        said = (("slt", "Welcome to the lesson."), ("slt", "Where do you live?"), ("rms", "We live in a house near the river."),
                ("slt", "My brother is twelve years old."), ("rms", "In the afternoon we drink tea at home."))
        pcm = b"".join(kit.flite(text, voice) for voice, text in said)
        done = self.say("--json", "--target", "es", self.wav(pcm))
        self.assertEqual(done.returncode, 0, done.stderr)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        kit.check_rules(events)
        heard = [kit.words(e["committed"]) for e in kit.finals(events, "transcript")]
        self.assertEqual(len(heard), len(said))
        wanted = [kit.words(text) for _, text in said]
        right = sum(len(set(a) & set(b)) for a, b in zip(heard, wanted))
        self.assertGreaterEqual(right / sum(len(set(w)) for w in wanted), 0.85, heard)
        spanish = " ".join(e["committed"] for e in kit.finals(events, "translation")).lower()
        for word in ("bienvenido", "dónde", "casa", "hermano", "tarde"):
            self.assertIn(word, spanish)

    def test_planted_mistake(self):
        done = self.say("--json", "--target", "es", self.wav(kit.flite("There is many people here.", "rms")))
        events = [json.loads(line) for line in done.stdout.splitlines()]
        kit.check_rules(events)
        edits = [edit for e in kit.finals(events, "grammar") for edit in e["edits"]]
        self.assertIn(("is", "are", "agreement"), [(e["from"], e["to"], e["kind"]) for e in edits], events[-6:])
        for event in kit.finals(events, "grammar"):
            text = next(e["committed"] for e in kit.finals(events, "transcript") if e["segment"] == event["segment"])
            for edit in event["edits"]:
                self.assertEqual("".join(list(text)[edit["start"]:edit["end"]]), edit["from"])

    def test_explained_in_spanish(self):
        events, code = kit.run_session(self.sotto.port, kit.flite("There is many people here.", "rms"), explain_in="es-ES")
        self.assertEqual(code, 1000)
        messages = [edit["message"] for e in kit.finals(events, "grammar") for edit in e["edits"]]
        self.assertEqual(messages, ["Con 'there' se usa 'are', no 'is'."], events[-6:])

    def test_a_name_no_dictionary_has(self):
        """Vocabulary reaches the engine: the name is heard and spelled as given."""
        pcm = kit.flite("My name is Peter and my friend is Tambolo.", "slt")
        for vocabulary, known in (([], False), (["Tambolo", "Peter Pan"], True)):
            events, code = kit.run_session(self.sotto.port, pcm, vocabulary=vocabulary)
            self.assertEqual(code, 1000)
            text = " ".join(e["committed"] for e in kit.finals(events, "transcript"))
            self.assertEqual("Tambolo" in text, known, text)

    def test_not_a_wav(self):
        with tempfile.NamedTemporaryFile(suffix=".wav") as f:
            f.write(b"this is no sound at all" * 10)
            f.flush()
            done = self.say(f.name)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f.name, done.stderr)

    def test_nobody_there(self):
        done = subprocess.run([os.path.join(kit.BIN, "sotto-say"), "--url",
                               "ws://127.0.0.1:%d/v1/stream" % kit.free_port(), self.wav(bytes(32000))],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 2)

    def test_the_engine_dies_in_mid_sentence(self):
        local = start_local()
        sotto = kit.Sotto(local.speech_port, local.chat_port, local.ca).wait_ready()
        ws = kit.WebSocket(sotto.port)
        self.addCleanup(ws.close)
        ws.start()
        result = {}
        reader = threading.Thread(target=lambda: result.update(all=ws.events_until_closed()))
        reader.start()
        pcm = kit.flite("We buy fresh bread at the market on Saturday.", "slt")
        half = len(pcm) // 4 * 2
        kit.speak(ws, pcm[:half])
        local.kill()
        kit.speak(ws, pcm[half:])
        again = start_local(speech=local.speech_port, chat=local.chat_port)
        kit.speak(ws, bytes(kit.RATE * 2 * 3))
        ws.send({"type": "session.end"})
        reader.join(60 * kit.SLOW)
        events, code = result["all"]
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        kinds = [e["type"] for e in events]
        self.assertIn("session.degraded", kinds)
        self.assertIn("session.restored", kinds)
        text = kit.words(" ".join(e["committed"] for e in kit.finals(events, "transcript")))
        self.assertIn("bread", text)
        self.assertIn("saturday", text)
        self.assertEqual(sotto.stop(), 0)
        self.assertEqual(again.stop(), 0)


class Admission(unittest.TestCase):
    def test_those_admitted_are_served(self):
        """Ten speakers on two decoders: two are served in real time, four wait their turn, the others hear over_capacity and when
        to come back; so do those whose turn does not come."""
        local = start_local("--decoders", "2")
        sotto = kit.Sotto(local.speech_port, local.chat_port, local.ca).wait_ready()
        pcm = kit.flite("My name is Peter and I live in a small town.", "rms", pause_s=1)
        results = [None] * 10

        def one(i):
            begin = time.monotonic()
            events, code = kit.run_session(sotto.port, pcm)
            results[i] = (events, code, time.monotonic() - begin)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        served = [r for r in results if r[1] == 1000]
        refused = [r for r in results if r[1] == 1013]
        self.assertEqual(len(served) + len(refused), 10)
        self.assertGreaterEqual(len(served), 2)
        self.assertGreaterEqual(len(refused), 4)
        real_time = len(pcm) / 2 / kit.RATE + 8 * kit.SLOW
        for i, (events, _, took) in enumerate(sorted(served, key=lambda r: r[2])):
            kit.check_rules(events)
            self.assertTrue(kit.finals(events, "transcript"))
            self.assertLess(took, real_time if i < 2 else real_time + 8 * kit.SLOW)
        for events, _, _ in refused:
            self.assertEqual(events[-1]["code"], "over_capacity")
            self.assertGreaterEqual(events[-1]["retry_after_ms"], 1000)
        self.assertTrue(sotto.alive() and local.alive())
        self.assertEqual(sotto.stop(), 0)
        self.assertEqual(local.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
