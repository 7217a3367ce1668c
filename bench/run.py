#!/usr/bin/env python3
"""Measures sotto over numbers of sessions and with parts switched off; `make bench` calls it. docs/benchmark.md tells
how and why. Every point gets a server, a simulator and a load generator of its own; tables go to standard output.
"""
import argparse
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import figures
import report

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SWEEP = [1, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100, 200, 500, 1000, 2000]
QUICK_SWEEP = [1, 10, 100, 500, 1000]
ABLATIONS = ["workers", "prewarm", "fair-share", "coalescing", "uring"]
QUICK_ABLATIONS = ["coalescing", "uring"]
START_S = 20  # until server and simulator answer
STOP_S = 8
BENCH_VOID = 3  # exit status of sotto-bench: measured, but the run is void
# Server settings of every run; docs/benchmark.md gives the reasons.
SERVER = ["--log", "warn,main=info", "--sessions-max", "20000", "--connections-max", "50000",
          "--chat-connections", "32", "--chat-streams", "100", "--chat-queue-max", "65536",
          "--chat-requests-per-minute", "0", "--chat-tokens-per-minute", "0"]


class Failed(Exception):
    """A run that could not be made; the text is for the reader."""


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.split(";")[0] + ".")
    parser.add_argument("--quick", action="store_true", help="few points, short windows: under 3 minutes")
    parser.add_argument("--sessions", help='numbers of sessions, such as "1 100 1000"')
    parser.add_argument("--speaking", help='shares of sessions that speak, default "1.0 0.6"')
    parser.add_argument("--seconds", type=int, help="the measured window, default 30")
    parser.add_argument("--ramp", type=int, help="all sessions start within, seconds")
    parser.add_argument("--warmup", type=int, help="from there to the window, seconds")
    parser.add_argument("--drain", type=int, help="after the window at most, seconds")
    parser.add_argument("--runs", type=int, default=1, help="runs a point, the best counts")
    parser.add_argument("--repeats", type=int, help="times a void run is repeated, default 2")
    parser.add_argument("--without", help='ablations, "none" for none, default "%s"' % " ".join(ABLATIONS))
    parser.add_argument("--ablation-sessions", type=int, default=500)
    parser.add_argument("--teachers", type=int, default=0, help="that watch all sessions of every run, default none")
    parser.add_argument("--slow-teachers", type=int, default=0, help="of them, that read slowly")
    parser.add_argument("--tls", action="store_true", help="wss:// towards the clients, with a certificate made for it")
    parser.add_argument("--server-arg", action="append", default=[], metavar="ARG", help="one more for sotto")
    parser.add_argument("--sim-arg", action="append", default=[], metavar="ARG", help="one more for sotto-sim")
    parser.add_argument("--bench-arg", action="append", default=[], metavar="ARG", help="one more for sotto-bench")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "bin"), help="where the programs are")
    parser.add_argument("--out", help="default build/bench/DATE")
    parser.add_argument("--no-plots", action="store_true")
    parser.add_argument("--count-void", action="store_true",
                        help="void runs count: for trying things out on a busy machine, never for figures")
    parser.add_argument("--plots", metavar="RESULTS", help="only draws the plots of a results.json, beside it")
    parser.add_argument("--write-docs", metavar="RESULTS",
                        help="only writes tables and plots of a results.json into docs/benchmark.md")
    args = parser.parse_args(argv)
    quick = args.quick
    args.sessions = [int(n) for n in args.sessions.split()] if args.sessions else (
        QUICK_SWEEP if quick else SWEEP)
    args.speaking = [float(s) for s in args.speaking.split()] if args.speaking else (
        [1.0] if quick else [1.0, 0.6])
    if args.without is None:
        args.without = " ".join(QUICK_ABLATIONS if quick else ABLATIONS)
    args.without = [] if args.without == "none" else args.without.replace(",", " ").split()
    for name, short, full in (("seconds", 8, 30), ("ramp", 2, 5), ("warmup", 4, 10), ("drain", 4, 15), ("repeats", 0, 2)):
        if getattr(args, name) is None:
            setattr(args, name, short if quick else full)
    if not 0 <= args.slow_teachers <= args.teachers:
        parser.error("slow teachers are some of the teachers")
    if min(args.sessions + [args.seconds, args.runs]) < 1:
        parser.error("sessions, seconds and runs are at least 1")
    if args.out is None:
        args.out = os.path.join(ROOT, "build", "bench", time.strftime("%Y-%m-%d-%H%M%S"))
    return args


class Pins:
    """The cores: one for the server, one for everything that measures it. None where that cannot be."""

    def __init__(self):
        cores = sorted(os.sched_getaffinity(0))
        self.server = self.bench = None
        self.why = ""
        if len(cores) < 2:
            self.why = "one core only: server and load generator share it, and every figure suffers"
        elif not shutil.which("taskset"):
            self.why = "no taskset (package util-linux): programs move between cores, latencies are noisier"
        else:
            self.server, self.bench = cores[0], cores[1]

    def command(self, core, command):
        return command if core is None else ["taskset", "-c", str(core), *command]


class Child:
    """A program of a run: started, waited for, and ended by its own pid."""

    def __init__(self, name, command, log_dir):
        self.name = name
        self.command = command
        self.log_path = os.path.join(log_dir, name + ".log")
        self.log = open(self.log_path, "w+", encoding="utf-8", errors="replace")
        # A group of its own: Ctrl-C reaches us, and we end the children in order.
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        process_group=0)

    def tail(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
        return lines[-1] if lines else "it said nothing"

    def wait_for(self, condition, what):
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            if self.process.poll() is not None:
                raise Failed("%s ended with status %d: %s" % (self.name, self.process.returncode, self.tail()))
            time.sleep(0.05)
        raise Failed("%s: no %s within %d s: %s" % (self.name, what, START_S, self.tail()))

    def said(self, pattern):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return re.search(pattern, file.read())

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def make_certificate(folder):
    """Paths of a certificate for 127.0.0.1, its own authority, and of its key."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
               "2", "-subj", "/CN=sotto-bench", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    try:
        made = subprocess.run(command, capture_output=True, text=True, timeout=START_S)
    except OSError as problem:
        raise Failed("no openssl to make a certificate with: %s" % problem) from None
    if made.returncode != 0:
        raise Failed("openssl makes no certificate: " + made.stderr.strip()[-200:])
    return cert, key


def is_ready(port, ca=None):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
            if ca is not None:
                s = ssl.create_default_context(cafile=ca).wrap_socket(s, server_hostname="127.0.0.1")
            s.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % port)
            return b" 200 " in s.recv(4096).split(b"\r\n")[0]
    except OSError:
        return False


class Run:
    """One run: three programs, one result."""

    def __init__(self, args, pins, spec, log_dir):
        self.args, self.pins, self.spec, self.log_dir = args, pins, spec, log_dir
        self.children = []
        self.ca = None  # of TLS towards the clients
        os.makedirs(log_dir, exist_ok=True)

    def program(self, name):
        return os.path.join(self.args.bin, name)

    def start(self, name, core, command):
        child = Child(name, self.pins.command(core, command), self.log_dir)
        self.children.append(child)
        return child

    def start_simulator(self, sim_dir):
        sim = self.start("sotto-sim", self.pins.bench, [
            self.program("sotto-sim"), "--dir", sim_dir, "--speech-port", "0", "--chat-port", "0", *self.args.sim_arg])
        ready = sim.wait_for(lambda: sim.said(r"ready speech=(\d+) chat=(\d+) ca=(\S+)"), "line that says ready")
        return sim, ready.groups()

    def start_server(self, speech, chat, ca):
        command = [self.program("sotto"), "--listen", "127.0.0.1:0", "--stt-target", "127.0.0.1:" + speech,
                   "--stt-plaintext", "--chat-url", "https://127.0.0.1:%s/v1" % chat, "--chat-ca", ca,
                   "--store-path", os.path.join(self.log_dir, "store.db"), *SERVER]
        if self.args.tls:
            self.ca, key = make_certificate(self.log_dir)
            command += ["--tls-cert", self.ca, "--tls-key", key]
        if self.spec["without"]:
            command += ["--without", self.spec["without"]]
        # What a server is used with: what is final is on the disk before it is sent.
        command += ["--store-path", os.path.join(os.path.dirname(ca), "store.db")]
        server = self.start("sotto", self.pins.server, command + self.args.server_arg)
        port = int(server.wait_for(lambda: server.said(r'msg="?ready"? .*?port=(\d+)'), "line that says ready")[1])
        server.wait_for(lambda: is_ready(port, self.ca), "warm connections (GET /readyz)")
        return server, port

    def measure(self, tick):
        """The result of sotto-bench; `tick()` is called about once a second while it runs."""
        with tempfile.TemporaryDirectory(prefix="sotto-bench-") as sim_dir:
            try:
                sim, upstream = self.start_simulator(sim_dir)
                server, port = self.start_server(*upstream)
                return self.load(server, port, sim, tick)
            finally:
                for child in reversed(self.children):
                    child.stop()
                for name in ("store.db", "store.db-wal", "store.db-shm"):  # megabytes nobody reads again
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(os.path.join(self.log_dir, name))

    def load(self, server, port, sim, tick):
        spec, args, pins = self.spec, self.args, self.pins
        path = os.path.join(self.log_dir, "result.json")
        command = [self.program("sotto-bench"), "run", "--port", port, "--sessions", spec["sessions"],
                   "--seconds", args.seconds, "--speaking", "%g" % spec["speaking"], "--ramp", args.ramp,
                   "--warmup", args.warmup, "--drain", args.drain, "--server-pid", server.process.pid,
                   "--sim-pid", sim.process.pid, "--json", path, "--label", spec["label"]]
        if args.teachers:
            command += ["--teachers", args.teachers, "--slow-teachers", args.slow_teachers]
        if self.ca is not None:
            command += ["--tls", "--ca", self.ca]
        if pins.server is not None:
            command += ["--server-cpu", pins.server, "--bench-cpu", pins.bench]
        bench = self.start("sotto-bench", pins.bench, [str(c) for c in command] + args.bench_arg)
        end = time.monotonic() + 2 * run_seconds(args) + 60
        while bench.process.poll() is None:
            if server.process.poll() is not None:
                raise Failed("sotto ended with status %d: %s" % (server.process.returncode, server.tail()))
            if time.monotonic() > end:
                raise Failed("sotto-bench does not end: " + bench.tail())
            tick()
            time.sleep(0.2)
        if bench.process.returncode not in (0, BENCH_VOID):
            raise Failed("sotto-bench ended with status %d: %s" % (bench.process.returncode, bench.tail()))
        with open(path, encoding="utf-8") as file:
            return json.load(file)


def run_seconds(args):
    """What one run takes, about: the drain ends early, starting and stopping take two seconds."""
    return args.ramp + args.warmup + args.seconds + min(args.drain, 3) + 2


def plan(args):
    """Every run to be made, in order."""
    specs = []
    for speaking in args.speaking:
        for sessions in args.sessions:
            specs.append({"kind": "sweep", "sessions": sessions, "speaking": speaking, "without": None})
    if args.without:
        fixed = {"kind": "ablation", "sessions": args.ablation_sessions, "speaking": args.speaking[0]}
        if args.ablation_sessions not in args.sessions:
            specs.append({**fixed, "without": None})
        specs += [{**fixed, "without": name} for name in args.without]
    for spec in specs:
        spec["label"] = "%d sessions, speaking %g%s" % (
            spec["sessions"], spec["speaking"], ", without " + spec["without"] if spec["without"] else "")
    return specs


class Bench:
    """The whole of it: makes the runs, tells how it goes, keeps what came."""

    def __init__(self, args):
        self.args = args
        self.pins = Pins()
        self.specs = plan(args)
        self.machine = report.machine(ROOT, self.pins)
        os.environ["SOTTO_COMMIT"] = self.machine["commit"]  # sotto-bench writes it into its result
        self.runs = []
        self.began = time.monotonic()
        self.paint = report.Paint(sys.stdout)
        self.done = 0  # runs, repeats included
        self.finished = 0  # of those that were planned

    def left(self, into_s=0):
        """Seconds left, by the pace so far; `into_s` of the present run have passed."""
        each = (time.monotonic() - self.began - into_s) / self.done if self.done else run_seconds(self.args)
        return max(0, (len(self.specs) * self.args.runs - self.finished) * each - into_s)

    def announce(self):
        args = self.args
        print("%d points, %s each of %d s: about %s. Results go to %s" % (
            len(self.specs), "%d run%s" % (args.runs, "s" if args.runs > 1 else ""), args.seconds,
            report.duration(self.left()), os.path.relpath(args.out)))
        if self.pins.why:
            print(self.paint.warn("Not pinned: " + self.pins.why + "."))
        else:
            print("Server on core %d, sotto-bench and sotto-sim on core %d." % (self.pins.server, self.pins.bench))
        print(report.LEGEND)

    def once(self, spec, attempt):
        began = time.monotonic()
        log_dir = os.path.join(self.args.out, "logs", re.sub(r"[^a-z0-9.]+", "-", spec["label"]) + "-%d" % attempt)

        def tick():
            into = time.monotonic() - began
            self.paint.progress("[%d/%d] %s: %d s of %d; %s left in all" % (
                len({r["label"] for r in self.runs} | {spec["label"]}), len(self.specs), spec["label"], into,
                run_seconds(self.args), report.duration(self.left(into))))

        run = {**spec, "attempt": attempt, "void": None, "error": None, "chosen": False, "figures": {}}
        driver = Run(self.args, self.pins, spec, log_dir)
        try:
            run["result"] = driver.measure(tick)
            run["void"] = run["result"].get("void")
            run["figures"] = figures.figures(run["result"])
        except (Failed, OSError, ValueError) as problem:
            run["error"] = str(problem)
        run["commands"] = {child.name: " ".join(child.command) for child in driver.children}
        self.done += 1
        self.paint.progress("")
        return run

    def point(self, spec):
        """Runs of one point: as many as asked for, void ones again."""
        args, good, void, runs = self.args, 0, 0, []
        while good < args.runs and void <= args.repeats:
            run = self.once(spec, len(runs) + 1)
            runs.append(run)
            self.runs.append(run)
            if run["error"]:
                break
            good, void = (good, void + 1) if run["void"] else (good + 1, void)
            print(report.row(run, self.paint), flush=True)
        best = min((r for r in runs if not r["error"] and (args.count_void or not r["void"])), default=None, key=rank)
        if best:
            best["chosen"] = True
        elif runs[-1]["error"]:
            print("%7d  %s" % (spec["sessions"], self.paint.bad(runs[-1]["error"])), flush=True)

    def all(self):
        self.announce()
        title = None
        for spec in self.specs:
            heading = ("Ablations at %d sessions" % spec["sessions"] if spec["kind"] == "ablation"
                       else "Speaking: %g %% of the sessions" % (spec["speaking"] * 100))
            if heading != title:
                title = heading
                print("\n" + self.paint.head(title) + "\n" + report.header(self.paint), flush=True)
                if spec["kind"] == "ablation":
                    self.repeat_baseline(spec)
            if spec["kind"] == "ablation":
                print("        " + ("without " + spec["without"] if spec["without"] else "everything on"), flush=True)
            self.point(spec)
            self.finished += self.args.runs
            self.save(complete=False)
            if not self.paint.live:
                print("        (%s left)" % report.duration(self.left()), flush=True)

    def repeat_baseline(self, spec):
        """The sweep has measured the baseline of the ablations: show it beside them."""
        run = figures.chosen(self.runs).get(("", spec["speaking"], spec["sessions"]))
        if run:
            print("        everything on\n" + report.row(run, self.paint), flush=True)

    def save(self, complete):
        report.write(self.args.out, {
            "format": "sotto-bench-1", "complete": complete, "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "seconds": round(time.monotonic() - self.began, 1), "machine": self.machine,
            "pinned": self.pins.server is not None, "why_not_pinned": self.pins.why,
            "options": {key: value for key, value in vars(self.args).items()
                        if key not in ("plots", "write_docs", "bin", "out", "no_plots")},
            "server_settings": SERVER + self.args.server_arg, "runs": self.runs})


def raise_descriptors():
    """Thousands of sockets a program: as many descriptors as we may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(argv):
    args = parse_arguments(argv)
    if args.plots:
        return report.draw(args.plots)
    if args.write_docs:
        return report.write_docs(ROOT, args.write_docs)
    for name in ("sotto", "sotto-sim", "sotto-bench"):
        if not os.access(os.path.join(args.bin, name), os.X_OK):
            print("bench/run.py: there is no program %s in %s; run: make build" % (name, args.bin), file=sys.stderr)
            return 2
    os.makedirs(args.out, exist_ok=True)
    raise_descriptors()
    bench = Bench(args)
    status = 0
    try:
        bench.all()
        status = 1 if any(run["error"] for run in bench.runs) else 0
    except KeyboardInterrupt:
        bench.paint.progress("")
        print("\nInterrupted: what was measured so far is kept.")
        status = 130
    bench.save(complete=status != 130)
    results = os.path.join(args.out, "results.json")
    print("\n%s, %s" % (os.path.relpath(results), os.path.relpath(os.path.join(args.out, "results.csv"))))
    if not args.no_plots and status != 130:
        status = report.draw(results) or status
    return status


def rank(run):
    """The best run of a point: everything delivered, then the smallest tail."""
    return (bool(run["void"]), -(run["figures"]["delivery"] or 0), run["figures"]["server_p99"] or 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # both stop in order
    sys.exit(main(sys.argv[1:]))
