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
    parser.add_argument("--repeats", type=int, default=3, help="times a void run is repeated")
    parser.add_argument("--docs", action="store_true", help="draws into docs/benchmark/ as well")
    return parser.parse_args(argv)


def once(args, mode, attempt):
    name, stability, without = mode
    options = run.parse_arguments([
        "--bin", args.bin, "--seconds", str(args.seconds), "--ramp", "2", "--warmup", "8", "--drain", "4",
        "--sim-arg=--chat-waver", "--sim-arg=" + args.waver, "--bench-arg=--stability", "--bench-arg=" + stability])
    spec = {"sessions": args.sessions, "speaking": 1.0, "without": without, "label": name}
    log_dir = os.path.join(args.out, "logs", "%s-%d" % (name.split(":")[0], attempt))
    return run.Run(options, run.Pins(), spec, log_dir).measure(lambda: None)


def measure(args, mode):
    """Figures and why they are void, of the first run that is not, else of the last; and how many runs it took."""
    for attempt in range(1, args.repeats + 2):
        result = once(args, mode, attempt)
        if not result.get("void"):
            break
    return {"name": mode[0], "figures": run.figures.figures(result), "void": result.get("void"), "runs": attempt}


def draw(results, target):
    with tempfile.TemporaryDirectory(prefix="sotto-flicker-") as folder:
        data = report.data_file(folder, "flicker.dat", [
            [r["name"] + (" (void)" if r["void"] else ""), r["figures"]["word_p50"], r["figures"]["erasure"]]
            for r in results])
        return report.gnuplot("flicker.gp", {"data": data}, target)


def main(argv):
    args = parse_arguments(argv)
    os.makedirs(args.out, exist_ok=True)
    results = []
    print("| shown | " + " | ".join(name for name, _ in COLUMNS) + " |", flush=True)
    for mode in MODES:
        result = measure(args, mode)
        results.append(result)
        print("| %s | " % mode[0] + " | ".join(
            "-" if result["figures"][name] is None else form % result["figures"][name] for name, form in COLUMNS) +
              " |" + (" void after %d runs: %s" % (result["runs"], result["void"]) if result["void"] else ""), flush=True)
    with open(os.path.join(args.out, "results.json"), "w", encoding="utf-8") as file:
        json.dump({"options": vars(args), "machine": report.machine(run.ROOT, run.Pins()), "modes": results}, file, indent=1)
    void = [r["name"] for r in results if r["void"]]
    targets = [os.path.join(args.out, "flicker.svg")]
    if args.docs and void:
        print("bench/flicker.py: void, not drawn into docs/: " + ", ".join(void), file=sys.stderr)
    elif args.docs:
        targets.append(os.path.join(run.ROOT, "docs", "benchmark", "flicker.svg"))
    problems = [problem for problem in (draw(results, target) for target in targets) if problem]
    for problem in problems:
        print("bench/flicker.py: " + problem, file=sys.stderr)
    return 1 if problems or void else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
