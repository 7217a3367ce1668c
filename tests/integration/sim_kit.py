"""What the tests of sotto-sim share: a simulator with a server in front of it, and sessions that say the script."""
import itertools
import json
import queue
import re
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import bench_audio
import kit


class Rig:
    """One sotto-sim and one sotto that knows no other clouds."""

    numbers = itertools.count(1)  # of sessions: no two tests say the same

    def __init__(self, sim=(), sotto=()):
        self.dir = tempfile.TemporaryDirectory(prefix="sotto-sim-")
        self.sim = kit.Program("sotto-sim", "--dir", self.dir.name, "--speech-port", 0, "--chat-port", 0,
                               "--speech-latency", 40, "--chat-first-token", 20, "--chat-tokens-s", 0, *sim,
                               ready=r"ready speech=(\d+) chat=(\d+) ca=(\S+)", stream="stdout")
        self.speech_port, self.chat_port, self.ca = self.sim.match.groups()
        self.sotto = self.again(*sotto)

    def again(self, *sotto):
        """Another server before the same clouds."""
        return kit.Sotto(int(self.speech_port), int(self.chat_port), self.ca, *sotto).wait_ready()

    def request(self, path, body=None):
        command = ["curl", "-sS", "--fail", "--http2", "--cacert", self.ca,
                   "https://127.0.0.1:%s%s" % (self.chat_port, path)]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return subprocess.run(command, capture_output=True, text=True, timeout=20 * kit.SLOW, check=True).stdout

    def faults(self, speech="", chat=""):
        self.request("/sim/control", {"speech_faults": speech, "chat_faults": chat})

    def stats(self):
        return json.loads(self.request("/sim/stats"))

    def suffer(self, count, speech="", chat="", **fields):
        """Sessions under faults, and the names of those that have struck."""
        side = "speech" if speech else "chat"
        before = self.stats()[side]["faults"]
        self.faults(speech, chat)
        heard = self.sessions(count, **fields)
        after = self.stats()[side]["faults"]
        return heard, {name for name, n in after.items() if n > before.get(name, 0)}

    def stop(self):
        """Both end cleanly; returns the simulator's report."""
        assert self.sotto.stop() == 0, self.sotto.text()[-3000:]
        assert "ERROR: " not in self.sotto.text(), self.sotto.text()[-3000:]
        assert self.sim.stop() == 0, self.sim.text()[-3000:]
        self.dir.cleanup()
        return json.loads(self.sim.text(self.sim.out).splitlines()[-1])

    # -- sessions --

    def session(self, utterances=2, tail_ms=500, pause=None, **fields):
        """A session that says so many utterances: what it said, what it got, its close code. `pause` is called
        between two utterances."""
        voice = bench_audio.Voice(next(self.numbers))
        ws = kit.WebSocket(self.sotto.port)
        events, result = [ws.start(**fields)], {}
        reader = threading.Thread(target=lambda: result.update(all=ws.events_until_closed()))
        reader.start()
        try:
            for i in range(utterances):
                if i > 0 and pause is not None:
                    pause()
                last = i == utterances - 1
                kit.speak(ws, voice.speak() + voice.silence(tail_ms if last else 500))
            ws.send({"type": "session.end"})
        except OSError:
            pass  # the server closed first: the events tell why
        reader.join(30 * kit.SLOW)
        assert not reader.is_alive(), "the session did not end"
        ws.close()
        more, code = result["all"]
        kit.check_rules(events + more)
        return Heard(voice, events + more, code)

    def sessions(self, count, **fields):
        with ThreadPoolExecutor(count) as pool:
            return [f.result() for f in [pool.submit(self.session, **fields) for _ in range(count)]]


def names(faults):
    """The names in a list of faults."""
    return {re.match(r"[a-z-]+", fault).group() for fault in faults.split(",")}


class Heard:
    """What came of a session."""

    def __init__(self, voice, events, code):
        self.number, self.said = voice.session, voice.said
        self.events, self.code = events, code
        self.transcripts = kit.finals(events, "transcript")
        self.translations = kit.finals(events, "translation")
        self.words = [w for e in self.transcripts for w in kit.words(e["committed"])]
        self.errors = [e["code"] for e in events if e["type"] == "error"]
        self.failed = [e.get("failed") for e in self.translations]

    def kinds(self, prefix="session."):
        return [e["type"] for e in self.events if e["type"].startswith(prefix)]

    def translated(self, language="es"):
        """Every word that was said, in order, in the other language."""
        index = bench_audio.LANGUAGES.index(language)
        of = {entry[0]: entry[index] for entry in bench_audio.LEXICON}
        return [of[w] for w in self.said]

    def translated_words(self):
        return [w for e in self.translations for w in re.findall(r"\w+", e["committed"].lower())]


class Rigs:
    """Several rigs, so that cases with faults of their own run beside each other."""

    def __init__(self, count, **kw):
        self.free = queue.Queue()
        with ThreadPoolExecutor(count) as pool:
            self.all = list(pool.map(lambda _: Rig(**kw), range(count)))
        for rig in self.all:
            self.free.put(rig)
        self.pool = ThreadPoolExecutor(count)

    def submit(self, case, *args, **kw):
        """Runs case(rig, …) on the next free rig."""
        def run():
            rig = self.free.get()
            try:
                return case(rig, *args, **kw)
            finally:
                rig.faults()
                self.free.put(rig)
        return self.pool.submit(run)

    def stop(self):
        self.pool.shutdown()
        return [rig.stop() for rig in self.all]
