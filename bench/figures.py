"""The figures of a run: what tables, plots and comparisons show, taken out of the JSON that sotto-bench writes.

This is the only place that knows that JSON's keys. A figure that the run could not measure is None.
"""
import math

# name, unit, what it is; the order is the order of columns in results.csv.
FIGURES = [
    ("delivery", "%", "finals that came, of those owed"),
    ("transcript_p50", "ms", "audio sent to final transcript, median"),
    ("transcript_p99", "ms", "audio sent to final transcript, 99 %"),
    ("partial_p50", "ms", "audio sent to partial transcript, median"),
    ("partial_p99", "ms", "audio sent to partial transcript, 99 %"),
    ("translation_p50", "ms", "audio sent to final translation, median"),
    ("translation_p99", "ms", "audio sent to final translation, 99 %"),
    ("server_p50", "ms", "the server's own part, median, of the worst kind of message"),
    ("server_p99", "ms", "the server's own part, 99 %, of the worst kind of message"),
    ("server_p999", "ms", "the server's own part, 99.9 %, of the worst kind of message"),
    ("handover_p99", "ms", "audio received to handed to the speech stream, 99 %"),
    ("started_p99", "ms", "session.start to session.started, 99 %"),
    ("lag_p999", "ms", "loop lag, 99.9 %"),
    ("cpu_percent", "%", "of one core, the server"),
    ("cpu_ms", "ms", "the server's CPU time a session and second"),
    ("rss_mb", "MB", "the server's resident memory, peak"),
    ("memory_session_kb", "KB", "the server's resident memory a session, less the idle server's"),
    ("rss_session_kb", "KB", "the server's resident memory a session at the end of the window, less the idle server's "
     "and audio still kept"),
    ("rss_session_peak_kb", "KB", "the same at the window's worst moment"),
    ("lost", "", "words said and in no final transcript"),
    ("repeated", "", "words in final transcripts twice"),
    ("requests_minute", "", "chat requests a session and minute"),
    ("finals_minute", "", "of the requests, final translations and corrections"),
    ("tokens_minute", "", "chat tokens a session and minute, question and answer"),
    ("handshakes_late", "", "requests that waited for a TLS handshake"),
    ("loop_busy", "%", "busiest loop, of the window"),
    ("bench_busy", "%", "the core of bench and simulator"),
    ("stolen", "%", "CPU time the hypervisor took, worst core"),
    ("bytes_in", "B/s", "received from a session"),
    ("bytes_out", "B/s", "sent to a session"),
    ("descriptors", "", "of the server, peak"),
    ("jain", "", "fairness of finals over sessions, 1 is even"),
    ("gap_p50", "ms", "translation shown to the next one of its segment, median"),
    ("gap_p99", "ms", "translation shown to the next one of its segment, 99 %"),
    ("word_p50", "ms", "audio of a word sent to its translation shown for good, median"),
    ("word_p90", "ms", "audio of a word sent to its translation shown for good, 90 %"),
    ("erasure", "", "words of partial translations taken back, a word of the final"),
    ("teachers", "", "that watched; slow ones included"),
    ("teacher_deltas", "1/s", "deltas to a teacher that reads"),
    ("teacher_mb", "MB/s", "deltas to all of these"),
    ("teacher_stale_p50", "ms", "a text shown to its learner to a teacher seeing it or a newer one, median"),
    ("teacher_stale_p99", "ms", "the same, 99 %"),
    ("teacher_missing", "", "finals, texts and sessions that teachers should have seen and did not"),
    ("teacher_foreign", "", "what teachers saw of another class"),
    ("teacher_closed", "", "teachers that the server threw out, slow ones not counted"),
]
NAMES = [name for name, _, _ in FIGURES]
LEDGER_KINDS = ("transcript_partial", "transcript_final", "translation_partial", "translation_final", "grammar_final")


def at(tree, *path):
    """The value at a path of keys, or None."""
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return None
        tree = tree[key]
    return tree


def scaled(value, factor):
    return None if value is None else value * factor


def worst_server(result, quantile):
    values = [at(result, "latency", kind, "server", quantile) for kind in LEDGER_KINDS]
    return max((v for v in values if v is not None), default=None)


def cut(ratio):
    """Percent, cut and not rounded: 100.00 means all."""
    return None if ratio is None else math.floor(ratio * 10000) / 100


def share(part, whole, factor=1.0):
    return part / whole * factor if part is not None and whole else None


def figures(result):
    """All figures of one result, by name."""
    def total(kind, quantile):
        return at(result, "latency", kind, "total", quantile)

    sessions = at(result, "config", "sessions") or 0
    silent = at(result, "config", "silent") or 0
    held = sessions + silent
    seconds = at(result, "load", "seconds")
    probe = result.get("probe") or {}
    cpu_s = at(probe, "server", "cpu_s")
    rss = at(probe, "server", "rss_peak_bytes")
    own_rss = {moment: at(probe, "own_rss_%s_bytes" % moment) or rss for moment in ("end", "peak")}
    idle_rss = at(probe, "server", "rss_idle_bytes") or 0
    # Audio flows all the time, speech or not, so what was sent is the clock of what was received.
    bytes_in = share((at(result, "config", "rate") or 0) * 2 * sessions, held)
    received = share(at(result, "load", "bytes_received"), at(result, "load", "bytes_sent"))
    kinds = at(result, "delivery", "kinds") or {}
    finals = sum(at(kinds, kind, "owed") or 0 for kind in ("translation_final", "grammar_final"))
    tokens = [at(probe, "tokens_in"), at(probe, "tokens_out")]
    stolen = [v for v in (at(probe, "server_stolen"), at(probe, "bench_stolen")) if v is not None]
    window = at(probe, "seconds") or seconds
    session_minutes = sessions * (window or 0) / 60
    return {
        "delivery": cut(at(result, "delivery", "ratio")),
        "transcript_p50": total("transcript_final", "p50"),
        "transcript_p99": total("transcript_final", "p99"),
        "partial_p50": total("transcript_partial", "p50"),
        "partial_p99": total("transcript_partial", "p99"),
        "translation_p50": total("translation_final", "p50"),
        "translation_p99": total("translation_final", "p99"),
        "server_p50": worst_server(result, "p50"),
        "server_p99": worst_server(result, "p99"),
        "server_p999": worst_server(result, "p999"),
        "handover_p99": at(probe, "handover", "p99"),
        "started_p99": total("started", "p99"),
        "lag_p999": at(probe, "loop_lag", "p999"),
        "cpu_percent": share(cpu_s, window, 100),
        "cpu_ms": share(share(cpu_s, window, 1000), held),
        "rss_mb": scaled(rss, 1 / 1e6),
        "memory_session_kb": None if rss is None else share(max(0, rss - idle_rss), held, 1 / 1e3),
        "rss_session_kb": None if rss is None else share(max(0, own_rss["end"] - idle_rss), held, 1 / 1e3),
        "rss_session_peak_kb": None if rss is None else share(max(0, own_rss["peak"] - idle_rss), held, 1 / 1e3),
        "lost": at(result, "words", "lost"),
        "repeated": at(result, "words", "repeated"),
        "requests_minute": share(at(probe, "requests"), session_minutes),
        "finals_minute": share(finals, session_minutes),
        "tokens_minute": share(None if None in tokens else sum(tokens), session_minutes),
        "handshakes_late": at(probe, "handshakes_late"),
        "loop_busy": scaled(at(probe, "loop_busy"), 100),
        "bench_busy": scaled(at(probe, "bench_core_busy"), 100),
        "stolen": scaled(max(stolen, default=None), 100),
        "bytes_in": bytes_in,
        "bytes_out": None if None in (received, bytes_in) else received * bytes_in,
        "descriptors": at(probe, "server", "descriptors_peak"),
        "jain": at(result, "jain"),
        "gap_p50": total("translation_gap", "p50"),
        "gap_p99": total("translation_gap", "p99"),
        "word_p50": total("translated_word", "p50"),
        "word_p90": total("translated_word", "p90"),
        "erasure": at(result, "erasure", "translation"),
        **teachers(at(result, "teachers") or {}),
    }


def teachers(seen):
    missing = [at(seen, name) for name in ("finals_missing", "unseen", "missing")]
    return {
        "teachers": at(seen, "count"),
        "teacher_deltas": at(seen, "deltas_second"),
        "teacher_mb": scaled(at(seen, "bytes_second"), 1 / 1e6),
        "teacher_stale_p50": at(seen, "stale", "p50"),
        "teacher_stale_p99": at(seen, "stale", "p99"),
        "teacher_missing": None if None in missing else sum(missing),
        "teacher_foreign": at(seen, "foreign"),
        "teacher_closed": at(seen, "closed"),
    }


def point(run):
    """What must be equal for two runs to be comparable."""
    return (run.get("without") or "", run["speaking"], run["sessions"])


def chosen(runs, void=True):
    """The runs that count, one a point. `void`: those, too, that run.py was told to count although they are void."""
    return {point(run): run for run in runs if run.get("chosen") and (void or not run.get("void"))}
