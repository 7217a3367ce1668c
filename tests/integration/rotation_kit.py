"""Rotation by real clocks: the same speech over streams that are cut and over one that is not, compared word by word.

test_rotation.py runs it for a minute, soak_rotation.py for ten. A cut falls wherever it falls, inside words too.
"""
import difflib
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import bench_audio
import kit
import sim_kit
import test_local

# The simulator's API, by name: its flags and the server's. The rig that comes first is the measure of the others.
# A recogniser that falls behind on a busy machine may finish late; it is not late words that are looked for.
PLAIN = ("--drain-ms", "60000")
RIGS = {
    "uncut": ((), PLAIN),
    "cut": (("--speech-cut-s", 15), PLAIN),
    "cut, late finals": (("--speech-cut-s", 15, "--speech-latency", 700, "--speech-faults", "late:900"), PLAIN),
    "rotating": ((), (*PLAIN, "--stt-soft-ms", 10000, "--stt-hard-ms", 12000)),
}
TIME_MS_MAX = 50


class Speaker(bench_audio.Voice):
    """A voice that remembers when each word was said."""

    def __init__(self, session, seconds, word_ms, pause_ms):
        super().__init__(session, word_ms=word_ms)
        self.starts_ms = []
        pcm = []
        while self.number * bench_audio.BLOCK_MS < seconds * 1000:
            begin, before = self.number * bench_audio.BLOCK_MS, len(self.said)
            pcm.append(self.speak())
            self.starts_ms += [begin + i * word_ms for i in range(len(self.said) - before)]
            pcm.append(self.silence(pause_ms))
        self.pcm = b"".join(pcm)


def speakers(seconds):
    """Sentences with pauses; speech without any; and words so slow that no final comes before a cut."""
    return {"pauses": Speaker(1, seconds, 300, 700), "breathless": Speaker(2, seconds, 270, 0),
            "slow": Speaker(3, seconds, 1000, 0)}


class Heard:
    """What the server made of a session."""

    def __init__(self, events, code):
        kit.check_rules(events)
        finals = kit.finals(events, "transcript")
        self.code = code
        self.words = [w for e in finals for w in kit.words(e["committed"])]
        self.finals = finals
        self.errors = [e["code"] for e in events if e["type"] == "error"]
        self.degraded = sum(e["type"] == "session.degraded" for e in events)


def listen(port, pcm):
    return Heard(*kit.run_session(port, pcm, targets=[], grammar=False))


def difference(heard, wanted):
    """Where two lists of words part, for people."""
    at = next((i for i, (a, b) in enumerate(zip(heard, wanted)) if a != b), min(len(heard), len(wanted)))
    return "%d words, %d wanted; from word %d: %r, wanted %r" % (
        len(heard), len(wanted), at, " ".join(heard[max(0, at - 4):at + 8]), " ".join(wanted[max(0, at - 4):at + 8]))


def times_off_ms(heard, speaker):
    """How far times are from the truth, at most, and where: begin and end of each final, and of words that have any.
    A segment that we end before the API's final has none, and guesses from when words came: half a word is allowed."""
    assert heard.words == speaker.said
    off, at = [(0, "")], 0
    for final in heard.finals:
        count = len(kit.words(final["committed"]))
        starts = speaker.starts_ms[at:at + count]
        guess = 0 if "words" in final else speaker.word_ms / 2
        off.append((abs(final["start_ms"] - starts[0]) - guess, "start of the final at %d ms" % starts[0]))
        end = starts[-1] + speaker.word_ms
        off.append((abs(final["end_ms"] - end) - guess, "end of the final at %d ms" % starts[0]))
        for word, start in zip(final.get("words", []), starts):
            off.append((abs(word["start_ms"] - start), "%r at %d ms" % (word["w"], start)))
        at += count
    return max(off)


class Simulated:
    """Every speaker on every rig at once."""

    @classmethod
    def setUpClass(cls):
        cls.voices = speakers(cls.seconds)
        rigs = {name: sim_kit.Rig(sim=sim, sotto=sotto) for name, (sim, sotto) in RIGS.items()}
        with ThreadPoolExecutor(len(rigs) * len(cls.voices)) as pool:
            futures = {(name, voice): pool.submit(listen, rig.sotto.port, cls.voices[voice].pcm)
                       for name, rig in rigs.items() for voice in cls.voices}
            cls.heard = {key: future.result() for key, future in futures.items()}
        cls.reports = {name: rig.stop() for name, rig in rigs.items()}

    def each(self, check):
        for (rig, voice), heard in self.heard.items():
            with self.subTest(api=rig, speaker=voice):
                check(heard, self.voices[voice])

    def test_word_for_word(self):
        """As said, and so as the uncut stream has it."""
        def check(heard, speaker):
            self.assertEqual((heard.code, heard.errors, heard.degraded), (1000, [], 0))
            self.assertTrue(heard.words == speaker.said, difference(heard.words, speaker.said))
        self.each(check)

    def test_every_word_where_it_was_said(self):
        def check(heard, speaker):
            off_ms, where = times_off_ms(heard, speaker)
            self.assertLessEqual(off_ms, TIME_MS_MAX, where)
        self.each(check)

    def test_streams_were_replaced(self):
        """Else nothing was shown: so many that each lived 15 s, or 12 of our own accord."""
        streams = {name: report["stats"]["speech"]["streams"] for name, report in self.reports.items()}
        print(streams)
        self.assertLessEqual(streams["uncut"], len(self.voices) * (1 + self.seconds // 200))
        for name in ("cut", "cut, late finals", "rotating"):
            self.assertGreaterEqual(streams[name], len(self.voices) * (self.seconds // 15))
        for report in self.reports.values():
            self.assertEqual(report["speech"]["heard"]["missing"], 0)


# -- sotto-local --

SENTENCES = os.path.join(kit.ROOT, "tests", "quality", "sentences.tsv")
VOICES = ("slt", "rms")


def sentences():
    with open(SENTENCES) as f:
        return [line.split("\t")[0] for line in f if line.strip() and not line.startswith("#")]


def lesson(seconds, pause_s=0.6):
    """Everyday sentences in two voices, over and over until there is enough."""
    pcm, texts = [], sentences()
    length = 0
    while length < seconds * kit.RATE * 2:
        at = len(pcm)
        pcm.append(kit.flite(texts[at % len(texts)], VOICES[at % 2], pause_s))
        length += len(pcm[-1])
    return b"".join(pcm)


class Local:
    """The same lesson over streams of 305 s, of 20 s, and of our own rotation every 15 s at the latest. Sentences with
    pauses between them, and without."""
    rigs = {"uncut": (305, ()), "cut": (20, ()), "rotating": (305, ("--stt-soft-ms", 12000, "--stt-hard-ms", 15000))}
    pauses_s = (0.6, 0)

    @classmethod
    def setUpClass(cls):
        lessons = {pause_s: lesson(cls.seconds, pause_s) for pause_s in cls.pauses_s}
        # A stream takes a good half of a core.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            futures = {(pause_s, name): pool.submit(cls.hear, pcm, *cls.rigs[name])
                       for pause_s, pcm in lessons.items() for name in cls.rigs}
            cls.heard = {key: future.result() for key, future in futures.items()}

    @classmethod
    def hear(cls, pcm, limit, flags):
        local = test_local.start_local("--decoders", 2, "--stream-limit-s", limit)
        sotto = kit.Sotto(local.speech_port, local.chat_port, local.ca, *PLAIN, *flags).wait_ready()
        heard = listen(sotto.port, pcm)
        heard.streams = sotto.metric("sotto_stt_calls_total")
        assert sotto.stop() == 0
        assert local.stop() == 0
        return heard

    def each(self, check):
        for (pause_s, name), heard in self.heard.items():
            with self.subTest(streams=name, pause_s=pause_s):
                check(name, pause_s, heard)

    def test_nothing_was_noticed(self):
        def check(name, pause_s, heard):
            self.assertEqual((heard.code, heard.errors, heard.degraded), (1000, [], 0))
            self.assertGreater(len(heard.words), self.seconds, "it has heard what was said")
        self.each(check)

    def test_word_for_word(self):
        """A stream that follows one that was cut hears the whole utterance again, and so the same words. Where we
        rotate in mid-sentence, an engine that hears half of it may take a word for another, but none is missing."""
        def check(name, pause_s, heard):
            wanted = self.heard[pause_s, "uncut"].words
            if name == "rotating" and pause_s == 0:
                edits = difflib.SequenceMatcher(None, wanted, heard.words, autojunk=False).get_opcodes()
                wrong = [(wanted[a:b], heard.words[c:d]) for kind, a, b, c, d in edits if kind != "equal"]
                self.assertLess(sum(max(map(len, pair)) for pair in wrong), len(wanted) / 5, wrong)
                self.assertLessEqual(max([abs(len(a) - len(b)) for a, b in wrong], default=0), 2, wrong)
            else:
                self.assertTrue(heard.words == wanted, difference(heard.words, wanted))
        self.each(check)

    def test_streams_were_replaced(self):
        print({key: heard.streams for key, heard in self.heard.items()})
        least = {"uncut": 1, "cut": self.seconds // self.rigs["cut"][0], "rotating": self.seconds // 16}
        for (_, name), heard in self.heard.items():
            self.assertGreaterEqual(heard.streams, least[name])


# -- the bench's judge --

class Judged:
    """Twenty speakers of the bench, all speaking, on streams that are cut every 15 s."""
    sessions = 20

    def test_no_word_is_lost_or_doubled(self):
        rig = sim_kit.Rig(sim=("--speech-cut-s", 15), sotto=PLAIN)
        run = subprocess.run([os.path.join(kit.BIN, "sotto-bench"), "run", "--port", str(rig.sotto.port), "--quiet",
                              "--sessions", str(self.sessions), "--seconds", str(self.seconds), "--speaking", "1",
                              "--json", "-"], capture_output=True, text=True, timeout=self.seconds + 120)
        self.assertIn(run.returncode, (0, 3), run.stderr)  # 3: latencies are void, this machine was busy
        words = json.loads(run.stdout)["words"]
        print(words)
        report = rig.stop()
        self.assertGreater(words["said"], self.sessions * self.seconds)
        self.assertEqual((words["lost"], words["repeated"], words["wrong"]), (0, 0, 0), words["first_lost"])
        self.assertGreaterEqual(report["stats"]["speech"]["streams"], self.sessions * (self.seconds // 15))
        self.assertEqual(report["speech"]["heard"]["missing"], 0)
