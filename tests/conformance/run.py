#!/usr/bin/env python3
"""Runs the WebSocket conformance cases against sotto-test-echo, or any echo server, and prints what was found.

    tests/conformance/run.py                     all 301 cases
    tests/conformance/run.py --group 7 --case 2.10 --case '6.4.*'
    tests/conformance/run.py --url ws://127.0.0.1:9001/ --json found.json

Differences that are known, with their reasons, stand in differences.tsv. Exit status: 0 when there are no others, 1
when there are, 2 when it could not be run.
"""
import argparse
import collections
import concurrent.futures
import dataclasses
import fnmatch
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse

import case as cases_run
from case import FAILED, INFORMATIONAL, NON_STRICT, OK
from cases import COUNTS, GROUPS

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("SOTTO_BIN", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "bin"))
COLOURS = {OK: "32", NON_STRICT: "33", INFORMATIONAL: "36", FAILED: "31"}
JOBS = 16  # most cases wait


@dataclasses.dataclass
class Difference:
    """Of the cases that match: the verdicts allowed, and why. `+` before a verdict: it must come, OK would be news."""
    pattern: str
    verdicts: set
    closes: set
    must: bool
    why: str


def read_differences(path):
    found = []
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        if line.startswith("#") or not line.strip():
            continue
        fields = line.rstrip("\n").split("\t")
        if len(fields) != 4:
            raise SystemExit("%s:%d: four fields are needed: cases, verdicts, ends, why" % (path, number))
        patterns, verdicts, closes, why = fields
        for pattern in patterns.split(" "):
            found.append(Difference(pattern, set(verdicts.lstrip("+").split("|")), set(closes.lstrip("+").split("|")),
                                    "+" in verdicts[:1] + closes[:1], why))
    return found


def chosen(options):
    for group, make in GROUPS.items():
        if options.group and group not in options.group or options.case and not any(
                fnmatch.fnmatchcase(str(group), pattern.split(".")[0]) for pattern in options.case):
            continue
        made = list(make())
        assert len(made) == COUNTS[group], "group %d has %d cases" % (group, len(made))
        for one in made:
            if not options.case or any(fnmatch.fnmatchcase(one.name, pattern) for pattern in options.case):
                yield one


def judge(result, differences):
    """What is not in order with a result; None when all is. Sets result.known."""
    difference = next((d for d in differences if fnmatch.fnmatchcase(result.name, d.pattern)), None)
    plain = result.verdict in (OK, INFORMATIONAL) and result.close == OK
    result.known = difference.why if difference and not plain else ""
    if difference is None:
        return None if plain else "not among the known differences"
    if plain:
        return "a known difference is gone: take it out of differences.tsv" if difference.must else None
    if result.verdict in difference.verdicts | {OK, INFORMATIONAL} and result.close in difference.closes | {OK}:
        return None
    return "differs otherwise than is known"


class Echo:
    """sotto-test-echo on a port of its own."""

    def __init__(self):
        program = os.path.join(BIN, "sotto-test-echo")
        self.process = subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready port="):
            raise SystemExit("%s did not start" % program)
        self.url = "ws://127.0.0.1:%d/" % int(line.split("=")[1])

    def peak_kb(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)


def run_all(todo, target, jobs, tell):
    """Results in the order of the cases: the light ones beside each other, then the heavy ones, two at a time."""
    results = {}
    for heavy, at_once in ((False, jobs), (True, 2)):
        part = [one for one in todo if one.heavy == heavy]
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            for one, result in zip(part, pool.map(lambda one: cases_run.run(one, target), part)):
                results[one.name] = result
                tell(result)
    return [results[one.name] for one in todo]


def paint(text, verdict, width, colours):
    shown = "%-*s" % (width, text)
    return "\033[%sm%s\033[0m" % (COLOURS[verdict], shown) if colours else shown


def print_result(result, wrong, colours, verbose):
    if not (verbose or wrong or result.known):
        return
    close = "%s %s" % (result.close, "-" if result.code is None else result.code)
    ended = "%s%s" % (result.fin_first, "" if result.end_ms is None else " %d ms" % result.end_ms)
    print("%-8s %s %-16s %-16s %s" % (result.name, paint(result.verdict, result.verdict, 13, colours), close, ended,
                                      result.about))
    if wrong:
        print("         %s%s" % (paint("! ", FAILED, 2, colours), wrong + (": " + result.why if result.why else "")))


def print_known(results):
    """Each reason once."""
    reasons = collections.defaultdict(list)
    for result in results:
        if result.known:
            reasons[result.known].append(result.name)
    for why, names in reasons.items():
        print("\n%s:\n    %s" % (", ".join(names), why))


def print_summary(results, seconds, wrongs):
    columns = (OK, NON_STRICT, INFORMATIONAL, FAILED)
    print_known(results)
    print("\n%-6s %5s" % ("group", "cases") + "".join("%15s" % name for name in columns) + "   closed otherwise")
    groups = collections.defaultdict(list)
    for result in results:
        groups[int(result.name.split(".")[0])].append(result)
    for group, part in [*groups.items(), ("all", results)]:
        counts = collections.Counter(result.verdict for result in part)
        ends = collections.Counter(result.close for result in part if result.close != OK)
        print("%-6s %5d" % (group, len(part)) + "".join("%15s" % (counts[name] or "") for name in columns) +
              "   " + ", ".join("%d %s" % (n, name) for name, n in sorted(ends.items())))
    print("\n%d cases in %.1f s; %s" % (len(results), seconds, "every difference is a known one" if wrongs == 0 else
                                       "%d not as expected" % wrongs))


def options_of(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog="Exit status: 0 as expected, 1 not.")
    parser.add_argument("--url", help="an echo server; default: sotto-test-echo of SOTTO_BIN, or of build/bin")
    parser.add_argument("--protocol", default="sotto.v1", help="subprotocol to offer; empty: none (%(default)s)")
    parser.add_argument("--group", type=int, action="append", choices=sorted(GROUPS), help="only this group")
    parser.add_argument("--case", action="append", help="only these cases: 2.10, 6.4.*")
    parser.add_argument("--json", metavar="FILE", help="write every result there")
    parser.add_argument("--differences", metavar="FILE", default=os.path.join(HERE, "differences.tsv"),
                        help="the known ones; empty: there are none")
    parser.add_argument("--jobs", type=int, default=JOBS, help="cases at a time (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="show the cases that are as they should be, too")
    return parser.parse_args(argv)


def main(argv):
    options = options_of(argv)
    todo = list(chosen(options))
    if not todo:
        print("no case is named so", file=sys.stderr)
        return 2
    differences = read_differences(options.differences) if options.differences else []
    echo = None if options.url else Echo()
    url = urllib.parse.urlsplit(options.url or echo.url)
    target = (url.hostname, url.port or 80, url.path or "/", options.protocol)
    try:
        socket.create_connection(target[:2], timeout=10).close()
    except OSError as error:
        print("no server at %s: %s" % (options.url, error), file=sys.stderr)
        return 2
    colours, begun = sys.stdout.isatty(), time.monotonic()
    wrongs = {}

    def tell(result):
        wrong = judge(result, differences)
        if wrong:
            wrongs[result.name] = wrong
        print_result(result, wrong, colours, options.verbose)
    try:
        results = run_all(todo, target, options.jobs, tell)
        print_summary(results, time.monotonic() - begun, len(wrongs))
        if echo:
            print("sotto-test-echo: at most %d MB" % (echo.peak_kb() // 1024))
    finally:
        status = echo.stop() if echo else 0
    if status != 0:
        print("sotto-test-echo ended with %d" % status)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([{**dataclasses.asdict(result), "known": result.known, "wrong": wrongs.get(result.name)}
                       for result in results], file, indent=1)
    return 1 if wrongs or status != 0 else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(2)
