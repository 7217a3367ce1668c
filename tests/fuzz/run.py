#!/usr/bin/python3
"""Runs fuzz targets for a while each and tells what came of it; deploy/fuzz.sh builds them before.

    tests/fuzz/run.py [--seconds 600] [--jobs 2] [--keep] BUILD [TARGET…]

A target goes on with the corpus it had (BUILD/corpus/TARGET) beside that of tests/fuzz/corpus. What breaks it stays in
BUILD/found. With --keep, inputs that reach code no input of tests/fuzz/corpus reaches are added there, as few as can be:
`make check` replays them. Exit status: 0, 1 when something was found, 2 when nothing could be run.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
INPUT_MAX = 4096  # bytes of an input
KEPT_MAX = 1024  # bytes of one that is kept
PROGRESS_S = 1 if sys.stdout.isatty() else 60
PULSE = re.compile(rb"^#(\d+)\s.*cov: (\d+) ft: (\d+) corp: (\d+)/", re.M)
WHAT = re.compile(rb"^(?:SUMMARY: .*|.*Assertion .* failed\.|==\d+== ERROR: .*)$", re.M)


class Target:
    """One program, in runs of some time each until it has had its share of CPU."""

    def __init__(self, name, args):
        self.name, self.args = name, args
        self.cpu_s, self.executions, self.found, self.pulse = 0.0, 0, [], None
        self.process = None
        self.corpus = os.path.join(args.build, "corpus", name)
        self.log = os.path.join(args.build, "log", name)
        os.makedirs(self.corpus, exist_ok=True)

    def command(self, *options):
        program = os.path.join(self.args.build, "bin", "fuzz_" + self.name)
        still = ["setarch", "-R"] if shutil.which("setarch") else []
        return ["nice", "-n", "19", *still, program, f"-max_len={INPUT_MAX}", "-timeout=20", *options]

    def start(self):
        left_s = max(1, round(self.args.seconds - self.cpu_s))
        found = os.path.join(self.args.build, "found", self.name + "-")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command(f"-max_total_time={left_s}", f"-artifact_prefix={found}", self.corpus,
                             os.path.join(HERE, "corpus", self.name)),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def look(self):
        """Reads how far the run is; True when the target has had its time, or has broken."""
        with open(self.log, "rb") as log:
            log.seek(max(0, os.path.getsize(self.log) - 65536))
            text = log.read()
        pulses = PULSE.findall(text)
        self.pulse = [int(value) for value in pulses[-1]] if pulses else self.pulse
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_s += usage.ru_utime + usage.ru_stime
        self.executions += self.pulse[0] if self.pulse else 0
        self.pulse = [0, *self.pulse[1:]] if self.pulse else None
        if self.process.returncode != 0:
            paths = re.findall(rb"Test unit written to (\S+)", text)
            what = WHAT.findall(text)
            self.found = [(what[0] if what else text[-200:]).decode("utf-8", "replace").strip(),
                          paths[-1].decode() if paths else None]
        return bool(self.found) or self.cpu_s >= self.args.seconds - 1

    def stop(self):
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            self.process.wait()

    def row(self):
        now = self.pulse or [0, 0, 0, 0]
        end = "FOUND" if self.found else "ok"
        return (f"{self.name:22} {self.cpu_s / 60:8.1f} {self.executions + now[0]:14,} {now[1]:9,} {now[2]:9,} "
                f"{now[3]:7,}  {end}")

    def keep(self):
        """Copies to tests/fuzz/corpus what reaches code that nothing there reaches."""
        subprocess.run(self.command("-set_cover_merge=1", "-use_counters=0", f"-max_len={KEPT_MAX}",
                                    os.path.join(HERE, "corpus", self.name), self.corpus),
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def targets_of(args):
    programs = sorted(os.listdir(os.path.join(args.build, "bin")))
    names = [name[5:] for name in programs if name.startswith("fuzz_")]
    wanted = [name.removeprefix("fuzz_") for name in args.targets] or names
    unknown = sorted(set(wanted) - set(names))
    if unknown or not names:
        sys.exit(f"make fuzz: no target {', '.join(unknown)}; there are: {', '.join(names)}")
    return [Target(name, args) for name in wanted]


def progress(running, waiting, done):
    parts = [f"{t.name} {t.executions + (t.pulse or [0])[0]:,} runs, {(t.pulse or [0, 0])[1]:,} edges" for t in running]
    line = f"{len(done)} done, {len(waiting)} to come; " + "; ".join(parts)
    if sys.stdout.isatty():
        print("\r\033[K" + line[:shutil.get_terminal_size().columns - 1], end="", flush=True)
    else:
        print(line, flush=True)


def run(targets, jobs):
    waiting, running, done, told_s = list(targets), [], [], time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(waiting.pop(0))
                running[-1].start()
            time.sleep(0.2)
            for target in list(running):
                ended = target.look()
                if ended:
                    running.remove(target)
                    done.append(target)
                elif target.process.returncode is not None:
                    target.start()
            if time.monotonic() >= told_s + PROGRESS_S:
                told_s = time.monotonic()
                progress(running, waiting, done)
    except KeyboardInterrupt:
        done += running
    finally:
        for target in running:
            target.stop()
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    return done


def report(done):
    print(f"{'target':22} {'CPU min':>8} {'runs':>14} {'edges':>9} {'features':>9} {'inputs':>7}")
    for target in sorted(done, key=lambda t: t.name):
        print(target.row())
    for target in done:
        if target.found:
            what, path = target.found
            print(f"\n{target.name}: {what}\n  its log:  {target.log}")
            if path is not None:
                program = os.path.join(target.args.build, "bin", "fuzz_" + target.name)
                print(f"  kept as:  {path}\n  again:    {program} {path}\n"
                      f"  smaller:  {program} -minimize_crash=1 -max_total_time=60 {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="CPU time of each target (600)")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time (2)")
    parser.add_argument("--keep", action="store_true", help="add what is new to tests/fuzz/corpus")
    parser.add_argument("build", help="folder with bin/fuzz_…")
    parser.add_argument("targets", nargs="*", help="pool_sse …; without: all")
    args = parser.parse_args()
    targets = targets_of(args)
    for folder in "found", "log":
        os.makedirs(os.path.join(args.build, folder), exist_ok=True)
    done = run(targets, args.jobs)
    for target in done if args.keep else []:
        if not target.found:
            target.keep()
    report(done)
    return 1 if any(target.found for target in done) else 0


if __name__ == "__main__":
    sys.exit(main())
