"""How WebSockets end: nothing after the end, nothing lost before it, nobody taken for dead who is not."""
import json
import os
import socket
import struct
import time
import unittest

import kit


class Close(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", "20", "--final-every-ms", "500"],
                                      chat=["--latency-ms", "20"])
        cls.sotto = cls.upstreams.sotto("--fronts", os.environ.get("SOTTO_FRONTS", "1")).wait_ready()

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-3000:]
        cls.upstreams.stop()

    def open(self, sotto=None, **kw):
        ws = kit.WebSocket((sotto or self.sotto).port, **kw)
        self.addCleanup(ws.close)
        self.assertEqual(ws.status, 101, ws.head)
        return ws

    def test_close_does_not_overtake(self):
        """The client's Close comes while answers wait for its socket: they are sent first. What is still being worked on
        (some tens of messages at most) is not waited for: session.end does that."""
        ws = self.open()
        ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        ws.start(partials=False, name="\1" * 200, **{"class": "\1" * 200})  # long answers
        count = 200
        for i in range(count):
            ws.send({"type": "session.update", "explain_in": "de", "targets": ["es", "fr", "it", "pt", "nl", "de", "pl"]})
        time.sleep(1 * kit.SLOW)
        ws.frame(8, struct.pack(">H", 1000))
        events, code = ws.events_until_closed()
        self.assertEqual(code, 1000)
        self.assertGreaterEqual(sum(e["type"] == "session.updated" for e in events), count - 64)

    def test_nothing_follows_a_fatal_error(self):
        """Partials and finals go on inside for a while; the client must not see them."""
        for _ in range(5):
            ws = self.open()
            ws.start(targets=["es", "fr"])
            kit.speak(ws, kit.tone(1.2), speed=4)
            ws.audio(bytes(65538))
            events, code = ws.events_until_closed()
            self.assertEqual((events[-1]["type"], events[-1].get("code"), code), ("error", "frame_too_big", 1009))

    def test_nothing_follows_the_librarys_own_close(self):
        """RSV bits: the Close is libwebsockets' own, and what was queued must not come after it."""
        for _ in range(5):
            ws = self.open()
            ws.start(targets=["es", "fr"])
            kit.speak(ws, kit.tone(1), speed=8)
            ws.send({"type": "session.update", "grammar": False})
            ws.frame(1, b"x", rsv=4)
            _, code = ws.events_until_closed()
            self.assertEqual(code, 1002)
            ws.sock.settimeout(1)
            try:
                after = ws.sock.recv(1000)
            except OSError:
                after = b""
            self.assertEqual(after, b"", "data after Close")

    def test_close_reaches_a_client_that_is_still_sending(self):
        """The error's answer must not be lost in a reset, although audio was waiting unread."""
        sotto = self.upstreams.sotto("--session-ms", "3000").wait_ready()
        try:
            ws = self.open(sotto)
            ws.start()
            try:
                for _ in range(60):  # far too fast: reading stops
                    ws.sock.settimeout(4 * kit.SLOW)
                    ws.audio(kit.tone(1))
            except OSError:
                pass
            events, code = ws.events_until_closed()
            self.assertEqual((events[-1]["code"], code), ("session_too_long", 1008))
        finally:
            self.assertEqual(sotto.stop(), 0)

    def test_declared_length(self):
        """The answer comes with the first byte, not with the last."""
        for length in (65537, 1 << 31, (1 << 32) + 5, 1 << 62):
            ws = self.open()
            ws.start()
            ws.sock.sendall(b"\x82\xff" + struct.pack(">Q", length) + b"\0\0\0\0" + b"x" * 10)
            events, code = ws.events_until_closed()
            self.assertEqual((events[-1]["code"], code), ("frame_too_big", 1009), length)

    def test_paused_client_is_not_dropped(self):
        """The speech API is away and the client's audio waits unread: pings cannot be answered, which is our doing."""
        upstreams = kit.Upstreams(speech=["--mute"])
        sotto = upstreams.sotto("--ping-s", "1", "--stt-ring-ms", "5000", "--idle-ms", "3000", "--stop-ms", "2000").wait_ready()
        try:
            ws = self.open(sotto)
            ws.start(targets=[])
            pcm = kit.tone(1)
            ws.sock.settimeout(0.2)
            begin = time.monotonic()
            blocked = False
            while time.monotonic() - begin < 7:
                try:
                    ws.sock.send(struct.pack(">BBH", 0x82, 0xfe, 32000) + b"\0\0\0\0" + pcm) if not blocked else time.sleep(0.1)
                except TimeoutError:
                    blocked = True
            self.assertTrue(blocked, "reading never stopped")
            self.assertEqual(sotto.metric("sotto_sessions"), 1)
        finally:
            ws.close()
            self.assertEqual(sotto.stop(), 0)
            upstreams.stop()

    def test_silent_peer_is_given_up(self):
        """Half open: no pong, no byte."""
        sotto = self.upstreams.sotto("--ping-s", "1").wait_ready()
        try:
            ws = self.open(sotto)
            ws.start()
            begin = time.monotonic()
            while sotto.metric("sotto_connections") > 0:  # the session is held
                self.assertLess(time.monotonic() - begin, 6 * kit.SLOW)
                time.sleep(0.1)
        finally:
            self.assertEqual(sotto.stop(), 0)

    def test_pinged_client_stays(self):
        sotto = self.upstreams.sotto("--ping-s", "1").wait_ready()
        try:
            ws = self.open(sotto)
            ws.start()
            ws.sock.settimeout(0.3)
            end = time.monotonic() + 4
            while time.monotonic() < end:
                with self.assertRaises(TimeoutError):  # pongs are sent in there, no event comes
                    ws.event()
            self.assertEqual(sotto.metric("sotto_sessions"), 1)
        finally:
            ws.close()
            self.assertEqual(sotto.stop(), 0)

    def test_flood_by_a_client_that_does_not_read(self):
        """Reading stops with the answers that do not leave; then the client is given up. Memory does not grow."""
        sotto = self.upstreams.sotto("--ping-s", "2").wait_ready()
        try:
            before = sotto.rss_kb()
            ws = self.open(sotto)
            ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            ws.start(partials=False)
            update = json.dumps({"type": "session.update", "targets": ["es", "fr", "it", "pt", "nl", "de", "pl"]})
            ws.sock.settimeout(1)
            with self.assertRaises(OSError):
                while True:
                    ws.send(update)
            begin = time.monotonic()
            while sotto.metric("sotto_connections") > 0:  # the session is held
                self.assertLess(time.monotonic() - begin, 8 * kit.SLOW)
                time.sleep(0.1)
            if kit.SLOW == 1:
                self.assertLess(sotto.rss_kb() - before, 16384)
            events, code = kit.run_session(sotto.port, kit.tone(1))
            self.assertEqual(code, 1000)
            kit.check_rules(events)
        finally:
            ws.close()
            self.assertEqual(sotto.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
