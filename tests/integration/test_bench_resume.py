"""sotto-bench goes on with its sessions, against a server that remembers them: sockets cut at random bytes in both
directions, audio asked for again, durable messages replayed; with and without TLS."""
import json
import os
import random
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import unittest

import kit
from test_bench_load import BENCH

SECONDS = 4
SESSIONS = 6
RATE = 8000


def read_frame(stream):
    """One masked frame, or the part of it that came before the socket broke."""
    head = stream.read(2)
    if len(head) < 2:
        return 8, b""
    length = head[1] & 0x7F
    if length >= 126:
        length = int.from_bytes(stream.read(2 if length == 126 else 8), "big")
    mask, payload = stream.read(4), stream.read(length)
    if len(payload) < length and head[0] & 0x0F != 2:
        return 8, b""
    repeated = (mask * (length // 4 + 1))[:len(payload)]
    whole = int.from_bytes(payload, "little") ^ int.from_bytes(repeated, "little")
    return head[0] & 0x0F, whole.to_bytes(len(payload), "little")


def text_frame(message):
    body = json.dumps(message).encode()
    head = bytes([0x81, len(body)]) if len(body) < 126 else b"\x81\x7e" + struct.pack(">H", len(body))
    return head + body


class Session:
    def __init__(self, name):
        self.name = name
        self.audio = b""
        self.sent = []  # durable messages
        self.epoch = 1
        self.tokens = ["t" * 42 + "0"]
        self.sockets = 0
        self.ended = False
        self.wrong = []


class Server:
    """Serves many sockets; a session outlives them."""

    def __init__(self, context=None, cut_ends=False):
        self.context, self.cut_ends = context, cut_ends
        self.lock = threading.Lock()
        self.random = random.Random(5)
        self.sessions = {}
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(sock,), daemon=True).start()

    def talk(self, sock):
        try:
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            with sock, sock.makefile("rb") as stream:
                request = stream.readline()
                while stream.readline() not in (b"\r\n", b""):
                    pass
                if b"/v1/stream" not in request:
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\nsotto_ready 1\n")
                    return
                sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                             b"Sec-WebSocket-Protocol: sotto.v1\r\n\r\n")
                self.stream(sock, stream)
        except (OSError, ValueError):
            pass

    def open(self, start):
        """The session that is meant, and where it goes on."""
        with self.lock:
            wanted = start.get("resume")
            if not wanted:
                session = Session("%032x" % (len(self.sessions) + 1))
                self.sessions[session.name] = session
                session.sockets = 1
                return session, 0
            session = self.sessions[wanted["session"]]
            if wanted["token"] not in session.tokens[-2:] or wanted["seq"] > len(session.sent):
                session.wrong.append("resumed with %r" % wanted)
            session.sockets += 1
            session.tokens.append("t" * 30 + "%013d" % len(session.tokens))
            if session.sockets % 3 == 0:  # as after a restart: from an earlier place, in a new epoch
                session.epoch += 1
                return session, max(0, len(session.audio) // 2 - self.random.randrange(1, RATE))
            return session, len(session.audio) // 2

    def stream(self, sock, stream):
        kind, payload = read_frame(stream)
        if kind != 1:
            return
        start = json.loads(payload)
        session, at = self.open(start)
        mine = session.sockets
        sock.sendall(text_frame({"type": "session.started", "session": session.name, "epoch": session.epoch,
                                 "open_segment": len(session.sent) + 1, "resume_token": session.tokens[-1],
                                 "audio_samples": at, "t_ms": 0}))
        for message in session.sent[start.get("resume", {}).get("seq", 0):]:
            sock.sendall(text_frame(message))
        if session.ended:  # its end was heard, and the socket broke before it could be told
            self.tell_end(sock)
        at *= 2
        while True:
            kind, payload = read_frame(stream)
            if kind == 8:
                return
            if kind == 2:
                with self.lock:
                    if mine != session.sockets:
                        return
                    at = self.hear(session, payload[:len(payload) // 2 * 2], at)
                self.caption(sock, session)
            elif kind == 1 and json.loads(payload)["type"] == "session.end":
                self.end(sock, session)

    def end(self, sock, session):
        if self.cut_ends and not session.ended:
            session.ended = True
            session.audio = session.audio[:-RATE]  # half a second is asked for again
            raise OSError
        session.ended = True
        self.tell_end(sock)

    @staticmethod
    def tell_end(sock):
        sock.sendall(text_frame({"type": "session.ended", "reason": "client", "usage": {}}) + b"\x88\x02\x03\xe8")

    def hear(self, session, payload, at):
        known = session.audio[at:at + len(payload)]
        if known != payload[:len(known)]:
            session.wrong.append("other audio at byte %d" % at)
        session.audio += payload[len(known):]
        return at + len(payload)

    def caption(self, sock, session):
        """A final for every second of audio."""
        if len(session.audio) // (RATE * 2) > len(session.sent):
            number = len(session.sent) + 1
            session.sent.append({"type": "transcript", "segment": number, "seq": number, "rev": 1, "final": True,
                                 "committed": "word", "tentative": "", "start_ms": number * 1000 - 900,
                                 "end_ms": number * 1000})
            sock.sendall(text_frame(session.sent[-1]))

    def stop(self):
        self.listener.close()


def certificate(folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                    "-out", cert],
                   check=True, capture_output=True, timeout=20)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


class BenchResume(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.dir.cleanup()

    def bench(self, server, *args):
        self.json = os.path.join(self.dir.name, "result.json")
        done = subprocess.run([BENCH, "run", "--port", str(server.port), "--sessions", str(SESSIONS),
                               "--rate", str(RATE),
                               "--audio", str(SECONDS), "--seconds", str(SECONDS), "--ramp", "0", "--warmup", "0",
                               "--drain", "10", "--speaking", "1", "--targets", "none", "--no-grammar", "--quiet",
                               "--json", self.json, *args],
                              capture_output=True, text=True, timeout=60 * kit.SLOW, stdin=subprocess.DEVNULL)
        self.err = done.stderr
        return done.returncode

    def whole(self, server, cuts=True):
        with open(self.json, encoding="utf-8") as file:
            result = json.load(file)
        self.assertEqual(result["resumed"]["finals_missing"], 0)
        self.assertEqual(result["resumed"]["finals_repeated"], 0)
        self.assertEqual(result["sessions"]["lost"], 0, result["sessions"])
        ended = [s for s in server.sessions.values() if s.ended]
        self.assertEqual(len(ended), SESSIONS)
        for session in ended:
            self.assertEqual(session.wrong, [])
            self.assertEqual(len(session.audio), SECONDS * RATE * 2)
        if cuts:
            # How many by chance: a busy machine is late with each.
            self.assertGreater(result["load"]["sockets_cut"], SESSIONS // 2)
            self.assertGreater(result["resumed"]["times"], SESSIONS // 2)
            self.assertGreater(result["resumed"]["epochs"], 0)
        return result

    def test_cuts(self):
        server = Server()
        code = self.bench(server, "--resume", "--cut", "60")
        server.stop()
        self.assertIn(code, (0, 3), self.err)
        self.whole(server)

    def test_an_end_that_was_heard_and_not_told(self):
        server = Server(cut_ends=True)
        code = self.bench(server, "--resume")
        server.stop()
        self.assertIn(code, (0, 3), self.err)
        with open(self.json, encoding="utf-8") as file:
            result = json.load(file)
        self.assertEqual(result["resumed"]["times"], SESSIONS)
        self.assertEqual(result["sessions"]["lost"], 0)

    def test_cuts_with_tls(self):
        context, ca = certificate(self.dir.name)
        server = Server(context)
        code = self.bench(server, "--resume", "--cut", "60", "--tls", "--ca", ca)
        server.stop()
        self.assertIn(code, (0, 3), self.err)
        self.whole(server)

    def test_a_stranger_is_not_trusted(self):
        context, _ = certificate(self.dir.name)
        server = Server(context)
        code = self.bench(server, "--tls", "--ca", "/etc/ssl/certs/ca-certificates.crt")
        server.stop()
        self.assertEqual(code, 1)
        self.assertEqual(server.sessions, {})

    def test_needs(self):
        server = Server()
        for args, says in ((("--cut", "1"), "--resume"), (("--ca", "x"), "--tls"),
                           (("--cut", "often", "--resume"), "0 to 60")):
            self.assertEqual(self.bench(server, *args), 2)
            self.assertIn(says, self.err)
        server.stop()


if __name__ == "__main__":
    unittest.main()
