"""What the integration tests share: programs under test, a raw WebSocket client, and the rules every session must obey.

Only the standard library. Programs come from $SOTTO_BIN (build/bin by default); traffic stays on loopback.
"""
import atexit
import base64
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request
import urllib.error
import wave

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("SOTTO_BIN", os.path.join(ROOT, "build", "bin"))
SLOW = float(os.environ.get("SOTTO_TEST_SLOW", "1"))  # sanitizers: how much longer to wait
RATE = 16000


class Program:
    """A program under test: started, watched, and ended by its own pid."""

    def __init__(self, name, *args, env=None, ready=None, stream="stderr", wait_s=60,
                 preexec=None):
        self.name = name
        self.log = tempfile.NamedTemporaryFile("w+", prefix=name + "-", suffix=".log", delete=False)
        self.out = self.log if stream == "stderr" else tempfile.NamedTemporaryFile(
            "w+", prefix=name + "-", suffix=".out", delete=False)
        self.args = [os.path.join(BIN, name), *[str(a) for a in args]]
        self.process = subprocess.Popen(
            self.args, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.log,
            env={**os.environ, **(env or {})}, preexec_fn=preexec)
        atexit.register(self.clean)  # a failed test leaves nothing running
        if ready:
            self.match = self.wait_for(ready, wait_s, self.out)

    def text(self, file=None):
        with open((file or self.log).name, errors="replace") as f:
            return f.read()

    def wait_for(self, pattern, wait_s=60, file=None):
        end = time.monotonic() + wait_s * SLOW
        while time.monotonic() < end:
            match = re.search(pattern, self.text(file))
            if match:
                return match
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError("%s: no %r within %g s (exit %s):\n%s" % (
            self.name, pattern, wait_s, self.process.poll(), self.text()[-3000:]))

    def alive(self):
        return self.process.poll() is None

    def clean(self):
        self.kill()
        for file in {self.log, self.out}:
            file.close()
            os.unlink(file.name)

    def kill(self):
        if self.alive():
            self.process.kill()
            self.process.wait()

    def stop(self, wait_s=30):
        """SIGTERM; returns the exit status. Not ending in time is a failure."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(wait_s * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("%s did not stop:\n%s" % (self.name, self.text()[-3000:]))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Sotto(Program):
    """The server on a port of its own, in front of the given upstreams."""

    def __init__(self, speech_port, chat_port, chat_ca, *args, env=None, preexec=None, tls=None):
        flags = ["--listen", "127.0.0.1:0", "--stt-target", "127.0.0.1:%d" % speech_port,
                 "--stt-plaintext", "--chat-url", "https://127.0.0.1:%d/v1" % chat_port,
                 "--chat-ca", chat_ca]
        # Other tests run beside this one: how busy the machine is must not decide who is let in.
        flags += ["--admission-lag-ms", 0, "--admission-queue-ms", 0]
        if "--store-path" not in args:  # one of its own, not the user's
            folder = tempfile.mkdtemp(prefix="sotto-store-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            flags += ["--store-path", os.path.join(folder, "sotto.db")]
        super().__init__("sotto", *flags, *args, env=env, preexec=preexec, ready=r"msg=\"ready\" .*?port=(\d+)")
        self.port = int(self.match.group(1))
        self.tls = tls  # an ssl.SSLContext of its clients

    def wait_ready(self, wait_s=60):
        end = time.monotonic() + wait_s * SLOW
        while time.monotonic() < end:
            if self.get("/readyz")[0] == 200:
                return self
            time.sleep(0.05)
        raise AssertionError("not ready: %r\n%s" % (self.get("/readyz"), self.text()[-2000:]))

    def hup(self, result):
        """SIGHUP, and the word that it is over: `reloaded` or `not reloaded`."""
        before = len(self.text())
        self.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 10 * SLOW
        while not re.search(r'msg="%s' % result, self.text()[before:]):
            assert time.monotonic() < end, self.text()[before:]
            time.sleep(0.02)

    def get(self, path, headers=None):
        scheme = "https" if self.tls else "http"
        request = urllib.request.Request("%s://127.0.0.1:%d%s" % (scheme, self.port, path), headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=10, context=self.tls) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name):
        """The value of a metric, labels written as in /metrics."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        raise AssertionError("no metric " + name)

    def settle(self, name, value, wait_s=5):
        """Waits until a metric has a value: what a client sees is often counted a moment later."""
        end = time.monotonic() + wait_s * SLOW
        while (last := self.metric(name)) != value:
            assert time.monotonic() < end, "%s is %g, not %g" % (name, last, value)
            time.sleep(0.02)

    def rss_kb(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


class Upstreams:
    """Test upstreams that speak the real wires with fixed latencies: sotto-test-speech and sotto-test-chat."""

    def __init__(self, speech=(), chat=()):
        self.dir = tempfile.mkdtemp(prefix="sotto-test-")
        atexit.register(shutil.rmtree, self.dir, ignore_errors=True)
        self.ca = os.path.join(self.dir, "cert.pem")
        self.speech = Program("sotto-test-speech", "--port", "0", *speech,
                              ready=r"(\d+)\n", stream="stdout")
        self.speech_port = int(self.speech.match.group(1))
        self.chat = Program("sotto-test-chat", "--port", "0", "--cert", self.ca, *chat,
                            ready=r"port=(\d+)", stream="stdout")
        self.chat_port = int(self.chat.match.group(1))

    def sotto(self, *args, **kw):
        return Sotto(self.speech_port, self.chat_port, self.ca, *args, **kw)

    def chat_request(self, path, body=None):
        """Talks to the test chat upstream's own endpoints over HTTP/2, which urllib does not speak: through curl."""
        command = ["curl", "-s", "--http2", "--cacert", self.ca, "https://127.0.0.1:%d%s" % (self.chat_port, path)]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout

    def chat_fault(self, fault, **fields):
        self.chat_request("/control", {"fault": fault, **fields})

    def chat_stats(self):
        return json.loads(self.chat_request("/stats"))

    def speech_again(self, *args):
        """Another speech upstream on the same port."""
        self.speech.kill()
        self.speech = Program("sotto-test-speech", "--port", self.speech_port, *args,
                              ready=r"(\d+)\n", stream="stdout")

    def stop(self):
        self.speech.stop()
        self.chat.stop()


class Closed(Exception):
    """The peer closed: `code` of the close frame, or None for a bare end of the stream."""

    def __init__(self, code, reason=""):
        super().__init__("closed %s %s" % (code, reason))
        self.code = code


class TlsSocket:
    """A client's TLS, read by one thread while another writes, which Python's own sockets do not allow."""

    def __init__(self, sock, context):
        self.sock, self.lock, self.sending = sock, threading.Lock(), threading.Lock()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.settimeout, self.close, self.shutdown = sock.settimeout, sock.close, sock.shutdown
        while not self.shake():
            self.feed()

    def shake(self):
        try:
            self.tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False
        finally:
            self.sock.sendall(self.outgoing.read())

    def feed(self):
        data = self.sock.recv(65536)
        with self.lock:
            self.incoming.write(data) if data else self.incoming.write_eof()

    def sendall(self, data):
        with self.sending:
            with self.lock:
                for at in range(0, len(data), 16384):  # a record
                    self.tls.write(data[at:at + 16384])
                records = self.outgoing.read()
            self.sock.sendall(records)

    def recv(self, count):
        while True:
            try:
                with self.lock:
                    return self.tls.read(count)
            except ssl.SSLWantReadError:
                self.feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""


class WebSocket:
    """RFC 6455 by hand, so that a test can also break the rules."""

    def __init__(self, port, path="/v1/stream", protocol="sotto.v1", headers=(), timeout=20, tls=None):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout * SLOW)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:  # an ssl.SSLContext
            self.sock = TlsSocket(self.sock, tls)
        self.lock = threading.Lock()
        self.buffer = b""
        lines = ["GET %s HTTP/1.1" % path, "Host: 127.0.0.1:%d" % port, "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        if protocol:
            lines.append("Sec-WebSocket-Protocol: " + protocol)
        names = {h.split(":")[0].lower() for h in headers}
        lines = [l for l in lines if l.split(":")[0].lower() not in names] + [
            h for h in headers if not h.endswith(": -")]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = self.read_until(b"\r\n\r\n")
        self.status = int(head.split()[1]) if head else 0
        self.head = head.decode(errors="replace")

    def read_until(self, mark):
        while mark not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                return b""
            self.buffer += data
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def body(self):
        """What follows the head of a refused handshake."""
        self.sock.settimeout(5)
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    break
                self.buffer += data
        except OSError:
            pass
        return self.buffer.decode(errors="replace")

    def frame(self, opcode, payload=b"", fin=True, mask=True, rsv=0):
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        bit = 0x80 if mask else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        elif len(payload) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
        if mask:
            key = os.urandom(4)
            repeated = (key * (len(payload) // 4 + 1))[:len(payload)]
            masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(
                len(payload), "big") if payload else b""
            head += key
            payload = masked
        with self.lock:
            self.sock.sendall(head + payload)

    def send(self, message):
        self.frame(1, (message if isinstance(message, str) else json.dumps(message)).encode())

    def audio(self, pcm):
        self.frame(2, pcm)

    def take(self, count):
        while len(self.buffer) < count:
            data = self.sock.recv(65536)
            if not data:
                raise Closed(None)
            self.buffer += data
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def receive(self):
        """The next data message as bytes; pings are answered; a close raises Closed."""
        while True:
            first, second = self.take(2)
            length = second & 0x7f
            if length == 126:
                length = struct.unpack(">H", self.take(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.take(8))[0]
            payload = self.take(length)
            opcode = first & 0x0f
            if opcode == 8:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                try:
                    self.frame(8, payload[:2])
                except OSError:
                    pass
                raise Closed(code, payload[2:].decode(errors="replace"))
            if opcode == 9:
                self.frame(10, payload)
            elif opcode in (1, 2):
                return payload

    def event(self):
        return json.loads(self.receive())

    def expect(self, kind, limit=1000):
        """The next event of this type; others before it are returned too."""
        seen = []
        for _ in range(limit):
            event = self.event()
            seen.append(event)
            if event["type"] == kind:
                return event, seen
        raise AssertionError("no %s in %r" % (kind, seen[-5:]))

    def start(self, **fields):
        self.send({"type": "session.start", "source": "en-US", "targets": ["es"], "rate": RATE,
                   "grammar": True, "partials": True, **fields})
        event, _ = self.expect("session.started")
        return event

    def events_until_closed(self):
        """Every event up to the close, and its code."""
        events = []
        try:
            while True:
                event = self.event()
                event["_at"] = time.monotonic()
                events.append(event)
        except Closed as closed:
            return events, closed.code

    def close(self):
        self.sock.close()


def speak(ws, pcm, speed=1.0, frame_ms=100, rate=RATE, sent=None):
    """Sends PCM in frames, paced; `sent` collects (sample position, time) for latency checks."""
    step = rate * frame_ms // 1000 * 2
    begin = time.monotonic()
    for i, at in enumerate(range(0, len(pcm), step)):
        due = begin + i * frame_ms / 1000 / speed
        delay = due - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        ws.audio(pcm[at:at + step])
        if sent is not None:
            sent.append((min(len(pcm), at + step) // 2, time.monotonic()))


def run_session(port, pcm, speed=1.0, sent=None, rate=RATE, frame_ms=100, tls=None, **fields):
    """A whole session: start, audio, end. Returns the events and the close code."""
    ws = WebSocket(port, tls=tls)
    assert ws.status == 101, ws.head
    started = ws.start(rate=rate, **fields)
    result = {}
    reader = threading.Thread(target=lambda: result.update(all=ws.events_until_closed()))
    reader.start()
    try:
        speak(ws, pcm, speed, frame_ms, rate, sent)
        ws.send({"type": "session.end"})
    except OSError:
        pass  # the server closed first: the events tell why
    reader.join(60 * SLOW)
    assert not reader.is_alive(), "the session did not end"
    ws.close()
    events, code = result["all"]
    return [started] + events, code


def tone(seconds, rate=RATE):
    """Something that is not silence."""
    samples = (int(8000 * ((i // 20) % 2 * 2 - 1)) for i in range(int(seconds * rate)))
    return b"".join(struct.pack("<h", s) for s in samples)


def flite(text, voice="slt", pause_s=0.8):
    """Speech of a sentence as 16 kHz PCM, with silence after it."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as f:
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", f.name], check=True)
        with wave.open(f.name) as w:
            assert w.getframerate() == RATE and w.getnchannels() == 1
            return w.readframes(w.getnframes()) + bytes(int(pause_s * RATE) * 2)


def words(text):
    return re.sub(r"[^\w' ]", "", text.lower()).split()


LAT_PARTS = ("upstream", "queue", "hold", "store", "server")


def check_rules(events):
    """Everything sotto_v1 §§3–4 promises of one epoch; raises AssertionError with the offending event."""
    seq = 0
    final, rev, committed, last_final = set(), {}, {}, {}
    for event in events:
        where = json.dumps(event)[:400]
        assert isinstance(event.get("type"), str) and isinstance(event.get("t_ms"), int), where
        kind = event["type"]
        durable = kind == "note" or kind in ("transcript", "translation", "grammar") and event.get("final")
        assert ("seq" in event) == bool(durable), where
        if durable:
            seq += 1
            assert event["seq"] == seq, where
        if kind not in ("transcript", "translation", "grammar"):
            continue
        lang = event.get("lang", "")
        key = (event["segment"], kind, lang)
        assert key not in final, "after the final: " + where
        assert event["rev"] > rev.get(key, 0), "rev does not grow: " + where
        rev[key] = event["rev"]
        if event["final"]:
            final.add(key)
            assert event["segment"] > last_final.get((kind, lang), 0), "order: " + where
            if kind == "transcript":
                assert event["segment"] == last_final.get((kind, lang), 0) + 1, "gap: " + where
            last_final[(kind, lang)] = event["segment"]
        if kind != "grammar":
            now = words(event["committed"])
            before = committed.get(key, [])
            assert now[:len(before)] == before, "committed %r became %r: %s" % (before, now, where)
            committed[key] = now
            assert not event["final"] or event["tentative"] == "", where
            assert event["start_ms"] <= event["end_ms"], where
        if kind == "translation" or kind == "grammar":
            assert event["source_rev"] >= 1, where
        lat = event["lat"]
        total = sum(lat[part] for part in LAT_PARTS)
        assert abs(total - lat["audio"]) <= 1.0, "ledger: " + where
        assert min(lat.values()) >= 0, where
    spans = [(e["start_ms"], e["end_ms"]) for e in events
             if e["type"] == "transcript" and e["final"]]
    for (_, end), (start, _) in zip(spans, spans[1:]):
        assert start >= end, "segments share audio: %r" % spans


def finals(events, kind):
    return [e for e in events if e["type"] == kind and e["final"]]
