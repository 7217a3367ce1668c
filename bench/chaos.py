#!/usr/bin/env python3
"""Sessions under the worst of circumstances; `make chaos` calls it. docs/benchmark.md tells what it shows.

  chaos    sockets are cut at random bytes, the server is killed with -9 again and again and started on the same
           store, the clouds misbehave: what every session got in the end is compared with an undisturbed run
  rolling  the server is replaced by a new one on the same port and store while all sessions speak
"""
import argparse
import difflib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import report
import run

SPEECH_FAULTS = "unavailable:4000@0.02,rst:internal@0.02,tcp-reset@0.002"
CHAT_FAULTS = "error:503@0.02,rst:refused@0.01,throttle:1@0.005"
KILL_MARGIN_S = 5  # the last kill comes so long before the audio ends


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="bench/chaos.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", choices=("chaos", "rolling"), default="chaos")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=300, help="of audio in every session (300)")
    parser.add_argument("--every", type=float, default=30, help="seconds between kills or restarts (30)")
    parser.add_argument("--cut", type=float, default=2, help="times a minute a socket is cut (2; rolling: 0)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speech-faults", default=SPEECH_FAULTS, help='of sotto-sim, "" for none (%(default)s)')
    parser.add_argument("--chat-faults", default=CHAT_FAULTS, help='"" for none (%(default)s)')
    parser.add_argument("--drain", type=int, default=60, help="after the audio at most, seconds")
    parser.add_argument("--side-by-side", action="store_true", help="both runs at once: for a short one")
    parser.add_argument("--server-arg", action="append", default=[], metavar="ARG", help="one more for sotto")
    parser.add_argument("--bin", default=os.path.join(run.ROOT, "build", "bin"), help="where the programs are")
    parser.add_argument("--out", help="default build/chaos/DATE")
    args = parser.parse_args(argv)
    if args.mode == "rolling":
        args.cut = 0
        args.speech_faults = args.chat_faults = ""
    if args.out is None:
        args.out = os.path.join(run.ROOT, "build", "chaos", time.strftime("%Y-%m-%d-%H%M%S"))
    return args


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Rig:
    """A simulator, a load generator, and one server after the other on the same port and store."""

    def __init__(self, args, name, faults):
        self.args, self.name, self.faults = args, name, faults
        self.dir = os.path.join(args.out, name)
        self.port = free_port()
        self.servers = []
        self.children = []
        self.down_s = []  # of every restart: until the next server takes sessions
        self.rss_peak = 0
        os.makedirs(self.dir, exist_ok=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, name, program, *args):
        command = [os.path.join(self.args.bin, program), *[str(a) for a in args]]
        child = run.Child(name, self.pinned(program, command), self.dir)
        self.children.append(child)
        return child

    def pinned(self, program, command):
        """Here all programs share all cores: only texts are compared."""
        return command

    def start_simulator(self):
        sim = self.start("sotto-sim", "sotto-sim", "--dir", self.dir, "--speech-port", 0, "--chat-port", 0,
                         "--seed", self.args.seed)
        ready = sim.wait_for(lambda: sim.said(r"ready speech=(\d+) chat=(\d+) ca=(\S+)"), "line that says ready")
        self.speech, self.chat, self.ca = ready.groups()
        return sim

    def set_faults(self, speech, chat):
        """Only when the server is warm: what a start makes of faults is another test's."""
        body = json.dumps({"speech_faults": speech, "chat_faults": chat})
        subprocess.run(["curl", "-sS", "--fail", "--http2", "--cacert", self.ca, "-d", body, "-o", os.devnull, "-H",
                        "Content-Type: application/json", "https://127.0.0.1:%s/sim/control" % self.chat],
                       check=True, timeout=20)

    def start_server(self, *more):
        child = self.start("sotto-%d" % (len(self.servers) + 1), "sotto", "--listen", "127.0.0.1:%d" % self.port,
                           "--store-path", self.path("store.db"), "--stt-target", "127.0.0.1:" + self.speech,
                           "--stt-plaintext", "--chat-url", "https://127.0.0.1:%s/v1" % self.chat, "--chat-ca", self.ca,
                           *run.SERVER, *more, *self.args.server_arg)
        self.servers.append(child)
        child.wait_for(lambda: child.said(r'msg="?ready"? .*?port=\d+'), "line that says ready")
        return child

    def start_bench(self, disturbed):
        args = self.args
        more = ["--cut", args.cut] if disturbed and args.cut > 0 else []
        return self.start("sotto-bench", "sotto-bench", "run", "--port", self.port, "--sessions", args.sessions,
                          "--speaking", 1, "--seed", args.seed, "--ramp", 2, "--warmup", 0, "--audio", args.seconds,
                          "--seconds", args.seconds + 2, "--drain", args.drain, "--resume", "--json",
                          self.path("result.json"), "--transcripts", self.path("transcripts.jsonl"), *more)

    def note_memory(self, server):
        try:
            with open("/proc/%d/status" % server.process.pid, encoding="ascii") as file:
                found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
            self.rss_peak = max(self.rss_peak, int(found[1]) * 1024 if found else 0)
        except OSError:
            pass

    def kill(self):
        """kill -9, and the next server on the same store."""
        server = self.servers[-1]
        self.note_memory(server)
        began = time.monotonic()
        server.process.kill()
        server.process.wait()
        self.start_server()
        self.down_s.append(time.monotonic() - began)

    def replace(self):
        """The next server takes over while the old one goes."""
        old = self.servers[-1]
        self.start_server("--takeover")
        self.note_memory(old)
        began = time.monotonic()
        old.process.send_signal(signal.SIGTERM)
        status = old.process.wait(90)
        self.down_s.append(time.monotonic() - began)
        if status != 0:
            raise run.Failed("%s ended with status %d: %s" % (old.name, status, old.tail()))

    def watch(self, bench, disturb, tick):
        """Until the bench is done; `disturb()` comes every so many seconds while there is audio."""
        began = time.monotonic()
        due, last = began + self.args.every, began + self.args.seconds - KILL_MARGIN_S
        while bench.process.poll() is None:
            now = time.monotonic()
            if self.servers[-1].process.poll() is not None:
                raise run.Failed("%s ended by itself, status %d: %s" % (
                    self.servers[-1].name, self.servers[-1].process.returncode, self.servers[-1].tail()))
            if now - began > self.args.seconds + self.args.drain + 60:
                raise run.Failed("sotto-bench does not end: " + bench.tail())
            if disturb and due <= now < last:
                disturb()
                due += self.args.every
            tick(now - began)
            time.sleep(0.1)
        if bench.process.returncode not in (0, run.BENCH_VOID):
            raise run.Failed("sotto-bench ended with status %d: %s" % (bench.process.returncode, bench.tail()))

    def measure(self, disturb, tick):
        try:
            self.start_simulator()
            server = self.start_server()
            server.wait_for(lambda: run.is_ready(self.port), "warm connections (GET /readyz)")
            if disturb:
                self.set_faults(*self.faults)
            self.watch(self.start_bench(disturb is not None), disturb, tick)
            self.note_memory(self.servers[-1])
        finally:
            for child in reversed(self.children):
                child.stop()
        with open(self.path("result.json"), encoding="utf-8") as file:
            return json.load(file)

    def transcripts(self):
        with open(self.path("transcripts.jsonl"), encoding="utf-8") as file:
            return {line["session"]: line for line in map(json.loads, file)}


def words(text):
    return re.sub(r"[^\w' ]", "", text.casefold()).split()


def left_out(a, b, count):
    """b is a without at most so many stretches of words: finals that failed, and were told so."""
    steps = [step[0] for step in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()]
    return set(steps) <= {"equal", "delete"} and steps.count("delete") <= count


def compare(calm, wild):
    """Sessions whose texts differ, by kind, and the first difference in words: segments may be cut elsewhere."""
    kinds = {"transcript": lambda t: t["text"], "correction": lambda t: t["corrected"]}
    for lang in next(iter(calm.values()))["translations"]:
        kinds["translation " + lang] = lambda t, lang=lang: t["translations"][lang]
    differ, first = {}, {}
    for kind, text_of in kinds.items():
        for number in sorted(set(calm) | set(wild)):
            a, b = (words(text_of(side[number])) if number in side else [] for side in (calm, wild))
            failed = wild[number]["failed"] if number in wild and kind != "transcript" else 0
            if a == b or (failed > 0 and left_out(a, b, failed)):
                continue
            differ[kind] = differ.get(kind, 0) + 1
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            first.setdefault(kind, "session %d, word %d: %r became %r" % (
                number, at + 1, " ".join(a[at:at + 4]), " ".join(b[at:at + 4])))
    return differ, first


def quantile(result, kind, name):
    return (result["latency"][kind]["total"] or {}).get(name, 0)


def judge(result):
    """What must be nought."""
    return {"words lost": result["words"]["lost"], "words repeated": result["words"]["repeated"],
            "words wrong": result["words"]["wrong"], "finals missing by seq": result["resumed"]["finals_missing"],
            "finals repeated by seq": result["resumed"]["finals_repeated"],
            "finals out of order": result["finals"]["reordered"],
            "committed words taken back": result["finals"]["committed_broken"],
            "sessions lost": result["sessions"]["lost"]}


class Report:
    def __init__(self, args, paint):
        self.args, self.paint = args, paint
        self.ok = True

    def fault(self, name, count):
        self.ok = self.ok and count == 0
        print("  %-32s %s" % (name, self.paint.good("0") if count == 0 else self.paint.bad(str(count))))

    def disturbed(self, rig, result):
        resumed = result["resumed"]
        what = "killed and started again" if self.args.mode == "chaos" else "replaced"
        print("%d sessions, %d s of audio each; %d sockets cut, server %s %d times" % (
            self.args.sessions, self.args.seconds, result["load"]["sockets_cut"], what, len(rig.down_s)))
        print("  resumed %d times, %d of them in a new epoch; from the loss of the socket p50 %.0f ms, p99 %.0f, "
              "max %.0f" % (
            resumed["times"], resumed["epochs"], quantile(result, "resumed", "p50"), quantile(result, "resumed", "p99"),
            quantile(result, "resumed", "max")))
        print("  %s: median %.1f s, at most %.1f s" % (
            {"chaos": "killed until the next takes connections", "rolling": "SIGTERM to the end"}[self.args.mode],
            sorted(rig.down_s)[len(rig.down_s) // 2] if rig.down_s else 0, max(rig.down_s, default=0)))
        print("  gap between captions p50 %.0f ms, p99 %.0f, longest %.0f" % (
            quantile(result, "caption_gap", "p50"), quantile(result, "caption_gap", "p99"),
            quantile(result, "caption_gap", "max")))
        if result["load"]["ends_unheard"]:
            print("  ends of sessions that broke on their way: %d" % result["load"]["ends_unheard"])
        print("  server's memory at most %.0f MB" % (rig.rss_peak / 1e6))
        for name, count in judge(result).items():
            self.fault(name, count)

    def compared(self, calm, wild, calm_result):
        differ, first = compare(calm, wild)
        print("Compared with the undisturbed run (its longest gap between captions: %.0f ms)" %
              quantile(calm_result, "caption_gap", "max"))
        for kind in ["transcript", *sorted(k for k in first if k != "transcript")]:
            self.fault("sessions whose %s differs" % kind, differ.get(kind, 0))
            if kind in first:
                print("      first: " + first[kind])
        print("  finals told as failed, both tries of the clouds: %d of %d, undisturbed %d" % (
            sum(t["failed"] for t in wild.values()), sum(t["finals"] for t in wild.values()),
            sum(t["failed"] for t in calm.values())))


def measure_both(args, calm, wild, paint):
    """Results of the undisturbed and of the disturbed run; only the latter when no other is needed."""
    disturb = wild.kill if args.mode == "chaos" else wild.replace

    def tick(name):
        return lambda s: paint.progress("%s run: %d s of %d" % (name, s, args.seconds + 2))

    results = {}
    if calm and args.side_by_side:
        failures = []

        def beside():
            try:
                results["calm"] = calm.measure(None, lambda s: None)
            except Exception as problem:  # told by the main thread
                failures.append(problem)

        thread = threading.Thread(target=beside)
        thread.start()
        try:
            results["wild"] = wild.measure(disturb, tick("disturbed"))
        finally:
            thread.join()
        if failures:
            raise failures[0]
    else:
        if calm:
            results["calm"] = calm.measure(None, tick("undisturbed"))
        results["wild"] = wild.measure(disturb, tick("disturbed"))
    paint.progress("")
    return results


def main(argv):
    args = parse_arguments(argv)
    for name in ("sotto", "sotto-sim", "sotto-bench"):
        if not os.access(os.path.join(args.bin, name), os.X_OK):
            print("bench/chaos.py: there is no program %s in %s; run: make build" % (name, args.bin), file=sys.stderr)
            return 2
    run.raise_descriptors()
    paint = report.Paint(sys.stdout)
    calm = Rig(args, "undisturbed", ("", "")) if args.mode == "chaos" else None
    wild = Rig(args, "disturbed", (args.speech_faults, args.chat_faults))
    try:
        results = measure_both(args, calm, wild, paint)
    except (run.Failed, OSError, ValueError, subprocess.SubprocessError) as problem:
        paint.progress("")
        print("bench/chaos.py: %s; logs are in %s" % (problem, args.out), file=sys.stderr)
        return 1
    told = Report(args, paint)
    told.disturbed(wild, results["wild"])
    if calm:
        told.compared(calm.transcripts(), wild.transcripts(), results["calm"])
    print("Logs and results: " + os.path.relpath(args.out))
    return 0 if told.ok else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # both stop in order
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
