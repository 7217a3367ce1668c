"""A client of sotto.monitor.v1 (sotto_v1 §7) that holds the server to its rules while it reads."""
import json
import socket
import threading
import time

import bench_audio
import kit

FIELDS = {"session", "name", "class", "source", "targets", "phase", "audio_ms", "speaking", "segment", "text",
          "translations", "mistakes", "health"}
RETURNING = {"session", "phase", "speaking", "health"}  # may be as before by the time it is told
HEALTH = {"lag_ms", "dropped", "degraded", "reconnects", "p95_ms"}


def connect(port, headers=(), **kw):
    ws = kit.WebSocket(port, path="/v1/monitor", protocol=kw.pop("protocol", "sotto.monitor.v1"), headers=headers, **kw)
    assert ws.status == 101, ws.head
    return ws


class Watcher:
    """Reads on a thread of its own unless `reads` is False; `watch` are the fields of its first message."""

    def __init__(self, port, headers=(), reads=True, protocol="sotto.monitor.v1", **watch):
        self.states, self.gone, self.finals = {}, [], []
        self.replies = []  # answers and errors
        self.snapshots, self.deltas, self.bytes, self.code, self.goaway = 0, [], b"", None, None
        self.wrong = []  # what broke a rule
        self.more = threading.Condition()
        self.ws = connect(port, headers, protocol=protocol)
        self.send("watch", **watch)
        self.reader = threading.Thread(target=self.read, daemon=True)
        if reads:
            self.reader.start()

    def send(self, kind, **fields):
        self.ws.send({"type": kind, **fields})

    def read(self):
        try:
            while True:
                data = self.ws.receive()
                with self.more:
                    self.bytes += data
                    try:
                        self.take(json.loads(data))
                    except Exception as wrong:  # the test fails with it
                        self.wrong.append(repr(wrong))
                    self.more.notify_all()
        except kit.Closed as closed:
            self.code = closed.code
        except OSError:
            pass
        with self.more:
            self.code = self.code or 0
            self.more.notify_all()

    def take(self, message):
        kind = message["type"]
        if kind == "snapshot":
            self.snapshots += 1
            self.states = {state["session"]: state for state in message["sessions"]}
            for state in message["sessions"]:
                self.check_state(state)
        elif kind == "delta":
            assert self.snapshots > 0, "a delta before the snapshot"
            self.deltas.append((time.monotonic(), message))
            for change in message["changed"]:
                self.change(change)
            for session in message["gone"]:
                self.states.pop(session)
                self.gone.append(session)
            self.finals += message.get("finals", [])
        elif kind == "session.goaway":
            self.goaway = message
        else:
            self.replies.append(message)

    def check_state(self, state):
        assert set(state) == FIELDS and set(state["health"]) == HEALTH, state

    def change(self, change):
        state = self.states.get(change["session"])
        if state is None:
            self.check_state(change)
            self.states[change["session"]] = change
            return
        for field, value in change.items():
            assert field in RETURNING or state[field] != value, "%s has not changed: %r" % (field, value)
            state[field] = value

    def wait(self, done, wait_s=10):
        """Until done(self); what it returned."""
        end = time.monotonic() + wait_s * kit.SLOW
        with self.more:
            while True:
                assert not self.wrong, self.wrong
                result = done(self)
                if result:
                    return result
                left = end - time.monotonic()
                assert left > 0, "it did not come: %r %r" % (self.states, self.replies)
                self.more.wait(left)

    def ask(self, kind, **fields):
        """The answer, or the error that is one."""
        before = len(self.replies)
        self.send(kind, **fields)
        return self.wait(lambda w: len(w.replies) > before and w.replies[before])

    def seqs(self, session):
        return [f["seq"] for f in self.finals if f["session"] == session]

    def close(self):
        try:
            self.ws.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self.reader.is_alive():
            self.reader.join(5)
        self.ws.close()
        assert not self.wrong, self.wrong


class Learner:
    """A session that says utterances of the bench's script when it is told, and comes back."""

    def __init__(self, port, number, token=None, **fields):
        self.port, self.voice, self.events, self.seq = port, bench_audio.Voice(number, word_ms=60), [], 0
        self.fields = {"source": "en-US", "targets": ["es"], "rate": kit.RATE, "grammar": True, **fields}
        if token:
            self.fields["token"] = token
        self.started = None
        self.more = threading.Condition()
        self.connect()

    def connect(self):
        message = {"type": "session.start", **self.fields}
        if self.started:
            message = {"type": "session.start", "resume": {
                "session": self.session, "token": self.started["resume_token"], "seq": self.seq}}
            if "token" in self.fields:
                message["token"] = self.fields["token"]
        self.ws = kit.WebSocket(self.port)
        assert self.ws.status == 101, self.ws.head
        self.ws.send(message)
        self.started, _ = self.ws.expect("session.started")
        self.session = self.started["session"]
        self.reader = threading.Thread(target=self.read, args=(self.ws,), daemon=True)
        self.reader.start()

    def read(self, ws):
        try:
            while True:
                event = ws.event()
                with self.more:
                    if "seq" in event:
                        assert event["seq"] == self.seq + 1, event
                        self.seq = event["seq"]
                    self.events.append(event)
                    self.more.notify_all()
        except (kit.Closed, OSError):
            pass

    def wait(self, done, wait_s=10):
        end = time.monotonic() + wait_s * kit.SLOW
        with self.more:
            while not done(self):
                left = end - time.monotonic()
                assert left > 0, self.events[-5:]
                self.more.wait(left)

    def say(self, utterances=1):
        """Says it and waits for all that is final of it."""
        segments = len(self.finals("transcript")) + utterances
        for _ in range(utterances):
            kit.speak(self.ws, self.voice.speak() + self.voice.silence(400), speed=2)
        self.ws.send({"type": "audio.flush"})
        kinds = ["transcript", "grammar"] + ["translation"] * len(self.fields["targets"])
        self.wait(lambda l: all(len(l.finals(k)) >= segments * kinds.count(k) for k in set(kinds)))

    def finals(self, kind):
        return [e for e in self.events if e["type"] == kind and e.get("final")]

    def notes(self):
        return [e for e in self.events if e["type"] == "note"]

    def mistakes(self):
        return sum(len(e["edits"]) for e in self.finals("grammar"))

    def drop(self):
        self.ws.sock.shutdown(socket.SHUT_RDWR)
        self.reader.join(5)
        self.ws.close()

    def end(self):
        try:
            self.ws.send({"type": "session.end"})
            self.reader.join(10 * kit.SLOW)
        except OSError:
            pass
        self.ws.close()
