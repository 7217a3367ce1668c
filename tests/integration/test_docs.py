"""The documents say what the programs do: tables, names, commands and links are compared with the sources.

`test_docs.py --write` writes the generated tables anew.
"""
import glob
import os
import re
import subprocess
import sys
import unittest

import kit

CONFIGURATION, LIMITS, ARCHITECTURE = "docs/configuration.md", "docs/limits.md", "ARCHITECTURE.md"
# What the overview shows of docs/limits.md.
CHIEF_LIMITS = """FRAME_BYTES_MAX TARGETS_MAX AUDIO_SPEED_MAX AUDIO_PENDING_BYTES OUT_BYTES_MAX EVENT_BYTES_MAX
    FRONT_INBOX WORKER_QUEUE OUTBOX_MAX ADMISSION_WAIT_MS PEERS_IDLE_MAX LOOP_EVENTS_TURN LOOP_INBOX_BATCH STT_COMMANDS_MAX
    STT_CALL_BLOCKS_MAX STT_BLOCK_BYTES_MAX STT_CALLS_MAX STT_RING_MS_MAX STT_SEGMENT_MS_MAX POOL_CONNECTIONS_MAX
    POOL_QUEUE_MAX POOL_RETRIES_MAX CHAT_ANSWER_MAX TURNS_SEGMENTS_MAX
    LOG_QUEUE_LINES""".split()
CLIENT_LIMITS = """FRAME_BYTES_MAX FRAME_FRAGMENTS_MAX TEXTS_PER_S_MAX TEXTS_BURST FRAMES_PER_S_MAX FRAMES_BURST
    CONTROL_BYTES_PER_S CONTROL_BYTES_BURST START_WAIT_MS BAD_MESSAGES_MAX TARGETS_MAX VOCABULARY_MAX
    GLOSSARY_MAX PHRASE_BYTES_MAX NAME_BYTES_MAX SETTINGS_BYTES_MAX FLUSHES_MAX FLUSH_ID_BYTES_MAX AUDIO_BURST_MS
    AUDIO_SPEED_MAX AUDIO_FAST_MS OUT_BYTES_MAX ADMISSION_WAIT_MS""".split()


def read(path):
    with open(os.path.join(kit.ROOT, path), encoding="utf-8") as file:
        return file.read()


def documents():
    found = glob.glob("*.md", root_dir=kit.ROOT) + glob.glob("docs/*.md", root_dir=kit.ROOT)
    return sorted(found)


def sotto(*args):
    return subprocess.run([os.path.join(kit.BIN, "sotto"), *args], capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"]}, cwd="/")


def limits():
    """(folder, name, value, meaning) of every bound, in the order of the sources."""
    found = []
    for path in sorted(glob.glob("*/*limits.h", root_dir=kit.ROOT)):
        text = re.sub(r"\\\n\s*", "", read(path))
        above, family = "", None
        for line in re.findall(r"^/\*.*?\*/|^#define.*?(?:/\*.*?\*/)?$|^$", text, re.S | re.M):
            define = re.match(r"#define (\w+)\s+(.+?)\s*(?:/\*(.*)\*/)?\s*$", line, re.S)
            if not define:
                # A comment on lines of its own tells of the bounds below that begin alike.
                above, family = line[2:-2], None
                continue
            name, value, beside = define[1], define[2], define[3]
            family = family or name.split("_")[1]
            if beside or name.split("_")[1] != family:
                above = ""
            meaning = " ".join(re.sub(r"\n \*", "", beside or above).replace("|", "/").split())
            found.append((path.split("/")[0], name, value, meaning.strip(" .")))
    return found


def table(rows):
    lines = ["| %s | `%s` | %s | %s |" % row for row in rows]
    return "\n".join(["| folder | name | value | meaning |", "|---|---|---|---|", *lines]) + "\n"


def chief_limits():
    known = {row[1]: row for row in limits()}
    return table(known[name] for name in CHIEF_LIMITS)


GENERATED = (
    (CONFIGURATION, "options", lambda: sotto("--config-reference").stdout),
    (LIMITS, "limits", lambda: table(limits())),
    (ARCHITECTURE, "limits", chief_limits),
)


def marks(name):
    return "<!-- %s:begin -->\n" % name, "<!-- %s:end -->" % name


def write_tables():
    for path, name, make in GENERATED:
        begin, end = marks(name)
        head, rest = read(path).split(begin)
        tail, made = rest.split(end)[1], make()
        with open(os.path.join(kit.ROOT, path), "w", encoding="utf-8") as file:
            file.write(head + begin + made + end + tail)


class Tables(unittest.TestCase):
    maxDiff = None

    def test_generated(self):
        for path, name, make in GENERATED:
            with self.subTest(path=path):
                begin, end = marks(name)
                shown = read(path).split(begin)[1].split(end)[0]
                hint = "out of date: SOTTO_BIN=%s python3 tests/integration/test_docs.py --write" % kit.BIN
                self.assertEqual(shown, make(), hint)

    def test_limits_are_found(self):
        names = [row[1] for row in limits()]
        defines = sum(read(path).count("#define ") for path in glob.glob("*/*limits.h", root_dir=kit.ROOT))
        self.assertEqual(len(names), defines)
        self.assertGreater(len(names), 100)


class Configuration(unittest.TestCase):
    def test_example_loads(self):
        path = os.path.join(kit.ROOT, "docs/sotto.ini.example")
        shown = sotto("--config", path, "--print-config")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertIn("; " + path, shown.stdout)

    def test_documents_name_real_options(self):
        known = set(re.findall(r"`(--[a-z-]+)`", read(CONFIGURATION))) | {
            "--config", "--print-config", "--config-reference", "--help", "--version"}
        for path in documents():
            for flag in re.findall(r"bin/sotto ((?:--?[\w-]+(?:[ =][\w./,:=-]+)?[ \n]*)+)", read(path)):
                for name in re.findall(r"--[a-z-]+", flag):
                    self.assertIn(name, known, path)


class Protocol(unittest.TestCase):
    def setUp(self):
        self.text = read("docs/protocol.md")

    def assert_named(self, names):
        self.assertTrue(names)
        self.assertEqual([name for name in names if "`%s`" % name not in self.text], [])

    def test_error_codes(self):
        rows = re.findall(r'\{"(\w+)", (true|false), (\d+), (true|false)\}', read("server/event.c"))
        self.assertGreater(len(rows), 15)
        for name, fatal, close, retryable in rows:
            row = "| `%s` | %s | %s | %s |" % (name, "yes" if fatal == "true" else "no",
                                              close if close != "0" else "–",
                                              "yes" if retryable == "true" else "no")
            self.assertTrue(row in self.text, row)

    def test_message_types(self):
        self.assert_named(re.findall(r'\[EVENT_\w+\] = \{"([\w.]+)"', read("server/codec.c")))
        self.assert_named(re.findall(r'\{"([\w.]+)", CLIENT_\w+', read("server/message.c")))

    def test_fields(self):
        written = re.findall(r'(?:set_\w+|json_object_set_new)\(\s*\w+, "(\w+)"', read("server/codec.c"))
        # Between the server and its store: no client sees or says it.
        stored = {"since", "grammar_since"}
        self.assert_named(sorted(set(written) - stored))
        asked = re.findall(r'(?:read_\w+|json_object_get)\(\w*,? ?\w+, "(\w+)"', read("server/message.c"))
        self.assert_named(sorted(set(asked) - stored))

    def test_values(self):
        self.assert_named(re.findall(r'X\(\w+, "(\w+)"\)', read("grammar/grammar.h")))
        self.assert_named(set(re.findall(r'return "(\w+)"', read("base/turns.c"))))

    def test_limits_a_client_meets(self):
        known = {name: value for folder, name, value, _ in limits() if folder == "server"}
        for name in CLIENT_LIMITS:
            row = "| `%s` | %s |" % (name, known.get(name))
            self.assertTrue(row in self.text, row)


class Operations(unittest.TestCase):
    def setUp(self):
        self.text = read("docs/operations.md")

    def test_metrics(self):
        names = set()
        for path in glob.glob("server/*.[ch]", root_dir=kit.ROOT):
            names |= set(re.findall(r"\bsotto_\w+", read(path)))
        names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
        self.assertGreater(len(names), 40)
        self.assertEqual(sorted(name for name in names if "`%s`" % name not in self.text), [])

    def test_log_messages(self):
        """Whatever the server says at warn or error is explained."""
        missing = []
        for folder in ("server", "stt", "pool", "loop"):
            for path in glob.glob(folder + "/*.c", root_dir=kit.ROOT):
                said = re.findall(r'LOG_(?:WARN|ERROR)\(\s*\w+,\s*[^,]+,\s*"([^"]+)"', read(path))
                missing += [(path, message) for message in said if "`%s`" % message not in self.text]
        self.assertEqual(missing, [])


class Documents(unittest.TestCase):
    def test_links(self):
        for path in documents():
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", read(path)):
                if re.match(r"[a-z]+:", target):
                    continue
                full = os.path.join(kit.ROOT, os.path.dirname(path), target)
                self.assertTrue(os.path.exists(full), "%s: %s" % (path, target))

    def test_make_targets(self):
        known = set(re.findall(r"^([a-z]+):", read("Makefile"), re.M))
        for path in documents():
            for line in re.findall(r"^    (?:\S+=\S+ )*make ([^#\n]*)|`make ([^`]*)`", read(path), re.M):
                for word in " ".join(line).split():
                    if re.fullmatch(r"[a-z]+", word):
                        self.assertIn(word, known, path)

    def test_line_length(self):
        for path in documents():
            for number, line in enumerate(read(path).splitlines(), 1):
                if not line.startswith("|"):
                    self.assertLessEqual(len(line), 120, "%s:%d" % (path, number))


if __name__ == "__main__":
    if "--write" in sys.argv:
        write_tables()
    else:
        unittest.main(verbosity=2)
