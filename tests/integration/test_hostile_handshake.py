"""Handshakes that are slow, too large, malformed or clever: each with its documented answer (docs/conformance.md)."""
import threading
import time
import unittest

import kit
from hostile_kit import KEY, HostileCase, time_to_end


class Handshake(HostileCase):
    # --- slow ---

    def test_no_time_for_the_slow(self):
        """A deadline for the whole head: those who send a byte, or a line, now and then gain nothing by it."""
        silent, bytewise, linewise = self.connect(), self.connect(), self.connect()
        stop = threading.Event()

        def drip(raw, pieces):
            try:
                for piece in pieces:
                    raw.sendall(piece)
                    if stop.wait(0.3):
                        return
            except OSError:
                pass
        threads = [threading.Thread(target=drip, args=args) for args in (
            (bytewise, [bytes([byte]) for byte in self.head()]),
            (linewise, [b"GET /v1/stream HTTP/1.1\r\n"] + [b"X-%d: y\r\n" % i for i in range(100)]))]
        for thread in threads:
            thread.start()
        ended = time_to_end([silent, bytewise, linewise], 9)
        stop.set()
        for thread in threads:
            thread.join()
        for at in ended:
            self.assertIsNotNone(at, ended)
            self.assertGreater(at, 3, ended)
            self.assertLess(at, 8 * kit.SLOW, ended)

    def test_an_honest_client_beside_slow_ones(self):
        """Heads that do not come take no honest client's place, and cost less than 12 KB each."""
        before = self.sotto.rss_kb()
        slow = [self.connect() for _ in range(800)]
        for raw in slow:
            raw.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: 127")
        for _ in range(5):
            begin = time.monotonic()
            self.open().close()
            self.assertLess(time.monotonic() - begin, 2 * kit.SLOW)
        if kit.SLOW == 1:
            self.assertLess(self.sotto.rss_kb() - before, len(slow) * 12)
        for raw in slow:
            raw.close()

    # --- large ---

    def test_heads_that_are_too_large(self):
        heads = (
                ("request line", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + self.host().encode() + b"\r\n\r\n"),
                ("one header", self.head("X-Large: " + "a" * 65536)),
                ("many headers", self.head(*["X-%d: %s" % (i, "a" * 100) for i in range(200)])),
                ("a name without end", self.head("X" * 20000 + ": y")))
        for (name, _), status in zip(heads, self.answers([data for _, data in heads])):
            self.assertNotIn(status, (101, 200, None), name)
        self.serves()

    # --- malformed ---

    def test_malformed_lines(self):
        heads = (
                ("CR only", self.head(end="\r")),
                ("folded line", self.head("X-Folded: a\r\n b")),
                ("no colon", self.head("nothing of a header")),
                ("NUL in a value", self.head("Origin: http://a\0b")),
                ("NUL in the path", self.head(request="GET /v1/stream\0 HTTP/1.1")),
                ("no version", self.head(request="GET /v1/stream")),
                ("another version", self.head(request="GET /v1/stream HTTP/2.0")),
                ("nonsense", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n"))
        for (name, _), status in zip(heads, self.answers([data for _, data in heads])):
            self.assertNotIn(status, (101, 200), name)
        self.serves()

    def test_what_the_library_takes_for_a_line(self):
        """Decided by libwebsockets, and harmless here: no proxy in front reads such heads otherwise than we do, because
        the request has no body and the connection belongs to this client alone from the 101 on."""
        self.assertEqual(self.answer(self.head(end="\n")), 101, "bare LF")
        self.assertEqual(self.answer(self.head(request="get /v1/stream HTTP/1.1")), 101, "method in lower case")

    # --- what must stand in it ---

    def test_upgrade_and_connection(self):
        for lines, status in (
                (("Upgrade: WebSocket", "Connection: keep-alive, Upgrade"), 101),
                (("Upgrade: websocket", "Connection: UPGRADE"), 101),
                (("Upgrade: -", "Connection: Upgrade"), 426),
                (("Upgrade: h2c", "Connection: Upgrade"), 0)):
            with self.subTest(lines):
                self.assertEqual(self.answer(self.head(*lines)), status)
        self.assertIn(self.answer(self.head("Upgrade: websocketx")), (0, 400, 403))

    def test_keys(self):
        good = KEY.split(": ")[1]
        keys = ("", "x", good[:-1], good + "=", good[:-2], "A" * 24, "*" * 22 + "==", "A" * 100, "A" * 300, "-")
        for key, status in zip(keys, self.answers([self.head("Sec-WebSocket-Key: " + key) for key in keys])):
            self.assertIn(status, (400, 0), key)

    def test_bodies(self):
        for line in ("Content-Length: 5", "Content-Length: 0", "Transfer-Encoding: chunked"):
            self.assertEqual(self.answer(self.head(line)), 400, line)

    def test_hosts(self):
        for status in self.answers([self.head("Host: -"), self.head("Host: ")]):
            self.assertIn(status, (400, 0))
        self.assertEqual(self.answer(self.head(self.host(), self.host())), 400)
        self.assertEqual(self.answer(self.head("Host: rebound.example")), 421)

    def test_connect_and_other_tunnels(self):
        requests = ("CONNECT 127.0.0.1:22 HTTP/1.1", "OPTIONS * HTTP/1.1", "TRACE /v1/stream HTTP/1.1",
                    "PRI * HTTP/2.0")
        heads = [self.head(request=request) for request in requests] + [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)]
        for head, status in zip(heads, self.answers(heads)):
            self.assertNotIn(status, (101, 200), head)
        self.serves()

    # --- subprotocols ---

    def test_a_list_of_protocols_that_is_too_long(self):
        """The library drops it, and often the connection with it: a JWT cannot travel there."""
        for status in self.answers([self.head("Sec-WebSocket-Protocol: sotto.v1, bearer." + "a" * n)
                                    for n in (120, 400, 4000)]):
            self.assertIn(status, (0, 400))

    def test_a_protocol_cannot_split_the_answer(self):
        ws = kit.WebSocket(self.sotto.port, headers=["Sec-WebSocket-Protocol: sotto.v1, a%0d%0aX-Evil: 1"])
        self.addCleanup(ws.close)
        self.assertNotIn("evil", ws.head.lower())

    # --- extensions ---

    def test_compression_is_never_negotiated(self):
        """Whatever is offered, also what has crashed others: no extension in the answer, and a session that works."""
        for offer in ("permessage-deflate", "permessage-deflate; client_max_window_bits",
                      "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
                      'permessage-deflate; server_max_window_bits="15"',
                      "permessage-deflate; server_max_window_bits=abc",
                      "permessage-deflate; server_max_window_bits=", "permessage-deflate; no_such=1",
                      "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
                      "x-webkit-deflate-frame", 'permessage-deflate; a="', ", ,;;=,"):
            with self.subTest(offer):
                ws = self.open(headers=["Sec-WebSocket-Extensions: " + offer])
                self.assertNotIn("sec-websocket-extensions", ws.head.lower())
                self.assertEqual(ws.start()["type"], "session.started")
        self.assertEqual(self.answer(self.head("Sec-WebSocket-Extensions: " + "permessage-deflate, " * 20)), 0)

    def test_a_compressed_frame_is_refused(self):
        """The bomb is not even looked at: bit RSV 1 means nothing without the extension."""
        ws = self.open(headers=["Sec-WebSocket-Extensions: permessage-deflate"])
        ws.frame(1, b"\xca\x48\xcd\xc9\xc9\x07\x00", rsv=4)
        self.assertEqual(ws.events_until_closed()[1], 1002)

    # --- together with it ---

    def test_frames_in_the_segment_of_the_handshake(self):
        raw = self.connect()
        start = b'{"type":"session.start","source":"en-US","targets":[],"rate":16000}'
        end = b'{"type":"session.end"}'

        def masked(opcode, payload):
            assert len(payload) < 65536
            return bytes([0x80 | opcode, 0xfe]) + len(payload).to_bytes(2, "big") + bytes(4) + payload \
                if len(payload) > 125 else bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload
        raw.sendall(self.head() + masked(1, start) + masked(2, kit.tone(0.2)) + masked(1, end))
        got = b""
        begin = time.monotonic()
        while b"session.ended" not in got:
            piece = raw.recv(65536)
            self.assertTrue(piece, got[-500:])
            got += piece
        self.assertTrue(got.startswith(b"HTTP/1.1 101 "))
        self.assertIn(b'"audio_ms":200', got)
        self.assertLess(time.monotonic() - begin, 8 * kit.SLOW)

    def test_a_frame_cut_by_the_handshake(self):
        raw = self.connect()
        frame = b"\x81\x92" + bytes(4) + b'{"type":"nothing"}'
        raw.sendall(self.head() + frame[:9])
        time.sleep(0.2)
        raw.sendall(frame[9:])
        got = b""
        while b"unknown_type" not in got:
            piece = raw.recv(65536)
            self.assertTrue(piece, got)
            got += piece


if __name__ == "__main__":
    unittest.main(verbosity=2)
