"""A client of sotto_v1 §5: it keeps what is not acknowledged, comes back, and hears what it has missed."""
import threading
import time

import kit


class Client:
    """One session over any number of sockets. `pcm` is what it says, at the pace of the clock."""

    def __init__(self, port, pcm, speed=1.0, **fields):
        self.port, self.pcm, self.speed, self.fields = port, pcm, speed, fields
        self.events, self.errors, self.started = [], [], []
        self.seq, self.acked, self.sent = 0, 0, 0
        self.over = self.cut = False
        self.ws = self.code = None
        self.deaf = None  # the socket that is not listened to any more
        self.lock = threading.Lock()

    def connect(self):
        """A socket, and session.started; the session's own once there is one."""
        ws = kit.WebSocket(self.port)
        assert ws.status == 101, ws.head
        message = {"type": "session.start", "source": "en-US", "targets": ["es"], "rate": kit.RATE, **self.fields}
        if self.started:
            message = {"type": "session.start", "resume": {
                "session": self.started[0]["session"], "token": self.started[-1]["resume_token"], "seq": self.seq}}
        ws.send(message)
        started, before = ws.expect("session.started")
        assert len(before) == 1, before
        self.started.append(started)
        self.begin, self.from_sample = time.monotonic(), started["audio_samples"]
        self.sent = self.from_sample
        self.ws = ws
        return started

    def read(self, ws):
        try:
            while True:
                event = ws.event()
                event["_at"] = time.monotonic()
                with self.lock:
                    if self.deaf is ws:
                        return
                    self.take(event)
        except kit.Closed as closed:
            self.code = closed.code
        except OSError:
            pass

    def take(self, event):
        if "seq" in event:
            assert event["seq"] == self.seq + 1, "seq %d after %d" % (event["seq"], self.seq)
            self.seq = event["seq"]
        if event["type"] == "audio.ack":
            self.acked = max(self.acked, event["audio_samples"])
        if event["type"] == "error":
            self.errors.append(event["code"])
        self.over = self.over or event["type"] == "session.ended"
        self.events.append(event)

    def run(self, until_sample=None, step_ms=100):
        """Speaks up to a sample and leaves the socket open, or to the end and the session's end."""
        ws, step = self.ws, kit.RATE * step_ms // 1000
        reader = threading.Thread(target=self.read, args=(ws,), daemon=True)
        reader.start()
        end = min(until_sample or len(self.pcm) // 2, len(self.pcm) // 2)
        try:
            while self.sent < end:
                due = self.begin + (self.sent - self.from_sample) / kit.RATE / self.speed
                time.sleep(max(0, due - time.monotonic()))
                upto = min(end, self.sent + step)
                ws.audio(self.pcm[self.sent * 2:upto * 2])
                self.sent = upto
            if until_sample is None:
                ws.send({"type": "session.end"})
        except OSError:
            return False
        if until_sample is not None:
            return True
        reader.join(60 * kit.SLOW)
        return self.over

    def drop(self):
        """The socket dies without a word."""
        import socket
        import struct
        self.ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.ws.sock.shutdown(socket.SHUT_RDWR)
        self.ws.close()

    def finals(self, kind, lang=None):
        return [e for e in self.events if e["type"] == kind and e.get("final") and e.get("lang") == lang]

    def words(self):
        return [w for e in self.finals("transcript") for w in kit.words(e["committed"])]
