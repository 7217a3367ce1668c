"""What the tests of bad input share: one server of their own, raw sockets, and the two kinds of answers."""
import os
import re
import socket
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import kit

KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="


class HostileCase(unittest.TestCase):
    """One server for the tests of a class. `flags` are its own."""
    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", "20"], chat=["--latency-ms", "20"])
        cls.sotto = cls.upstreams.sotto("--fronts", os.environ.get("SOTTO_FRONTS", "1"), *cls.flags).wait_ready()

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-3000:]
        cls.upstreams.stop()

    # --- WebSockets ---

    def open(self, sotto=None, **kw):
        ws = kit.WebSocket((sotto or self.sotto).port, **kw)
        self.addCleanup(ws.close)
        self.assertEqual(ws.status, 101, ws.head)
        return ws

    def fatal(self, ws, code, close):
        events, closed = ws.events_until_closed()
        self.assertEqual((events[-1]["type"], events[-1]["code"], closed), ("error", code, close))
        self.assertTrue(events[-1]["fatal"])
        return events[-1]

    def mild(self, ws, code):
        event, _ = ws.expect("error")
        self.assertEqual((event["code"], event["fatal"]), (code, False), event)
        return event

    def serves(self, sotto=None):
        """Nobody else has lost anything: a whole session."""
        events, code = kit.run_session((sotto or self.sotto).port, kit.tone(0.5), speed=4)
        self.assertEqual(code, 1000)
        kit.check_rules(events)

    # --- bytes ---

    def connect(self, sotto=None, timeout=10):
        raw = socket.create_connection(("127.0.0.1", (sotto or self.sotto).port), timeout=timeout * kit.SLOW)
        self.addCleanup(raw.close)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return raw

    def host(self, sotto=None):
        return "Host: 127.0.0.1:%d" % (sotto or self.sotto).port

    def head(self, *lines, request="GET /v1/stream HTTP/1.1", end="\r\n"):
        """The bytes of a handshake, in which `lines` replace those of the same name; "Name: -" takes one out."""
        base = [self.host(), "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", KEY,
                "Sec-WebSocket-Protocol: sotto.v1"]
        names = {line.split(":")[0].lower() for line in lines}
        kept = [line for line in base if line.split(":")[0].lower() not in names]
        return (end.join([request, *kept, *[line for line in lines if not line.endswith(": -")]]) + end + end).encode()

    def answers(self, requests):
        """As answer(), of many at a time."""
        with ThreadPoolExecutor(len(requests)) as pool:
            return list(pool.map(self.answer, requests))

    def answer(self, data, wait_s=8):
        """What comes back for these bytes until the server ends the connection: its status (0: no answer), or None when
        it keeps it open."""
        raw = self.connect(timeout=wait_s)
        got = b""
        try:
            raw.sendall(data)
        except OSError:
            pass  # ended while we were sending
        try:
            while b"\r\n\r\n" not in got:
                piece = raw.recv(65536)
                if not piece:
                    break
                got += piece
        except TimeoutError:
            return None
        except OSError:
            pass
        match = re.match(rb"HTTP/1\.[01] (\d+)", got)
        return int(match[1]) if match else 0


def time_to_end(socks, limit_s):
    """When each of the sockets is ended by the server, in seconds from now; None: not within the limit."""
    begin = time.monotonic()
    ended = {}
    while len(ended) < len(socks) and time.monotonic() - begin < limit_s * kit.SLOW:
        for raw in socks:
            if raw in ended:
                continue
            raw.settimeout(0.02)
            try:
                if raw.recv(65536) == b"":
                    ended[raw] = time.monotonic() - begin
            except TimeoutError:
                pass
            except OSError:
                ended[raw] = time.monotonic() - begin
    return [ended.get(raw) for raw in socks]
