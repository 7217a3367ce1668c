"""sotto-bench against a server that reads late: the load is open loop, and its audio is the same, whole and in order."""
import json
import os
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

BIN = os.environ.get("SOTTO_BIN", os.path.join(os.path.dirname(__file__), "..", "..", "build", "bin"))
BENCH = os.path.join(BIN, "sotto-bench")
SECONDS = 6
STALL_S = 4
RATE = 48000
FRAME_BYTES = 9600
STARTED = b'{"t_ms":0,"type":"session.started","session":"x","epoch":1,"open_segment":1,"audio_samples":0}'
ENDED = b'{"t_ms":0,"type":"session.ended","reason":"client","usage":{}}'


class Server:
    """Starts and ends a session as sotto does, and takes its audio; `stall_s` long it reads nothing."""

    def __init__(self, stall_s):
        self.stall_s = stall_s
        self.audio = []
        self.listener = socket.socket()
        # A small window, so that what is not read soon stays with the sender.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
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
        with sock, sock.makefile("rb") as stream:
            request = stream.readline()
            while stream.readline() not in (b"\r\n", b""):
                pass
            if b"/v1/stream" not in request:
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\nsotto_ready 1\n")
                return
            sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sotto.v1\r\n\r\n")
            self.session(sock, stream)

    def session(self, sock, stream):
        while True:
            kind, payload = read_frame(stream)
            if kind == 2:
                self.audio.append(payload)
                if len(self.audio) == 10:
                    time.sleep(self.stall_s)
            elif kind == 1 and json.loads(payload)["type"] == "session.start":
                sock.sendall(bytes([0x81, len(STARTED)]) + STARTED)
            elif kind == 1:
                sock.sendall(bytes([0x81, len(ENDED)]) + ENDED + b"\x88\x02\x03\xe8")
            else:
                return


def read_frame(stream):
    """One masked frame, by RFC 6455 §5.2; (8, b"") at the end of the stream."""
    head = stream.read(2)
    if len(head) < 2:
        return 8, b""
    length = head[1] & 0x7F
    if length == 126:
        length, = struct.unpack("!H", stream.read(2))
    elif length == 127:
        length, = struct.unpack("!Q", stream.read(8))
    mask, payload = stream.read(4), stream.read(length)
    whole = int.from_bytes(payload, "little") ^ int.from_bytes((mask * (length // 4 + 1))[:length], "little")
    return head[0] & 0x0F, whole.to_bytes(length, "little")


def run(stall_s):
    """The audio that came, and the result."""
    server = Server(stall_s)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "result.json")
        done = subprocess.run([BENCH, "--port", str(server.port), "--sessions", "1", "--rate", str(RATE),
                               "--ramp", "0", "--warmup", "0", "--seconds", str(SECONDS), "--drain", "10", "--quiet", "--json", path],
                              capture_output=True, text=True, timeout=60)
        server.listener.close()
        if done.returncode not in (0, 3):
            raise AssertionError(done.stderr)
        with open(path, encoding="utf-8") as file:
            return server.audio, json.load(file)


class Load(unittest.TestCase):
    def test_late_reader(self):
        prompt, result = run(0)
        late, blocked = run(STALL_S)
        self.assertEqual({len(frame) for frame in prompt + late}, {FRAME_BYTES})
        self.assertEqual(result["load"]["frames_blocked"], 0)
        self.assertGreater(blocked["load"]["frames_blocked"], 5)
        # The stall changed when audio was sent, not what or how much.
        both = min(len(prompt), len(late))
        self.assertEqual(prompt[:both], late[:both])
        self.assertGreaterEqual(both, SECONDS * 10 - 5)
        self.assertLessEqual(abs(len(prompt) - len(late)), 3)

    def test_nobody_there(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        done = subprocess.run([BENCH, "--port", str(port), "--sessions", "2"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is sotto running there?", done.stderr)

    def test_usage(self):
        for arguments in (["--sessions", "many"], ["walk"], ["--nonsense"], []):
            done = subprocess.run([BENCH] + arguments, capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 2, arguments)
        done = subprocess.run([BENCH, "--help"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0)
        self.assertIn("--storm reconnect", done.stdout)


if __name__ == "__main__":
    unittest.main()
