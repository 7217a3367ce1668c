"""What is shown and written of runs: table rows, results.json, results.csv, plots, and the tables in docs/benchmark.md."""
import csv
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap

import figures

HERE = os.path.dirname(os.path.abspath(__file__))
LATENCY_BOUND_MS = 20  # of the server's own part, p99
# Column, width, format. "lost" also shows what was repeated.
COLUMNS = [
    ("sessions", 8, None), ("deliv %", 8, ("delivery", "%.2f")),
    ("text p50", 9, ("transcript_p50", "%.0f")), ("p99", 7, ("transcript_p99", "%.0f")),
    ("transl p50", 11, ("translation_p50", "%.0f")), ("p99", 7, ("translation_p99", "%.0f")),
    ("server p50", 11, ("server_p50", "%.2f")), ("p99", 7, ("server_p99", "%.2f")), ("p99.9", 8, ("server_p999", "%.2f")),
    ("hand p99", 9, ("handover_p99", "%.2f")), ("start p99", 10, ("started_p99", "%.1f")),
    ("lag p99.9", 10, ("lag_p999", "%.2f")), ("CPU %", 7, ("cpu_percent", "%.1f")),
    ("ms/sess", 8, ("cpu_ms", "%.3f")), ("RSS MB", 7, ("rss_mb", "%.1f")), ("KB/sess", 8, ("rss_session_kb", "%.0f")),
    ("lost/rep", 9, None),
]
LEGEND = ("Times in ms. text, transl: audio sent to final transcript and translation; server: its own part, worst kind of "
          "message;\nhand: audio handed to the speech stream; start: session.start to started; lag: of the loops; ms/sess: CPU "
          "time a session\nand second; KB/sess: memory a session, less the idle server's; lost/rep: words. "
          "docs/benchmark.md has the rest.")


class Paint:
    """Colours and a progress line, on a terminal only."""

    def __init__(self, out):
        self.out = out
        self.live = out.isatty() and os.environ.get("TERM") not in (None, "dumb")
        self.colour = self.live and "NO_COLOR" not in os.environ

    def code(self, code, text):
        return "\033[%sm%s\033[0m" % (code, text) if self.colour else text

    def head(self, text):
        return self.code("1", text)

    def good(self, text):
        return self.code("32", text)

    def warn(self, text):
        return self.code("33", text)

    def bad(self, text):
        return self.code("31", text)

    def progress(self, text):
        if self.live:
            columns = shutil.get_terminal_size().columns
            self.out.write("\r\033[K" + text[:columns - 1])
            self.out.flush()


def duration(seconds):
    seconds = int(seconds)
    if seconds < 90:
        return "%d s" % seconds
    if seconds < 5400:
        return "%d min" % round(seconds / 60)
    return "%d h %d min" % (seconds // 3600, seconds % 3600 // 60)


def header(paint):
    return paint.head("".join(name.rjust(width) for name, width, _ in COLUMNS))


def shown(values, name, form):
    value = values.get(name)
    if value is None:
        return "–"
    return ("%.0f" if value >= 1000 else form) % value


def cells(run):
    """A row's texts, one a column."""
    values = run["figures"]
    first = str(run["sessions"])
    last = "%s/%s" % (shown(values, "lost", "%d"), shown(values, "repeated", "%d"))
    return [first] + [shown(values, *column) for _, _, column in COLUMNS[1:-1]] + [last]


def teachers_line(values, paint):
    """Beneath a row, what teachers saw; nothing without any."""
    if not values.get("teachers"):
        return ""
    faults = ["%s %s" % (words, shown(values, name, "%d")) for name, words in (
        ("teacher_missing", "not seen"), ("teacher_foreign", "of another class"), ("teacher_closed", "closed"))]
    good = not any(values.get(name) for name in ("teacher_missing", "teacher_foreign", "teacher_closed"))
    return "\n" + " " * 8 + "  %d teachers: %s deltas a second each, %s MB/s in all; a text is seen p50 %s, p99 %s ms after its learner; %s" % (
        values["teachers"], shown(values, "teacher_deltas", "%.1f"), shown(values, "teacher_mb", "%.2f"),
        shown(values, "teacher_stale_p50", "%.0f"), shown(values, "teacher_stale_p99", "%.0f"),
        (paint.good if good else paint.bad)(", ".join(faults)))


def row(run, paint):
    texts = [text.rjust(width) for text, (_, width, _) in zip(cells(run), COLUMNS)]
    values = run["figures"]
    if run["void"]:
        return paint.warn("".join(texts) + "  void: " + run["void"]) + teachers_line(values, paint)
    if values["delivery"] is not None:
        texts[1] = (paint.good if values["delivery"] >= 99.995 else paint.bad)(texts[1])
    if values["server_p99"] is not None:
        texts[7] = (paint.good if values["server_p99"] <= LATENCY_BOUND_MS else paint.bad)(texts[7])
    return "".join(texts) + teachers_line(values, paint)


def first_line(path, default=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return default


def output(*command, cwd=None):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, cwd=cwd, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def cpuinfo(key):
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return ""


SPIN = "import time\nt = time.perf_counter()\nfor i in range(6000000): pass\nprint(time.perf_counter() - t)"


def slowdown(core, neighbour):
    """How much longer a loop takes on `core` while `neighbour` is busy: 1.0 for cores of their own, up to 2 for two
    threads of one. None where it cannot be told."""
    if core is None or neighbour is None:
        return None
    command = ["taskset", "-c", str(core), sys.executable, "-c", SPIN]
    alone = min(float(output(*command) or "nan") for _ in range(3))
    busy = subprocess.Popen(["taskset", "-c", str(neighbour), sys.executable, "-c", "while True: pass"])
    try:
        together = min(float(output(*command) or "nan") for _ in range(3))
    finally:
        busy.kill()
        busy.wait()
    return round(together / alone, 2) if alone > 0 else None


STALLS = """
import time
begin = last = time.perf_counter()
gaps = []
while last - begin < 5:
    now = time.perf_counter()
    if now - last > 1e-4: gaps.append(now - last)
    last = now
low, high = 0.0, 1.0
for i in range(30):
    wait = (low + high) / 2
    late = sum(max(0, gap - wait) for gap in gaps) / (last - begin)
    low, high = (wait, high) if late > 0.001 else (low, wait)
print(high * 1000)
"""


def stalls(core):
    """Milliseconds by which the machine itself delays one event in a thousand on an idle core: a loop that does nothing
    but look at the clock finds the gaps in which it did not run. No server can have a smaller lag."""
    return round(float(output("taskset", "-c", str(core), sys.executable, "-c", STALLS) or "nan"), 2) if core is not None else None


def machine(root, pins):
    """Facts without which figures mean little."""
    commit = output("git", "rev-parse", "--short=12", "HEAD", cwd=root)
    changed = output("git", "status", "--porcelain", "--untracked-files=no", cwd=root)
    memory = first_line("/proc/meminfo").split()
    return {
        "commit": commit + ("+changes" if changed else ""),
        "kernel": " ".join(os.uname()[i] for i in (0, 2, 4)),
        "cpu": cpuinfo("model name"),
        "cores": len(os.sched_getaffinity(0)),
        "virtual": "hypervisor" in cpuinfo("flags").split(),
        "memory_mb": int(memory[1]) // 1024 if len(memory) > 1 else None,
        "governor": first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "not shown"),
        "mitigations": {os.path.basename(path): first_line(path)
                        for path in sorted(glob.glob("/sys/devices/system/cpu/vulnerabilities/*"))},
        "compiler": output("gcc", "--version").split("\n")[0],
        "load": first_line("/proc/loadavg"),
        "congestion": first_line("/proc/sys/net/ipv4/tcp_congestion_control"),
        "slowdown": slowdown(pins.server, pins.bench),
        "stalls_ms": stalls(pins.server),
    }


def write(out_dir, results):
    """results.json and results.csv; written beside and renamed, so that neither is ever half."""
    def replace(name, fill):
        path = os.path.join(out_dir, name)
        with open(path + ".new", "w", encoding="utf-8", newline="") as file:
            fill(file)
        os.replace(path + ".new", path)

    def fill_csv(file):
        table = csv.writer(file)
        table.writerow(["kind", "without", "speaking", "sessions", "attempt", "chosen", "void", "error", *figures.NAMES])
        for run in results["runs"]:
            table.writerow([run["kind"], run["without"] or "", run["speaking"], run["sessions"], run["attempt"],
                            int(run["chosen"]), run["void"] or "", run["error"] or "",
                            *[run["figures"].get(name, "") for name in figures.NAMES]])

    replace("results.json", lambda file: json.dump(results, file, indent=1))
    replace("results.csv", fill_csv)


def read(path):
    with open(path, encoding="utf-8") as file:
        results = json.load(file)
    if results.get("format") != "sotto-bench-1":
        raise ValueError("%s holds no results of make bench" % path)
    return results


# -- plots --

def data_file(folder, name, rows):
    """Columns for gnuplot; a figure that was not measured is NaN."""
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        for fields in rows:
            file.write(" ".join("NaN" if f is None else '"%s"' % f if isinstance(f, str) else "%.6g" % f
                                for f in fields) + "\n")
    return path


def series(results, speaking):
    """The sweep at one share of speaking: figures by number of sessions."""
    best = figures.chosen(results["runs"])
    return [(sessions, best[key]["figures"]) for key in sorted(best)
            for without, share, sessions in [key] if not without and share == speaking
            and best[key]["kind"] == "sweep"]


def shares(results):
    return sorted({run["speaking"] for run in results["runs"] if run["kind"] == "sweep"}, reverse=True)


def ablations(results):
    """(name, figures) of the baseline and of each ablation beside it."""
    best = figures.chosen(results["runs"])
    found = [key for key in best if key[0]]
    if not found:
        return 0, []
    _, speaking, sessions = found[0]
    base = best.get(("", speaking, sessions))
    rows = [("everything on", base["figures"])] if base else []
    return sessions, rows + [("without " + key[0], best[key]["figures"]) for key in found]


def plot_jobs(results, folder):
    """(template, output name, gnuplot variables) of everything there is data for."""
    jobs = []
    paths = {}
    # A point at which no utterance ended has no latencies to draw.
    swept = {share: [(n, f) for n, f in series(results, share) if f["server_p99"] is not None]
             for share in shares(results)}
    numbers = [n for points in swept.values() for n, _ in points]
    ends = {"x_min": min(numbers, default=1), "x_max": max(numbers, default=1)}
    for share, points in swept.items():
        if points:
            percent = "%d" % round(share * 100)
            paths[percent] = data_file(folder, "sweep-%s.dat" % percent, [
                [n] + [f[name] for name in figures.NAMES] for n, f in points])
            jobs.append(("latency.gp", "latency-" + percent, {"data": paths[percent], "speaking": percent, **ends}))
    if paths:
        both = {"shares": " ".join(paths), "files": " ".join(paths.values()), **ends}
        jobs += [("cost.gp", "cost", both), ("upstream.gp", "upstream", both)]
    sessions, rows = ablations(results)
    if len(rows) > 1:
        path = data_file(folder, "ablations.dat", [[name] + [f[n] for n in figures.NAMES] for name, f in rows])
        jobs.append(("ablations.gp", "ablations", {"data": path, "sessions": sessions, "rows": len(rows)}))
    return jobs


def columns():
    """gnuplot variables that name the columns: c_server_p99 and so on; the first column is the point."""
    return "; ".join("c_%s=%d" % (name, i + 2) for i, name in enumerate(figures.NAMES))


def gnuplot(template, values, target):
    """Draws one picture; the ending of `target` says what kind. Returns what went wrong, or nothing."""
    values = {**values, "target": target, "kind": target.rsplit(".", 1)[1],
              "common": os.path.join(HERE, "plots", "common.gp")}
    # A JSON string is a gnuplot string.
    settings = "; ".join("%s=%s" % (name, json.dumps(value, ensure_ascii=False)) for name, value in values.items())
    made = subprocess.run(["gnuplot", "-e", columns() + "; " + settings, os.path.join(HERE, "plots", template)],
                          capture_output=True, text=True, timeout=60, check=False)
    return "" if made.returncode == 0 and os.path.exists(target) else made.stderr.strip() or "nothing was drawn"


def draw(path):
    """Plots of a results.json, SVG and PNG, beside it. Returns the exit status."""
    if not shutil.which("gnuplot"):
        print("No plots: gnuplot is missing (package gnuplot-nox; deploy/deps.sh bench).")
        return 0
    results = read(path)
    out_dir = os.path.dirname(os.path.abspath(path))
    status = 0
    with tempfile.TemporaryDirectory(prefix="sotto-plots-") as folder:
        for template, name, values in plot_jobs(results, folder):
            for kind in ("svg", "png"):
                target = os.path.join(out_dir, "%s.%s" % (name, kind))
                problem = gnuplot(template, values, target)
                if problem:
                    print("bench: %s: %s" % (target, problem), file=sys.stderr)
                    status = 1
                elif kind == "png":
                    print(os.path.relpath(target))
    return status


# -- docs/benchmark.md --

DOC_COLUMNS = [
    ("sessions", None, None), ("delivery %", "delivery", "%.2f"), ("text p50", "transcript_p50", "%.0f"),
    ("text p99", "transcript_p99", "%.0f"), ("translation p50", "translation_p50", "%.0f"),
    ("translation p99", "translation_p99", "%.0f"), ("server p50", "server_p50", "%.2f"),
    ("server p99", "server_p99", "%.2f"), ("server p99.9", "server_p999", "%.2f"), ("handover p99", "handover_p99", "%.2f"),
    ("started p99", "started_p99", "%.1f"), ("lag p99.9", "lag_p999", "%.2f"), ("CPU %", "cpu_percent", "%.1f"),
    ("CPU ms a session-s", "cpu_ms", "%.3f"), ("RSS MB", "rss_mb", "%.1f"), ("RSS KB a session", "rss_session_kb", "%.0f"),
]


def doc_table(first, rows):
    names = [first] + [name for name, _, _ in DOC_COLUMNS[1:]]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for label, values in rows:
        lines.append("| " + " | ".join([label] + [shown(values, name, form) for _, name, form in DOC_COLUMNS[1:]]) + " |")
    return lines


def doc_section(results, pictures):
    facts = results["machine"]
    void = sum(1 for run in results["runs"] if run["void"])
    steal = max((run["figures"].get("stolen") or 0 for run in results["runs"] if run["chosen"]), default=0)
    mitigated = [name for name, text in facts["mitigations"].items() if text.startswith("Mitigation")]
    lines = textwrap.wrap(
        "Commit %s, %s; %s, %d cores%s, %s MB; %s. Mitigations on for: %s. %s. Windows of %d s, %s; %d void runs; at most "
        "%.1f %% of a core stolen in the runs shown." % (
            facts["commit"], results["date"][:10], facts["cpu"] or "unknown CPU", facts["cores"],
            " of a virtual machine" if facts["virtual"] else "", facts["memory_mb"], facts["kernel"],
            ", ".join(mitigated) or "nothing", "Pinned" if results["pinned"] else "Not pinned: " + results["why_not_pinned"],
            results["options"]["seconds"], "best of %d" % results["options"]["runs"], void, steal), 120) + [""]
    if facts.get("slowdown"):
        lines += textwrap.wrap(
            "A loop on the server's core takes %.2f times as long while the other core is busy (1.0: cores of their own, 2: "
            "threads of one): what bench and simulator take, the server has not. TCP congestion control: %s." % (
                facts["slowdown"], facts["congestion"]), 120) + [""]
    if facts.get("stalls_ms") is not None:
        lines += textwrap.wrap(
            "Before the runs the machine itself, idle, kept one event in a thousand waiting for %.2f ms: what of the loop's "
            "lag p99.9 is not the server's." % facts["stalls_ms"], 120) + [""]
    for share in shares(results):
        lines += ["### %d %% of the sessions speaking" % round(share * 100), ""]
        lines += doc_table("sessions", [(str(n), values) for n, values in series(results, share)]) + [""]
        lines += ["![latency against sessions](%s)" % name for name in pictures if "latency-%d." % round(share * 100) in name]
        lines.append("")
    sessions, rows = ablations(results)
    if len(rows) > 1:
        lines += ["### With parts switched off, %d sessions" % sessions, ""] + doc_table("", rows) + [""]
    rest = [name for name in pictures if "latency-" not in name]
    return "\n".join(lines + ["![%s](%s)\n" % (os.path.basename(name).split(".")[0], name) for name in rest])


def write_docs(root, path):
    """Fills the part of docs/benchmark.md between its markers, and copies the pictures there."""
    results = read(path)
    if any(run["chosen"] and run["void"] for run in results["runs"]):
        print("%s was made with --count-void: void runs do not go into documents" % path, file=sys.stderr)
        return 1
    source = os.path.dirname(os.path.abspath(path))
    folder = os.path.join(root, "docs", "benchmark")
    os.makedirs(folder, exist_ok=True)
    pictures = []
    for name in sorted(glob.glob("*.svg", root_dir=source)):
        shutil.copy(os.path.join(source, name), folder)
        pictures.append("benchmark/" + name)
    page = os.path.join(root, "docs", "benchmark.md")
    with open(page, encoding="utf-8") as file:
        text = file.read()
    begin, end = "<!-- results:begin -->\n", "<!-- results:end -->"
    if begin not in text or end not in text:
        print("%s lacks the markers %s and %s" % (page, begin.strip(), end), file=sys.stderr)
        return 1
    head, tail = text.split(begin)[0], text.split(end, 1)[1]
    with open(page, "w", encoding="utf-8") as file:
        file.write(head + begin + doc_section(results, pictures) + "\n" + end + tail)
    print("docs/benchmark.md and %d pictures written" % len(pictures))
    return 0
