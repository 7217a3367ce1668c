#!/usr/bin/env python3
"""How good is what a learner hears and reads with the embedded default? Synthetic speech of everyday sentences goes
through sotto-local, sotto and sotto-say; this prints what came of it, each failure, and the figures.

  run.py             sentences.tsv and mistakes.tsv, two voices each (about six minutes)
  run.py --smoke     a few of them; fails below the bounds at the end of this file
  run.py --text      no speech: the written sentences go straight to translation and grammar (half a minute)
  run.py --rate HZ   the audio at this rate (16000)
"""
import argparse
import audioop
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import wave

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import kit  # noqa: E402
from test_local import start_local  # noqa: E402

VOICES = ("slt", "rms")
GROUP = 6  # sentences of a session
PAUSE_S = 1.2


def table(name):
    with open(os.path.join(HERE, name)) as f:
        return [line.rstrip("\n").split("\t") for line in f if line.strip() and not line.startswith("#")]



def plain(text):
    """Words to compare: no case, no marks; contractions and digits as they are said."""
    return re.sub(r"[^\w' ]", " ", text.lower().replace("’", "'")).split()


def errors(wanted, said):
    """Words to substitute, delete or insert: the edit distance of two lists."""
    row = list(range(len(said) + 1))
    for i, w in enumerate(wanted, 1):
        above, row[0] = row[0], i
        for j, s in enumerate(said, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (w != s))
    return row[-1]


def missing(keys, spanish):
    """The key words that the Spanish lacks."""
    have = re.findall(r"\w+", spanish.lower())
    return [key for key in keys.split()
            if not any(word == k or (k.endswith("*") and word.startswith(k[:-1]))
                       for k in key.split("|") for word in have)]


def glitches(english, spanish):
    """What no Spanish sentence has: capitals inside that are no names', marks that do not fit, leftovers."""
    found = []
    names = set(re.findall(r"\b[A-Z]\w+", " ".join(english.split()[1:])))
    for word in re.findall(r"(?<=[\w,] )[A-ZÁÉÍÓÚ]\w+", spanish):
        if word not in names and len(names) == 0:
            found.append("capital " + word)
    if ("?" in spanish) != ("¿" in spanish) or ("!" in spanish) != ("¡" in spanish):
        found.append("opening mark")
    if re.search(r"[*@#^$\\]|  ", spanish):
        found.append("leftover")
    return found


class Speech:
    """One session's worth of sentences, spoken with pauses, and what the session said of each."""

    def __init__(self, texts, voice, rate):
        self.texts, self.rate = texts, rate
        pcm, self.spans = bytes(int(0.4 * kit.RATE) * 2), []
        for text in texts:
            sound = kit.flite(text, voice, 0)
            begin = len(pcm) / 2 / kit.RATE
            pcm += sound
            self.spans.append((begin, len(pcm) / 2 / kit.RATE))
            pcm += bytes(int(PAUSE_S * kit.RATE) * 2)
        if rate != kit.RATE:
            pcm, _ = audioop.ratecv(pcm, 2, 1, kit.RATE, rate, None)
        self.file = tempfile.NamedTemporaryFile(suffix=".wav")
        with wave.open(self.file.name, "wb") as w:
            w.setnchannels(1)
            w.setsampwidth(2)
            w.setframerate(rate)
            w.writeframes(pcm)

    def run(self, port):
        done = subprocess.run([os.path.join(kit.BIN, "sotto-say"), "--url", "ws://127.0.0.1:%d/v1/stream" % port,
                               "--json", "--stamp", "--target", "es", self.file.name],
                              capture_output=True, text=True, timeout=300 * kit.SLOW)
        self.status, self.stderr = done.returncode, done.stderr
        self.events = [json.loads(line) for line in done.stdout.splitlines()]
        return self

    def sent_us(self, second):
        """When the client had sent the audio up to there."""
        for event in self.events:
            if event["type"] == "client.audio" and event["audio_samples"] / self.rate >= second:
                return event["client_us"]
        return None

    def sentence(self, i):
        begin, end = self.spans[i]
        mine = []
        for e in self.events:
            if e["type"] == "transcript" and e["final"]:
                middle = (e["start_ms"] + e["end_ms"]) / 2000
                owner = min(range(len(self.spans)), key=lambda k: max(self.spans[k][0] - middle,
                                                                      middle - self.spans[k][1]))
                if owner == i:
                    mine.append(e)
        segments = {e["segment"] for e in mine}
        of = [e for e in self.events if e.get("segment") in segments]
        shown = [e for e in of if e["type"] == "transcript" and not e["final"] and (e["committed"] or e["tentative"])]
        result = {
            "said": " ".join(e["committed"] for e in mine).strip(), "finals": len(mine),
            "spanish": " ".join(e["committed"] for e in of if e["type"] == "translation" and e["final"]),
            "edits": [d for e in of if e["type"] == "grammar" and e["final"] for d in e["edits"]],
            "partials": len(shown)}
        if shown and self.sent_us(begin):
            result["first_ms"] = (shown[0]["client_us"] - self.sent_us(begin)) / 1000
            result["early"] = shown[0]["client_us"] < (self.sent_us(end) or 0)
        if mine and self.sent_us(end):
            result["final_ms"] = (mine[-1]["client_us"] - self.sent_us(end)) / 1000
        return result


def corrected(text, edits):
    chars = list(text)
    for edit in sorted(edits, key=lambda e: -e["start"]):
        chars[edit["start"]:edit["end"]] = list(edit["to"])
    return "".join(chars)


def ask(local, head, text):
    """The chat API's answer to one request of the kind that `head` names."""
    body = {"model": "local", "messages": [{"role": "system", "content": head + "\n"}, {"role": "user", "content": text}]}
    done = subprocess.run(["curl", "-s", "--http2", "--cacert", local.ca, "-H", "Content-Type: application/json", "-d",
                           json.dumps(body), "https://127.0.0.1:%d/v1/chat/completions" % local.chat_port],
                          capture_output=True, text=True, check=True, timeout=20)
    return json.loads(done.stdout)["choices"][0]["message"]["content"]


def written(local, text):
    answer = json.loads(ask(local, "[sotto:grammar v1 language=en-US]", text))
    return {"said": text, "finals": 1, "spanish": ask(local, "[sotto:translate v1 source=en-US target=es]", text),
            "edits": answer["edits"], "corrected": answer["corrected"], "partials": 1}


def spoken(local, texts, rate):
    """(text, voice) → what came of it. As many sessions at a time as there are decoders."""
    sotto = kit.Sotto(local.speech_port, local.chat_port, local.ca, "--stt-agreement", 6).wait_ready()
    jobs = [Speech(texts[at:at + GROUP], voice, rate) for voice in VOICES for at in range(0, len(texts), GROUP)]
    voices = [voice for voice in VOICES for _ in range(0, len(texts), GROUP)]
    with concurrent.futures.ThreadPoolExecutor(min(3, local.decoders)) as pool:
        list(pool.map(lambda job: job.run(sotto.port), jobs))
    results = {}
    for job, voice in zip(jobs, voices):
        if job.status != 0:
            print("sotto-say ended with %d: %s" % (job.status, job.stderr.strip()))
        kit.check_rules([e for e in job.events if e["type"] != "client.audio"])
        for i, text in enumerate(job.texts):
            results[text, voice] = job.sentence(i)
    assert sotto.stop() == 0
    return results


def percentiles(values):
    values = sorted(values)
    if not values:
        return "none"
    return "p50 %.0f, p90 %.0f, max %.0f ms" % (values[len(values) // 2], values[len(values) * 9 // 10], values[-1])


class Report:
    def __init__(self):
        self.words = self.wrong = self.keys = self.keys_found = 0
        self.perfect = self.heard = self.one_final = self.right_spanish = 0
        self.false = self.planted = self.reached = self.mended = self.corrections = self.false_heard = 0
        self.odd = 0
        self.first, self.final, self.no_early = [], [], 0

    def hear(self, text, voice, result):
        """Recognition; True: the words are right."""
        wanted, said = plain(text), plain(result["said"])
        wrong = errors(wanted, said)
        self.heard += 1
        self.words += len(wanted)
        self.wrong += wrong
        self.perfect += wrong == 0
        self.one_final += result["finals"] == 1
        if "first_ms" in result:
            self.first.append(result["first_ms"])
            self.no_early += not result["early"]
        elif result.get("partials", 1) == 0:
            self.no_early += 1
        if "final_ms" in result:
            self.final.append(result["final_ms"])
        if wrong or result["finals"] != 1:
            print("words    [%s] %s\n         heard: %s (%d finals)" % (voice, text, result["said"], result["finals"]))
        return wrong == 0

    def sentence(self, text, keys, voice, result):
        right = self.hear(text, voice, result)
        lacks = missing(keys, result["spanish"])
        self.keys += len(keys.split())
        self.keys_found += len(keys.split()) - len(lacks)
        self.right_spanish += not lacks
        odd = glitches(text, result["spanish"])
        self.odd += len(odd)
        if lacks or odd:
            print("spanish  [%s] %s\n         → %s   lacks: %s %s" % (voice, result["said"], result["spanish"],
                                                                    " ".join(lacks), " ".join(odd)))
        if result["edits"]:
            self.false += right
            self.false_heard += not right
            print("grammar  [%s] %s\n         %s: %s" % (
                voice, result["said"], "FALSE" if right else "of a mishearing",
                ", ".join("%s→%s" % (e["from"], e["to"]) for e in result["edits"])))

    def mistake(self, row, voice, result):
        wanted = [plain(right) for right in row[1:]]
        right = self.hear(row[0], voice, result)
        self.planted += 1
        self.reached += right
        self.corrections += bool(result["edits"])
        now = plain(result.get("corrected") or corrected(result["said"], result["edits"]))
        if now in wanted:
            self.mended += bool(result["edits"])
        else:
            print("mistake  [%s] %s\n         heard: %s; corrected: %s" % (voice, row[0], result["said"], " ".join(now)))

    def figures(self):
        share = lambda a, b: 100 * a / b if b else 0  # noqa: E731
        print("\nsentences heard         %d, word error rate %.1f %%, without an error %.0f %%, one final %.0f %%" % (
            self.heard, share(self.wrong, self.words), share(self.perfect, self.heard),
            share(self.one_final, self.heard)))
        print("spanish key words       %.1f %% of %d, sentences with all of them %.0f %%, glitches %d" % (
            share(self.keys_found, self.keys), self.keys,
            share(self.right_spanish, self.heard - self.planted), self.odd))
        print("grammar                 recall %.0f %% (of those heard as said %.0f %%), precision %.0f %%, "
              "false on right sentences %d, on misheard ones %d" % (
                  share(self.mended, self.planted), share(self.mended, self.reached),
                  share(self.mended, self.corrections + self.false + self.false_heard), self.false, self.false_heard))
        if self.first:
            print("first partial           %s after the sentence begins; %d sentences without one before their end" % (
                percentiles(self.first), self.no_early))
            print("final                   %s after the sentence ends" % percentiles(self.final))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--text", action="store_true")
    parser.add_argument("--rate", type=int, default=kit.RATE)
    args = parser.parse_args()
    sentences, mistakes = table("sentences.tsv"), table("mistakes.tsv")
    if args.smoke:
        sentences, mistakes = sentences[::30][:4], mistakes[::24][:2]
    local = start_local()
    print("decoders %d" % local.decoders)
    texts = [row[0] for row in sentences + mistakes]
    if args.text:
        results = {(text, "text"): written(local, text) for text in texts}
    else:
        results = spoken(local, texts, args.rate)
    report = Report()
    for text, keys in sentences:
        for (t, voice), result in results.items():
            if t == text:
                report.sentence(text, keys, voice, result)
    for row in mistakes:
        for (t, voice), result in results.items():
            if t == row[0]:
                report.mistake(row, voice, result)
    report.figures()
    assert local.stop() == 0
    if args.smoke:
        assert report.wrong <= 0.2 * report.words and report.false == 0 and report.one_final == report.heard
        assert report.keys_found >= 0.6 * report.keys and report.no_early == 0


if __name__ == "__main__":
    main()
