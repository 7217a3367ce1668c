#!/bin/sh
# Speaks lesson.txt into lesson.wav (16 kHz, mono, 16 bit) with flite. Needs: flite, python3.
set -eu
cd "$(dirname "$0")"
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
number=100
grep -v '^#' lesson.txt | while read -r voice sentence; do
    number=$((number + 1))
    flite -voice "$voice" -t "$sentence" -o "$parts/$number.wav"
done
python3 - "$parts" lesson.wav <<'PYTHON'
"""Joins the sentences with a second of near silence between them: recorders never give exact zeros."""
import glob
import random
import struct
import sys
import wave

RATE = 16000
noise = random.Random(1)


def hush(seconds):
    return struct.pack("<%dh" % int(RATE * seconds),
                       *(noise.randint(-6, 6) for _ in range(int(RATE * seconds))))


with wave.open(sys.argv[2], "wb") as out:
    out.setparams((1, 2, RATE, 0, "NONE", ""))
    out.writeframes(hush(0.8))
    for name in sorted(glob.glob(sys.argv[1] + "/*.wav")):
        with wave.open(name) as part:
            assert part.getparams()[:3] == (1, 2, RATE), name
            out.writeframes(part.readframes(part.getnframes()))
        out.writeframes(hush(1.0))
PYTHON
