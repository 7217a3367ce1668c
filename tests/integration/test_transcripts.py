"""Transcripts over HTTP and by sotto-admin: what was heard is what is written, in every format."""
import csv
import io
import json
import os
import re
import socket
import sqlite3
import subprocess
import tempfile
import shutil
import unittest
import urllib.parse
import zlib

import kit
import trust_kit

CLASS = "7 b/\u00fc"
NAME = '=Ana "B"'
TIME = r"(\d\d):(\d\d):(\d\d)%s(\d\d\d)"


class Answer:
    """An HTTP answer, taken apart by hand: what a lenient library would pass over is an error here."""

    def __init__(self, data, head_only=False):
        head, self.rest = data.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            assert name.lower() not in self.headers, "twice: " + line
            self.headers[name.lower()] = value
        if head_only or self.status in (204, 304):
            self.body = b""
        elif self.headers.get("transfer-encoding") == "chunked":
            self.body = self.chunks()
        elif "content-length" in self.headers:
            length = int(self.headers["content-length"])
            self.body, self.rest = self.rest[:length], self.rest[length:]
            assert len(self.body) == length, "cut off"
        else:
            self.body, self.rest = self.rest, b""
        self.text = self.body.decode()

    def chunks(self):
        pieces, at = [], 0
        while True:
            end = self.rest.index(b"\r\n", at)
            length = int(self.rest[at:end], 16)
            at = end + 2 + length
            pieces.append(self.rest[end + 2:at])
            assert self.rest[at:at + 2] == b"\r\n"
            at += 2
            if length == 0:
                self.rest = self.rest[at:]
                return b"".join(pieces)

    def json(self):
        return json.loads(self.text)


def read_all(sock):
    got = b""
    while True:
        piece = sock.recv(65536)
        if not piece:
            return got
        got += piece


def ask(port, method, path, body=None, headers=(), version="1.1"):
    """One request on a connection of its own."""
    lines = ["%s %s HTTP/%s" % (method, path, version), "Host: 127.0.0.1:%d" % port, "Connection: close", *headers]
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    if body is not None:
        lines += ["Content-Length: %d" % len(data)]
        if not any(h.lower().startswith("content-type") for h in headers):
            lines += ["Content-Type: application/json"]
    with socket.create_connection(("127.0.0.1", port), timeout=10 * kit.SLOW) as s:
        s.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        return Answer(read_all(s), method == "HEAD")


def ms(match):
    hours, minutes, seconds, rest = (int(part) for part in match)
    assert minutes < 60 and seconds < 60
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def cues(text, point, number_first=True):
    """Cues of SubRip or WebVTT, read as strictly as they are defined: [(start, end, lines)]."""
    found = []
    for i, block in enumerate(text.rstrip("\n").split("\n\n") if text.strip() else []):
        lines = block.split("\n")
        assert lines[0] == str(i + 1), block
        times = re.fullmatch((TIME + " --> " + TIME) % (point, point), lines[1])
        assert times, block
        start, end = ms(times.groups()[:4]), ms(times.groups()[4:])
        assert start < end and (not found or start >= found[-1][1]), "cues overlap: " + block
        assert lines[2:] and all(line.strip() and "-->" not in line for line in lines[2:]), block
        found.append((start, end, lines[2:]))
    return found


class Transcripts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="sotto-transcripts-")
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.store = os.path.join(cls.dir, "sotto.db")
        cls.upstreams = kit.Upstreams()
        cls.sotto = cls.upstreams.sotto("--store-path", cls.store).wait_ready()
        cls.port = cls.sotto.port
        cls.events, _ = kit.run_session(cls.port, kit.tone(4), speed=4, name=NAME, targets=["es", "fr"],
                                        **{"class": CLASS})
        cls.id = cls.events[0]["session"]
        cls.finals = [e for e in cls.events if "seq" in e]
        cls.spoken = [e["committed"] for e in kit.finals(cls.events, "transcript")]
        assert len(cls.spoken) >= 2
        cls.spans = [(e["start_ms"], e["end_ms"]) for e in kit.finals(cls.events, "transcript")]

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-2000:]

    def said(self, lang):
        return [e["committed"] for e in kit.finals(self.events, "translation") if e["lang"] == lang]

    def get(self, path, status=200, **kw):
        answer = ask(self.port, "GET", path, **kw)
        self.assertEqual(answer.status, status, path + "\n" + answer.text)
        return answer

    def transcript(self, name, **kw):
        return self.get("/v1/sessions/%s/transcript.%s" % (self.id, name), **kw)

    def problem(self, answer, status):
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        told = answer.json()
        self.assertEqual((told["status"], told["type"]), (status, "about:blank"))
        self.assertTrue(told["title"] and told["detail"])
        return told

    # --- formats ---

    def test_json_is_what_was_sent(self):
        told = self.transcript("json").json()
        self.assertEqual((told["session"], told["class"], told["name"]), (self.id, CLASS, NAME))
        self.assertEqual(told["targets"], ["es", "fr"])
        self.assertEqual(told["end_reason"], "client")
        self.assertEqual(told["seq"], len(self.finals))
        self.assertEqual(told["usage"]["audio_ms"], 4000)
        self.assertNotIn("next", told)
        self.assertEqual([m["seq"] for m in told["messages"]], [e["seq"] for e in self.finals])
        for message, event in zip(told["messages"], self.finals):
            self.assertRegex(message.pop("at"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            expected = {k: v for k, v in event.items() if k not in ("t_ms", "lat", "_at")}
            self.assertEqual(message, expected)

    def test_json_comes_in_pages(self):
        path, seen = "/v1/sessions/%s/transcript.json?limit=2" % self.id, []
        while path:
            page = self.get(path).json()
            self.assertLessEqual(len(page["messages"]), 2)
            seen += [m["seq"] for m in page["messages"]]
            path = page.get("next")
        self.assertEqual(seen, [e["seq"] for e in self.finals])
        self.assertEqual(self.transcript("json?after=%d" % len(seen)).json()["messages"], [])

    def test_json_of_one_language(self):
        page = self.transcript("json?lang=es&limit=500").json()
        self.assertEqual([m["committed"] for m in page["messages"]], self.said("es"))

    def test_subrip(self):
        answer = self.transcript("srt")
        self.assertEqual(answer.headers["content-type"], "application/x-subrip; charset=utf-8")
        found = cues(answer.text, ",")
        self.assertEqual([c[2] for c in found], [[text] for text in self.spoken])
        self.assertEqual([c[:2] for c in found], self.spans)

    def test_webvtt(self):
        answer = self.transcript("vtt?lang=es")
        self.assertEqual(answer.headers["content-type"], "text/vtt; charset=utf-8")
        self.assertTrue(answer.text.startswith("WEBVTT\n\n"))
        found = cues(answer.text[len("WEBVTT\n\n"):], r"\.")
        self.assertEqual([c[2] for c in found], [[text] for text in self.said("es")])

    def test_two_languages_a_cue(self):
        found = cues(self.transcript("srt?lang=en,fr").text, ",")
        self.assertEqual([c[2] for c in found], [list(pair) for pair in zip(self.spoken, self.said("fr"))])

    def test_text(self):
        lines = self.transcript("txt?lang=fr,en-GB").text.splitlines()
        self.assertEqual(len(lines), 2 * len(self.spoken))
        for i, text in enumerate(self.spoken):
            self.assertEqual(lines[2 * i], "[00:00:%02d] %s" % (self.spans[i][0] // 1000, self.said("fr")[i]))
            self.assertEqual(lines[2 * i + 1].strip(), text)

    def export(self, fmt):
        return self.get("/v1/classes/%s/export.%s" % (urllib.parse.quote(CLASS, safe=""), fmt))

    def test_export_of_a_class(self):
        told = self.export("json").json()
        self.assertEqual(told["class"], CLASS)
        session = next(s for s in told["sessions"] if s["session"] == self.id)
        self.assertEqual([m["seq"] for m in session["messages"]], [e["seq"] for e in self.finals])

    def test_export_as_table(self):
        answer = self.export("csv")
        self.assertEqual(answer.text.count("\n"), answer.text.count("\r\n"))
        rows = [r for r in csv.DictReader(io.StringIO(answer.text, newline="")) if r["session"] == self.id]
        self.assertEqual([int(r["seq"]) for r in rows], [e["seq"] for e in self.finals])
        self.assertEqual([r["text"] for r in rows if r["kind"] == "transcript"], self.spoken)
        # A name that a table would compute is text.
        self.assertEqual({r["name"] for r in rows}, {"'" + NAME})

    def test_list(self):
        path = "/v1/sessions?limit=1&class=" + urllib.parse.quote(CLASS, safe="")
        seen = []
        while path:
            page = self.get(path).json()
            seen += [s["session"] for s in page["sessions"]]
            path = page.get("next")
        self.assertIn(self.id, seen)
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(self.get("/v1/sessions?class=nobody").json()["sessions"], [])
        self.assertEqual(self.get("/v1/sessions/" + self.id).json()["name"], NAME)

    def test_a_live_session(self):
        ws = kit.WebSocket(self.port)
        started = ws.start(name="live")
        kit.speak(ws, kit.tone(4), speed=4)
        final = None
        while final is None:
            event = ws.event()
            final = event if event["type"] == "transcript" and event["final"] else None
        told = self.get("/v1/sessions/%s/transcript.json" % started["session"]).json()
        self.assertIsNone(told["ended_at"])
        self.assertEqual(told["messages"][0]["committed"], final["committed"])
        ws.send({"type": "session.end"})
        ws.events_until_closed()
        ws.close()

    # --- HTTP ---

    def test_headers(self):
        for path, status in (("/healthz", 200), ("/", 200), ("/nothing", 404),
                             ("/v1/sessions/%s/transcript.srt" % self.id, 200)):
            headers = self.get(path, status).headers
            self.assertEqual(headers["x-content-type-options"], "nosniff", path)
            self.assertIn("default-src 'none'", headers["content-security-policy"])
            self.assertEqual(headers["referrer-policy"], "no-referrer")
            self.assertEqual(headers["cross-origin-resource-policy"], "same-origin")
            # A page may be kept, and is asked for again each time; what somebody has said may not.
            self.assertEqual(headers["cache-control"], "no-cache" if path == "/" else "no-store")
        # Nothing of the name that could end the header or the file's folder.
        self.assertRegex(self.transcript("srt").headers["content-disposition"],
                         r'^attachment; filename="sotto-Ana-B-\d{4}-\d\d-\d\d\.srt"$')

    def test_unchanged(self):
        tag = self.transcript("vtt").headers["etag"]
        answer = self.transcript("vtt", status=304, headers=["If-None-Match: " + tag])
        self.assertNotIn("content-length", answer.headers)
        self.transcript("vtt", headers=['If-None-Match: "1-0"'])

    def test_head(self):
        for path in ("/healthz", "/v1/sessions/%s/transcript.srt" % self.id, "/v1/sessions"):
            whole = self.get(path)
            head = ask(self.port, "HEAD", path)
            self.assertEqual((head.status, head.rest), (200, b""), path)
            self.assertEqual(head.headers, whole.headers)

    def test_http_1_0_has_no_chunks(self):
        path = "/v1/classes/%s/export.csv" % urllib.parse.quote(CLASS, safe="")
        answer = ask(self.port, "GET", path, version="1.0")
        self.assertNotIn("transfer-encoding", answer.headers)
        self.assertEqual(answer.text, self.get(path).text)

    def test_requests_in_a_row(self):
        """Sent at once on one connection, answered in order."""
        request = "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
        first = request % ("/v1/sessions/%s/transcript.srt" % self.id, "")
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
            s.sendall((first * 3 + request % ("/healthz", "Connection: close\r\n")).encode())
            got = read_all(s)
        answers = []
        while got:
            answers.append(Answer(got))
            got = answers[-1].rest
        self.assertEqual([a.status for a in answers], [200] * 4)
        self.assertEqual(len({a.text for a in answers[:3]}), 1)
        self.assertEqual(answers[3].text, "ok\n")

    def test_errors(self):
        base = "/v1/sessions/%s" % self.id
        for method, path, status in (
                ("GET", "/v1/sessions/%032x/transcript.json" % 1, 404),
                ("GET", base + "/transcript.pdf", 404), ("GET", "/v1/classes/nobody/export.json", 404),
                ("GET", base + "/transcript.json?limit=0", 400), ("GET", base + "/transcript.srt?after=1", 400),
                ("GET", base + "/transcript.srt?lang=%20", 400), ("GET", base + "/transcript.srt?x=" + "y" * 3000, 400),
                ("PUT", base, 405), ("POST", "/healthz", 405), ("GET", "/v1/tokens", 405),
                ("DELETE", "/v1/sessions/%032x" % 1, 404), ("POST", "/v1/tokens", 411)):
            told = ask(self.port, method, path)
            self.problem(told, status)
            if status == 405:
                self.assertTrue(told.headers["allow"])

    def test_bodies(self):
        for body, headers, status in (
                (b"x" * 16385, (), 413), (b"", (), 400), (b"[]", (), 400), (b'{"role":"boss"}', (), 400),
                (b'{"role":"admin","role":"learner"}', (), 400), (b'{"role":"learner","ttl_s":0}', (), 400),
                (b'{"role":"learner","x":1}', (), 400), (b"\xff", (), 400),
                (b'{"kind":"ticket"}', ("Content-Type: text/plain",), 415),
                (b'{"role":"learner","sub":"a","class":"A"}', (), 409)):
            self.problem(ask(self.port, "POST", "/v1/tokens", body, headers), status)
        answer = ask(self.port, "POST", "/v1/tokens", {"kind": "ticket"})
        self.assertEqual(answer.status, 201)
        self.assertRegex(answer.json()["ticket"], r"^[A-Za-z0-9_-]{43}$")
        # Without an end to its body a request would be read for ever.
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
            s.sendall(b"POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.problem(Answer(read_all(s)), 411)

    def test_pages_of_elsewhere(self):
        path = "/v1/sessions/" + self.id
        self.problem(ask(self.port, "DELETE", path, headers=["Origin: https://evil.example"]), 403)
        self.problem(ask(self.port, "GET", path, headers=["Origin: null"]), 403)
        self.get(path, headers=["Origin: http://127.0.0.1:%d" % self.port])

    def fill(self, name, sessions, messages):
        """Sessions that nobody has spoken, put into the store's file."""
        body = ('"type":"transcript","segment":%d,"rev":1,"final":true,"committed":"' + "word " * 400 +
                '","tentative":"","start_ms":%d,"end_ms":%d,"language":"en-US"}')
        with sqlite3.connect(self.store, timeout=10) as db:
            for i in range(sessions):
                key = db.execute("INSERT INTO sessions (id, class, name, subject, source, rate, settings, started_us,"
                                 " ended_us, owner_epoch, token) VALUES (?, ?, '', '', 'en-US', 16000, '{}', 1, 2, 1, ?)",
                                 ("%08x%024x" % (zlib.crc32(name.encode()), i), name, bytes(32))).lastrowid
                db.executemany("INSERT INTO messages (session, seq, kind, segment, lang, body, wall_us, settled, exact)"
                               " VALUES (?, ?, 1, ?, '', ?, 1, 0, 0)",
                               ((key, k, k, body % (k, k * 1000, k * 1000 + 900)) for k in range(1, messages + 1)))
        db.close()

    def test_long_answers(self):
        """An export is made as it is read: it is never whole in memory, and holds up nobody."""
        self.fill("big", 20, 1000)
        before = self.sotto.rss_kb()
        with socket.create_connection(("127.0.0.1", self.port), timeout=20 * kit.SLOW) as s:
            s.sendall(b"GET /v1/classes/big/export.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            got = [s.recv(1000)]
            # Nobody reads on: the rest waits in the store, and what else is sent waits in the socket.
            s.settimeout(0.2)
            try:
                while True:
                    s.send(b"GET / HTTP/1.1\r\nX: " + b"y" * 60000 + b"\r\n\r\n")
            except socket.timeout:
                pass
            self.assertEqual(self.get("/healthz").text, "ok\n")
            stalled = self.sotto.rss_kb() - before
            s.settimeout(20 * kit.SLOW)
            while got[-1] and not got[-1].endswith(b"0\r\n\r\n"):
                got.append(s.recv(262144))
        answer = Answer(b"".join(got))
        self.assertEqual(sum(len(session["messages"]) for session in answer.json()["sessions"]), 20000)
        self.assertGreater(len(answer.body), 40 << 20)
        if kit.SLOW == 1:
            # Beside the store's own cache of 16 MB.
            self.assertLess(stalled, 24 << 10)
            self.assertLess(self.sotto.rss_kb() - before, 28 << 10)

    def test_long_answers_over_tls(self):
        self.fill("secret", 4, 500)
        cert, key = trust_kit.certificate(os.path.join(self.dir, "tls"))
        sotto = self.upstreams.sotto("--store-path", self.store, "--tls-cert", cert, "--tls-key", key)
        try:
            with socket.create_connection(("127.0.0.1", sotto.port), timeout=10 * kit.SLOW) as plain, \
                    trust_kit.client(cert).wrap_socket(plain, server_hostname="localhost") as s:
                s.sendall(b"GET /v1/classes/secret/export.csv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                got = b""
                while not got.endswith(b"0\r\n\r\n"):
                    piece = s.recv(65536)
                    self.assertTrue(piece, "cut off")
                    got += piece
            answer = Answer(got)
            self.assertEqual(answer.text.count("\r\n"), 1 + 4 * 500)
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
            self.assertIn("max-age", answer.headers["strict-transport-security"])
        finally:
            self.assertEqual(sotto.stop(), 0)

    def test_an_answer_that_nobody_takes_may_be_left(self):
        self.fill("left", 4, 500)
        for _ in range(8):
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
                s.sendall(b"GET /v1/classes/left/export.csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
                s.recv(100)
        # As many exports as may be at a time are free again.
        for _ in range(5):
            self.get("/v1/classes/left/export.csv")

    def test_slow_bodies_keep_nobody_out(self):
        """A place among the requests under way is for whole requests."""
        slow = []
        for _ in range(300):
            s = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            self.addCleanup(s.close)
            s.sendall(b"POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                      b"Content-Length: 17\r\n\r\n{")
            slow.append(s)
        self.transcript("srt")
        slow[0].sendall(b'"kind":"ticket"}')
        got = b""
        while b"expires_in_s" not in got:
            got += slow[0].recv(65536)
        self.assertEqual(Answer(got).status, 201)

    # --- deletion ---

    def test_forgotten(self):
        events, _ = kit.run_session(self.port, kit.tone(2), speed=4, name="gone-with-the-wind")
        path = "/v1/sessions/" + events[0]["session"]
        answer = ask(self.port, "DELETE", path)
        self.assertEqual((answer.status, answer.text), (204, ""))
        self.problem(ask(self.port, "GET", path), 404)
        self.problem(ask(self.port, "DELETE", path), 404)
        for name in os.listdir(self.dir):
            with open(os.path.join(self.dir, name), "rb") as f:
                self.assertNotIn(b"gone-with-the-wind", f.read(), name)

    def test_forgotten_while_it_speaks(self):
        """Nothing more of it is stored or sent as final, and its client is told."""
        ws = kit.WebSocket(self.port)
        self.addCleanup(ws.close)
        path = "/v1/sessions/" + ws.start()["session"]
        kit.speak(ws, kit.tone(1), speed=4)
        self.assertEqual(ask(self.port, "DELETE", path).status, 204)
        kit.speak(ws, kit.tone(3), speed=4)
        events, code = ws.events_until_closed()
        self.assertEqual((code, events[-1].get("code")), (1008, "replaced"))
        self.assertEqual([e for e in events if "seq" in e], [])
        self.problem(ask(self.port, "GET", path), 404)

    # --- sotto-admin ---

    def admin(self, *args, status=0, **kw):
        done = subprocess.run([os.path.join(kit.BIN, "sotto-admin"), *args], capture_output=True, text=True,
                              timeout=20 * kit.SLOW, stdin=subprocess.DEVNULL, **kw)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def test_admin_beside_the_server(self):
        self.assertIn(self.id, self.admin("list", "--store", self.store))
        listed = [json.loads(l) for l in self.admin("list", "--json", "--store", self.store).splitlines()]
        self.assertIn(self.id, [s["session"] for s in listed])
        self.assertIn("ended", self.admin("show", self.id, "--store", self.store))
        for fmt in ("srt", "vtt", "txt", "json"):
            text = self.admin("export", self.id, "--format", fmt, "--lang", "en,es", "--store", self.store)
            self.assertEqual(text, self.transcript(fmt + "?lang=en,es" + ("&limit=500" if fmt == "json" else "")).text)
        table = self.admin("export", "--class", CLASS, "--format", "csv", "--store", self.store)
        self.assertIn(self.id, table)
        self.assertEqual(self.admin("check", "--store", self.store), "No damage found.\n")

    def test_admin_backup_and_delete(self):
        events, _ = kit.run_session(self.port, kit.tone(2), speed=4, **{"class": "old"})
        copy = os.path.join(self.dir, "copy.db")
        self.admin("backup", copy, "--store", self.store)
        self.admin("backup", copy, "--store", self.store, status=2)
        with sqlite3.connect(copy) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM sessions WHERE class = 'old'").fetchone(), (1,))
        self.admin("delete", "--class", "old", "--store", self.store, status=1)  # nobody to ask
        self.assertIn("Would delete 1 session,", self.admin("delete", "--class", "old", "--dry-run", "--store", self.store))
        self.assertIn("Deleted 1 session ", self.admin("delete", "--class", "old", "--yes", "--store", self.store))
        self.get("/v1/sessions/" + events[0]["session"], 404)
        # The backup is a store of its own.
        self.assertIn(events[0]["session"], self.admin("list", "--store", copy))
        self.assertIn("Deleted 0 sessions", self.admin("delete", "--older-than", "1d", "--yes", "--store", copy))

    def test_admin_errors(self):
        self.admin("show", "%032x" % 1, "--store", self.store, status=3)
        self.admin("export", "--class", "nobody", "--store", self.store, status=3)
        self.admin("delete", "%032x" % 1, "--yes", "--store", self.store, status=3)
        self.admin("list", "--store", os.path.join(self.dir, "none.db"), status=2)
        for wrong in ((), ("lsit",), ("show",), ("list", "--format", "srt"), ("export", "--class", "a", "--format", "srt"),
                      ("delete",), ("delete", "--older-than", "5"), ("token",), ("list", "x"), ("list", "--limit", "-1")):
            self.admin(*wrong, status=1)
        self.assertIn("EXIT STATUS", self.admin("--help"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
