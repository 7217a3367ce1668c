#!/usr/bin/env python3
"""Measures how much partial translations flicker and how late their words stand, for each stability and for naive
re-translation; `bench/flicker.py --docs` draws docs/benchmark/flicker.svg. docs/translation.md tells how to read it.
"""
import argparse
import json
import os
import sys
import tempfile

import report
import run

# name, stability of the sessions, part of the server switched off
MODES = [("high", "high", None), ("medium", "medium", None), ("low", "low", None),
         ("naive: every revision anew", "low", "coalescing")]
COLUMNS = [("erasure", "%.3f"), ("word_p50", "%.0f"), ("word_p90", "%.0f"), ("gap_p50", "%.0f"), ("gap_p99", "%.0f"),
           ("requests_minute", "%.1f"), ("tokens_minute", "%.0f")]


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="bench/flicker.py", description=__doc__.split(";")[0] + ".")
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=60, help="the measured window")
    parser.add_argument("--waver", default="0.3", help="share of a cut text's last words that the model guesses wrong")
    parser.add_argument("--bin", default=os.path.join(run.ROOT, "build", "bin"), help="where the programs are")
    parser.add_argument("--out", default=os.path.join(run.ROOT, "build", "bench", "flicker"))
    parser.add_argument("--docs", action="store_true", help="draws into docs/benchmark/ as well")
    return parser.parse_args(argv)


def measure(args, mode):
    name, stability, without = mode
    options = run.parse_arguments([
        "--bin", args.bin, "--seconds", str(args.seconds), "--ramp", "2", "--warmup", "8", "--drain", "4",
        "--sim-arg=--chat-waver", "--sim-arg=" + args.waver, "--bench-arg=--stability", "--bench-arg=" + stability])
    spec = {"sessions": args.sessions, "speaking": 1.0, "without": without, "label": name}
    driver = run.Run(options, run.Pins(), spec, os.path.join(args.out, "logs", name.split(":")[0]))
    return run.figures.figures(driver.measure(lambda: None))


def draw(results, target):
    with tempfile.TemporaryDirectory(prefix="sotto-flicker-") as folder:
        data = report.data_file(folder, "flicker.dat", [[name, f["word_p50"], f["erasure"]] for name, f in results])
        return report.gnuplot("flicker.gp", {"data": data}, target)


def main(argv):
    args = parse_arguments(argv)
    os.makedirs(args.out, exist_ok=True)
    results = []
    print("| shown | " + " | ".join(name for name, _ in COLUMNS) + " |", flush=True)
    for mode in MODES:
        figures = measure(args, mode)
        results.append((mode[0], figures))
        print("| %s | " % mode[0] + " | ".join(
            "-" if figures[name] is None else form % figures[name] for name, form in COLUMNS) + " |", flush=True)
    with open(os.path.join(args.out, "results.json"), "w", encoding="utf-8") as file:
        json.dump({"options": vars(args), "machine": report.machine(run.ROOT, run.Pins()), "modes": results}, file, indent=1)
    targets = [os.path.join(args.out, "flicker.svg")]
    if args.docs:
        targets.append(os.path.join(run.ROOT, "docs", "benchmark", "flicker.svg"))
    problems = [problem for problem in (draw(results, target) for target in targets) if problem]
    for problem in problems:
        print("bench/flicker.py: " + problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
