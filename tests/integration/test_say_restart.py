"""sotto-say while the server is killed and started again on the same store, and while it is replaced."""
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest

import bench_audio
import kit
import sim_kit

UTTERANCES = 3


class SayRestart(unittest.TestCase):
    def setUp(self):
        self.rig = sim_kit.Rig()
        assert self.rig.sotto.stop() == 0
        self.store = tempfile.TemporaryDirectory(prefix="sotto-store-")
        self.port = kit.free_port()
        self.servers = []

    def tearDown(self):
        for server in self.servers:
            server.stop()
        self.rig.sim.stop()
        self.rig.dir.cleanup()
        self.store.cleanup()

    def server(self, *args):
        speech, chat, ca = self.rig.sim.match.groups()
        self.servers.append(kit.Sotto(int(speech), int(chat), ca, "--listen", "127.0.0.1:%d" % self.port,
                                      "--store-path", os.path.join(self.store.name, "sotto.db"), *args))
        return self.servers[-1]

    def say(self, disturb):
        """What was said and the events, with `disturb` called in the middle of it."""
        voice = bench_audio.Voice(next(sim_kit.Rig.numbers))
        pcm = b"".join(voice.speak() + voice.silence(600) for _ in range(UTTERANCES))
        say = subprocess.Popen([os.path.join(kit.BIN, "sotto-say"), "--url", "ws://127.0.0.1:%d" % self.port, "--json",
                                "--rate", str(kit.RATE), "--source", "en-US", "-"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        timer = threading.Timer(len(pcm) / 2 / kit.RATE / 2, disturb)
        timer.start()
        out, err = say.communicate(pcm, timeout=60 * kit.SLOW)
        timer.join()
        events = [json.loads(line) for line in out.decode().splitlines()]
        self.assertEqual(say.returncode, 0, err.decode())
        self.assertIn("connected again", err.decode())
        words = [w for e in kit.finals(events, "transcript") for w in kit.words(e["committed"])]
        self.assertEqual(words, voice.said)
        self.assertEqual(len(kit.finals(events, "translation")), len(kit.finals(events, "transcript")))
        self.assertEqual([e["seq"] for e in events if "seq" in e], list(range(1, 1 + sum("seq" in e for e in events))))
        return [e for e in events if e["type"] == "session.started"]

    def test_killed(self):
        first = self.server().wait_ready()

        def disturb():
            first.kill()
            time.sleep(0.5)
            self.server()

        started = self.say(disturb)
        self.assertEqual([e["epoch"] for e in started], [1, 2])
        self.assertEqual(len({e["session"] for e in started}), 1)

    def test_replaced(self):
        # Whoever is left by then is sent away: so soon that it happens while there is speech.
        first = self.server("--stop-ms", "2500").wait_ready()

        def disturb():
            self.server("--takeover")
            self.assertEqual(first.stop(20), 0)

        self.assertGreaterEqual(len(self.say(disturb)), 2)


if __name__ == "__main__":
    unittest.main()
