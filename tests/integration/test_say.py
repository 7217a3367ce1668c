"""sotto-say against a server that follows a script: what it sends and when, what it shows, how it ends."""
import base64
import hashlib
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import wave

import kit

RATE = 16000


def frame(opcode, body):
    size = len(body)
    if size < 126:
        head = bytes([0x80 | opcode, size])
    elif size < 65536:
        head = bytes([0x80 | opcode, 126]) + struct.pack(">H", size)
    else:
        head = bytes([0x80 | opcode, 127]) + struct.pack(">Q", size)
    return head + body


class Peer:
    """One connection of the scripted server."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb")
        self.request = b""
        while not self.request.endswith(b"\r\n\r\n"):
            line = self.file.readline()
            if not line:
                raise ConnectionError
            self.request += line

    def upgrade(self):
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", self.request).group(1)
        accept = base64.b64encode(
            hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        self.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          b"Connection: Upgrade\r\nSec-WebSocket-Protocol: sotto.v1\r\n"
                          b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")

    def read(self):
        head = self.file.read(2)
        if len(head) < 2:
            raise ConnectionError
        size = head[1] & 127
        if size == 126:
            size = struct.unpack(">H", self.file.read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.file.read(8))[0]
        mask = int.from_bytes(self.file.read(4) * (size // 4 + 1), "big")
        body = self.file.read(size)
        padded = body + b"\0" * ((size // 4 + 1) * 4 - size)
        plain = (int.from_bytes(padded, "big") ^ mask).to_bytes(len(padded), "big")
        return head[0] & 15, plain[:size]

    def send(self, **event):
        self.sock.sendall(frame(1, json.dumps(event, ensure_ascii=False).encode()))

    def send_raw(self, text):
        self.sock.sendall(frame(1, text.encode()))

    def close(self, code):
        self.sock.sendall(frame(8, struct.pack(">H", code)))


def started(peer):
    peer.send(type="session.started", session="s1", epoch=1, open_segment=1, audio_samples=0,
              limits={"drain_ms": 2000}, t_ms=0)


def finals(peer):
    peer.send(type="transcript", segment=1, rev=9, final=True, committed="She have two cats.",
              tentative="", start_ms=1000, end_ms=2500, language="en-US", t_ms=1)
    peer.send(type="grammar", segment=1, rev=1, final=True, corrected="She has two cats.",
              edits=[{"start": 4, "end": 8, "from": "have", "to": "has", "kind": "agreement",
                      "message": "she has"}], t_ms=2)
    peer.send(type="translation", segment=1, rev=1, final=True, lang="es",
              committed="Tiene dos gatos.", tentative="", start_ms=1000, end_ms=2500, t_ms=3)


class Server:
    """Runs `script(server, peer)` for each connection; records what came."""

    def __init__(self, script):
        self.script = script
        self.start = None
        self.controls = []
        self.audio = b""
        self.frames = []  # (seconds since the first, bytes)
        self.error = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            sock, _ = self.listener.accept()
            with sock:
                try:
                    self.script(self, Peer(sock))
                finally:
                    sock.shutdown(socket.SHUT_RDWR)
        except (ConnectionError, OSError):
            pass
        except Exception as error:  # shown by the test
            self.error = error

    def next(self, peer):
        opcode, body = peer.read()
        if opcode == 1:
            message = json.loads(body)
            if message["type"] == "session.start":
                self.start = message
            self.controls.append(message["type"])
            return message["type"]
        if opcode == 2:
            self.audio += body
            self.frames.append((time.monotonic(), len(body)))
            return "audio"
        return "close" if opcode == 8 else "other"

    def until(self, peer, what):
        while True:
            got = self.next(peer)
            if got == what:
                return
            if got == "close":
                raise ConnectionError

    def stop(self):
        self.thread.join(20 * kit.SLOW)
        self.listener.close()
        if self.error:
            raise self.error


def lesson(server, peer):
    """The usual run: everything that is owed comes after session.end."""
    peer.upgrade()
    server.until(peer, "session.start")
    started(peer)
    server.until(peer, "session.end")
    finals(peer)
    peer.send(type="session.ended", reason="client", usage={}, t_ms=9)
    peer.close(1000)
    server.until(peer, "close")


class Say(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.wav = os.path.join(self.dir.name, "in.wav")
        self.pcm = b"".join(struct.pack("<h", i % 3000) for i in range(RATE))
        with wave.open(self.wav, "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
            out.writeframes(self.pcm)

    def tearDown(self):
        self.dir.cleanup()

    def command(self, server, *args):
        return [os.path.join(kit.BIN, "sotto-say"), "--url",
                "ws://127.0.0.1:%d/v1/stream" % server.port, *args]

    def say(self, script, *args, env=None, stdin=None, seconds=20):
        server = Server(script)
        done = subprocess.run(self.command(server, *args), capture_output=True, input=stdin,
                              timeout=seconds * kit.SLOW, env={**os.environ, **(env or {})})
        server.stop()
        self.out, self.err = done.stdout.decode(), done.stderr.decode()
        return server, done.returncode

    def test_lines(self):
        server, code = self.say(lesson, "--speed", "0", "--name", "Ana", self.wav)
        self.assertEqual(code, 0, self.err)
        self.assertEqual(self.err, "")
        self.assertEqual(self.out, "  0:01  She have two cats.\n"
                                   "        have → has  agreement: she has\n"
                                   "        es  Tiene dos gatos.\n")
        self.assertEqual(server.audio, self.pcm)
        self.assertEqual(server.controls, ["session.start", "session.end"])
        self.assertEqual(server.start["rate"], RATE)
        self.assertEqual(server.start["targets"], ["es"])
        self.assertEqual(server.start["name"], "Ana")
        self.assertNotIn("token", server.start)

    def test_real_time(self):
        server, code = self.say(lesson, self.wav)
        self.assertEqual(code, 0, self.err)
        took = server.frames[-1][0] - server.frames[0][0]
        self.assertGreater(took, 0.85)
        self.assertEqual({size for _, size in server.frames}, {3200})

    def test_token_is_sent_and_not_shown(self):
        server, code = self.say(lesson, "--speed", "0", self.wav, env={"SOTTO_TOKEN": "geheim"})
        self.assertEqual((code, server.start["token"]), (0, "geheim"))
        self.assertNotIn("geheim", self.out + self.err)

    def test_json_is_verbatim(self):
        odd = '{ "type":"x.new",  "deep":[1.50,"\\u00e9"] }'

        def script(server, peer):
            peer.upgrade()
            server.until(peer, "session.start")
            started(peer)
            peer.send_raw(odd)
            peer.send_raw('{"type":"x.lines",\n"a":1}')
            server.until(peer, "session.end")
            finals(peer)
            peer.send(type="session.ended", reason="client", usage={}, t_ms=9)
            peer.close(1000)

        _, code = self.say(script, "--json", "--speed", "0", self.wav)
        lines = self.out.splitlines()
        self.assertEqual(code, 0, self.err)
        self.assertEqual(lines[1], odd)
        self.assertEqual(json.loads(lines[2]), {"type": "x.lines", "a": 1})
        self.assertEqual([json.loads(line)["type"] for line in lines[3:]],
                         ["transcript", "grammar", "translation", "session.ended"])

    def test_stamp(self):
        server, code = self.say(lesson, "--json", "--stamp", "--speed", "0", self.wav)
        events = [json.loads(line) for line in self.out.splitlines()]
        self.assertEqual(code, 0, self.err)
        self.assertTrue(all(isinstance(e["client_us"], int) for e in events))
        sent = [e["audio_samples"] for e in events if e["type"] == "client.audio"]
        self.assertEqual(sent, [1600 * (i + 1) for i in range(10)])

    def test_subtitles(self):
        path = os.path.join(self.dir.name, "o.srt")
        _, code = self.say(lesson, "--quiet", "--speed", "0", "--srt", path, "--srt-lang", "es",
                           self.wav)
        self.assertEqual((code, self.out), (0, ""))
        with open(path) as file:
            self.assertEqual(file.read(), "1\n00:00:01,000 --> 00:00:02,500\nTiene dos gatos.\n\n")

    def test_raw_input(self):
        for rate in ("8000", "48000"):
            server, code = self.say(lesson, "--speed", "0", "--rate", rate, "-", stdin=self.pcm)
            self.assertEqual((code, server.start["rate"]), (0, int(rate)), self.err)
            self.assertEqual(server.audio, self.pcm)

    def test_refused(self):
        def script(server, peer):
            peer.upgrade()
            server.until(peer, "session.start")
            peer.send(type="error", code="over_capacity", message="all places are taken",
                      retryable=True, retry_after_ms=4200, fatal=True, t_ms=0)
            peer.close(1013)

        _, code = self.say(script, self.wav)
        self.assertEqual(code, 3)
        self.assertIn("over_capacity", self.err)
        self.assertIn("try again in 5 s", self.err)

    def test_refused_by_http(self):
        def script(server, peer):
            peer.sock.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            time.sleep(0.3)

        _, code = self.say(script, self.wav)
        self.assertEqual(code, 3)
        self.assertIn("503", self.err)

    def test_cannot_connect(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        done = subprocess.run([os.path.join(kit.BIN, "sotto-say"), "--url",
                               "ws://127.0.0.1:%d" % port, self.wav], capture_output=True,
                              timeout=20 * kit.SLOW)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"cannot connect", done.stderr)

    def test_lost(self):
        def script(server, peer):
            peer.upgrade()
            server.until(peer, "session.start")
            started(peer)
            server.until(peer, "audio")

        _, code = self.say(script, self.wav)
        self.assertEqual(code, 4)
        self.assertIn("lost", self.err)

    def test_no_end_in_time(self):
        def script(server, peer):
            peer.upgrade()
            server.until(peer, "session.start")
            peer.send(type="session.started", session="s", audio_samples=0,
                      limits={"drain_ms": 1}, t_ms=0)
            server.until(peer, "close")

        _, code = self.say(script, "--speed", "0", self.wav)
        self.assertEqual(code, 4)
        self.assertIn("did not end the session in time", self.err)

    def test_empty(self):
        def script(server, peer):
            peer.upgrade()
            server.until(peer, "session.start")
            started(peer)
            server.until(peer, "session.end")
            peer.send(type="session.ended", reason="client", usage={}, t_ms=9)
            peer.close(1000)

        _, code = self.say(script, "--speed", "0", self.wav)
        self.assertEqual(code, 5)
        self.assertIn("no captions", self.err)

    def test_not_an_event(self):
        def script(server, peer):
            peer.upgrade()
            peer.send_raw("hello")
            peer.send_raw('{"type":"error","code":"x","message":"\\u001b[31m","fatal":false}')
            server.until(peer, "session.start")
            started(peer)
            server.until(peer, "session.end")
            finals(peer)
            peer.send(type="session.ended", reason="client", usage={}, t_ms=9)
            peer.close(1000)

        _, code = self.say(script, "--speed", "0", self.wav)
        self.assertEqual(code, 0)
        self.assertIn("no sotto.v1 event", self.err)
        self.assertNotIn("\x1b", self.err + self.out)

    def test_interrupt_ends_the_session(self):
        with wave.open(self.wav, "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
            out.writeframes(self.pcm * 30)
        server = Server(lesson)
        process = subprocess.Popen(self.command(server, self.wav), stdout=subprocess.PIPE)
        while len(server.frames) < 3:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10 * kit.SLOW)
        server.stop()
        self.assertEqual(process.returncode, 0)
        self.assertIn(b"She have two cats.", out)
        self.assertLess(len(server.audio), len(self.pcm) * 5)

    def test_second_interrupt_leaves(self):
        def script(server, peer):
            peer.upgrade()
            server.until(peer, "session.start")
            started(peer)
            server.until(peer, "session.end")
            server.until(peer, "close")

        server = Server(script)
        process = subprocess.Popen(self.command(server, self.wav), stdout=subprocess.DEVNULL)
        while not server.frames:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        while "session.end" not in server.controls:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(5 * kit.SLOW), 128 + signal.SIGINT)
        server.stop()

    def test_slow_server_stops_the_input(self):
        """The server reads nothing for a while: what is taken from the pipe stays bounded, and all arrives later."""
        total = 40 << 20
        go_on = threading.Event()

        def script(server, peer):
            peer.upgrade()
            server.until(peer, "session.start")
            started(peer)
            go_on.wait(20 * kit.SLOW)
            seen = 0
            while seen < total:
                opcode, body = peer.read()
                seen += len(body) if opcode == 2 else 0
            server.seen = seen
            server.until(peer, "session.end")
            finals(peer)
            peer.send(type="session.ended", reason="client", usage={}, t_ms=9)
            peer.close(1000)

        server = Server(script)
        process = subprocess.Popen(self.command(server, "--speed", "0", "-"),
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        written = [0]

        def feed():
            block = bytes(1 << 20)
            while written[0] < total:
                process.stdin.write(block)
                written[0] += len(block)
            process.stdin.close()

        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        before = -1
        while before != written[0] or written[0] == 0:
            before = written[0]
            time.sleep(0.5 * kit.SLOW)
        self.assertLess(written[0], 16 << 20)
        with open("/proc/%d/status" % process.pid) as status:
            rss_kb = int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
        if kit.SLOW == 1:
            self.assertLess(rss_kb, 40 << 10)
        go_on.set()
        self.assertEqual(process.wait(60 * kit.SLOW), 0)
        server.stop()
        self.assertEqual(server.seen, total)

    def terminal(self, *args, env=None):
        """Runs on a terminal of 30 columns; gives what was written to it."""
        def script(server, peer):
            peer.upgrade()
            server.until(peer, "session.start")
            started(peer)
            for committed, tentative in (("", "She"), ("She", " have"), ("She have", " two")):
                peer.send(type="transcript", segment=1, rev=1, final=False, committed=committed,
                          tentative=tentative, start_ms=0, end_ms=0, language="en-US", t_ms=1)
            server.until(peer, "session.end")
            finals(peer)
            peer.send(type="session.ended", reason="client", usage={}, t_ms=9)
            peer.close(1000)

        server = Server(script)
        environment = {**os.environ, "TERM": "xterm", **(env or {})}
        if not env:
            environment.pop("NO_COLOR", None)
        master, slave = pty.openpty()
        process = subprocess.Popen(self.command(server, *args, self.wav), stdout=slave,
                                   stderr=slave, env=environment)
        os.close(slave)
        text = b""
        while select.select([master], [], [], 20 * kit.SLOW)[0]:
            try:
                piece = os.read(master, 4096)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.close(master)
        server.stop()
        self.assertEqual(process.wait(5 * kit.SLOW), 0, text)
        return text.decode()

    def test_terminal(self):
        text = self.terminal()
        self.assertIn("\r\x1b[K\x1b[1mShe\x1b[0m\x1b[2m have\x1b[0m", text)
        self.assertIn("\x1b[9mhave\x1b[0m → \x1b[4mhas\x1b[0m", text)

    def test_terminal_without_color(self):
        text = self.terminal(env={"NO_COLOR": "1"})
        self.assertIn("\r\x1b[KShe have", text)
        self.assertNotRegex(text, r"\x1b\[\d")
        self.assertNotRegex(self.terminal("--no-color"), r"\x1b\[\d")

    def test_usage(self):
        for args, word in ((["absent.wav"], b"No such file"), (["--bogus"], b"--bogus"),
                           (["--name", b"\xff", self.wav], b"UTF-8"), ([], b"no input"),
                           (["--srt", "/nonexistent/x", self.wav], b"cannot write")):
            done = subprocess.run([os.path.join(kit.BIN, "sotto-say"), *args], capture_output=True,
                                  timeout=10 * kit.SLOW)
            self.assertEqual(done.returncode, 1)
            self.assertIn(word, done.stderr)
            self.assertEqual(done.stdout, b"")
        for option, word in (("--help", b"exit codes"), ("--version", b"sotto-say ")):
            done = subprocess.run([os.path.join(kit.BIN, "sotto-say"), option],
                                  capture_output=True, timeout=10 * kit.SLOW)
            self.assertEqual(done.returncode, 0)
            self.assertIn(word, done.stdout)


if __name__ == "__main__":
    unittest.main()
