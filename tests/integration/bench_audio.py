"""The bench's script and audio in Python: what session N says in its U-th utterance, and PCM that says so.

A port of bench/script.c and bench/audio.c as far as tests need it; the words are read from bench/script_lexicon.c.
"""
import os
import re
import struct

import kit

BLOCK_MS = 10
MASK = (1 << 64) - 1


def lexicon():
    with open(os.path.join(kit.ROOT, "bench", "script_lexicon.c")) as f:
        return [re.findall(r'"([^"]*)"', entry) for entry in re.findall(r"^    \{\{(.*?)\}", f.read(), re.M)]


LEXICON = lexicon()
LANGUAGES = ["en", "es", "fr", "de"]


def mix(x):
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & MASK
    x = (x ^ x >> 27) * 0x94d049bb133111eb & MASK
    return x ^ x >> 31


def draw(seed, session, utterance, salt):
    return mix(mix(mix(seed + 0x9e3779b97f4a7c15 & MASK) ^ (session << 32 | utterance)) + salt & MASK)


def utterance_len(seed, session, utterance):
    return 16 + draw(seed, session, utterance, int.from_bytes(b"length", "big")) % 3


def utterance_words(seed, session, utterance, language="en"):
    """The words of an utterance as they are said."""
    words = []
    for place in range(utterance_len(seed, session, utterance)):
        if place % 2 == 1 and draw(seed, session, utterance, int.from_bytes(b"repeat", "big") + place) % 16 == 0:
            place -= 1
        at = draw(seed, session, utterance, place) % (len(LEXICON) // 3) * 3 + place % 3
        words.append(LEXICON[at][LANGUAGES.index(language)])
    return words


def filler(*half):
    return [*half, *reversed(half), *(-x for x in half), *(-x for x in reversed(half))]


# mark, base and step of the nibbles, one period of what follows them
SPEECH = (9472, 4096, 256, filler(3200, 5200, 6800, 7800))
SILENCE = (60, 0, 2, filler(2, 5, 8, 9))


def block(session, number, seed, utterance=0, place=0, middle=False, rate=kit.RATE):
    """One block of 10 ms."""
    mark, base, step, period = SPEECH if utterance else SILENCE
    low = number | session << 32 | place << 56 | int(middle) << 63
    high = utterance | (seed & 0xffff) << 24
    check = (low ^ high * 0x9e3779b97f4a7c15 & MASK) * 0xbf58476d1ce4e5b9 & MASK
    samples = [mark, -mark]
    for bits, count in ((low, 16), (high | check >> 48 << 40, 14)):
        for i in range(count):
            value = base + (bits >> 4 * i & 15) * step
            samples.append(value if i % 2 == 0 else -value)
    samples += [period[i % 16] for i in range(len(samples), rate // 100)]
    return struct.pack("<%dh" % len(samples), *samples)


class Voice:
    """A session's audio, one utterance after the other; knows what has been said."""

    def __init__(self, session, seed=1, rate=kit.RATE, word_ms=100):
        self.session, self.seed, self.rate, self.word_ms = session, seed, rate, word_ms
        self.number = 0
        self.utterance = 0
        self.said = []

    def take(self, **what):
        data = block(self.session, self.number, self.seed, rate=self.rate, **what)
        self.number += 1
        return data

    def silence(self, ms):
        return b"".join(self.take() for _ in range(ms // BLOCK_MS))

    def speak(self):
        """The next utterance."""
        self.utterance += 1
        words = utterance_words(self.seed, self.session, self.utterance)
        self.said += words
        blocks = self.word_ms // BLOCK_MS
        return b"".join(self.take(utterance=self.utterance, place=place, middle=i == blocks // 2)
                        for place in range(len(words)) for i in range(blocks))
