"""Bad input, each with its documented answer (docs/protocol.md), and nothing lost for anybody else."""
import json
import os
import random
import socket
import threading
import time
import unittest

import kit
from hostile_kit import HostileCase


class Hostile(HostileCase):
    # --- before the session ---

    def test_audio_before_start(self):
        ws = self.open()
        ws.audio(bytes(3200))
        self.fatal(ws, "start_required", 1008)

    def test_no_start(self):
        ws = self.open()
        begin = time.monotonic()
        self.fatal(ws, "start_required", 1008)
        self.assertAlmostEqual(time.monotonic() - begin, 5, delta=1.5 * kit.SLOW)

    def test_first_message_is_no_start(self):
        ws = self.open()
        ws.send({"type": "session.end"})
        self.fatal(ws, "start_required", 1008)

    def test_garbage_then_a_good_start(self):
        ws = self.open()
        for text in ("garbage", "[]", "{}", '{"type":5}', "[" * 10000, '{"a":' * 10000):
            ws.send(text)
            self.mild(ws, "bad_message")
        ws.send({"type": "no.such"})
        self.mild(ws, "unknown_type")
        self.assertEqual(ws.start()["type"], "session.started")

    def test_ten_bad_messages(self):
        ws = self.open()
        ws.start()
        for _ in range(10):
            ws.send("nonsense")
        events, close = ws.events_until_closed()
        self.assertEqual(close, 1008)
        self.assertEqual([e["code"] for e in events], ["bad_message"] * 11)

    def test_settings(self):
        for fields, code in (({"rate": 7}, "unsupported_rate"), ({"rate": 96000}, "unsupported_rate"),
                             ({"targets": ["x%c" % (97 + i % 26) for i in range(65)]}, "too_many_targets"),
                             ({"source": "not a tag"}, "unsupported_language"),
                             ({"targets": ["en-US"]}, "unsupported_language"),
                             ({"resume": {"session": "x", "token": "y", "seq": 1}}, "resume_refused")):
            ws = self.open()
            ws.send({"type": "session.start", "source": "en-US", "targets": [], "rate": 16000, **fields})
            self.fatal(ws, code, 1008)

    # --- in a session ---

    def test_second_start(self):
        ws = self.open()
        ws.start()
        ws.send({"type": "session.start", "source": "en-US", "targets": [], "rate": 16000})
        self.mild(ws, "bad_message")
        ws.send({"type": "session.end"})
        self.assertEqual(ws.events_until_closed()[1], 1000)

    def test_large_text(self):
        ws = self.open()
        try:
            ws.send('{"type":"' + "x" * (1 << 20) + '"}')
        except OSError:
            pass  # closed while we were still sending
        try:
            self.fatal(ws, "frame_too_big", 1009)
        except OSError:
            pass  # what we were still sending reset the connection before the answer was read

    def test_large_audio_frame(self):
        ws = self.open()
        ws.start()
        ws.audio(bytes(65536))
        ws.audio(bytes(65538))
        self.fatal(ws, "frame_too_big", 1009)

    def test_too_many_fragments(self):
        ws = self.open()
        ws.frame(1, b"{", fin=False)
        for _ in range(1024):  # one past the limit with the first
            ws.frame(0, b" ", fin=False)
        self.fatal(ws, "frame_too_big", 1009)

    def test_bad_utf8(self):
        ws = self.open()
        ws.frame(1, b'{"type":"\xff\xfe"}')
        self.assertEqual(ws.events_until_closed()[1], 1007)

    def test_incomplete_utf8_in_an_empty_last_fragment(self):
        ws = self.open()
        ws.frame(1, b'{"type":"\xc3', fin=False)
        ws.frame(0, b"", fin=True)
        self.assertEqual(ws.events_until_closed()[1], 1007)

    def test_close_codes(self):
        for payload, code in ((b"", 1005), (b"\x03\xe8", 1000), (b"a", 1002), (b"\x03\xed", 1002),
                              (b"\x03\xe8\xff\xfe", 1007)):
            ws = self.open()
            ws.frame(8, payload)
            _, closed = ws.events_until_closed()
            self.assertIn(closed, (code, None) if code == 1005 else (code,), payload)

    def test_odd_and_empty_frames(self):
        ws = self.open()
        ws.start()
        pcm = kit.tone(3)
        at = 0
        for i in range(100000):
            size = (1, 3, 801, 0, 1599)[i % 5]
            ws.audio(pcm[at:at + size])
            at += size
            if at >= len(pcm):
                break
        ws.send({"type": "session.end"})
        events, code = ws.events_until_closed()
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        self.assertEqual(events[-1]["usage"]["audio_ms"], 3000)

    def test_odd_byte_at_the_end_is_dropped(self):
        ws = self.open()
        ws.start()
        ws.audio(bytes(3201))
        ws.send({"type": "session.end"})
        events, _ = ws.events_until_closed()
        self.assertEqual(events[-1]["usage"]["audio_ms"], 100)

    def test_fifty_times_real_time(self):
        """Served at its own pace and completely: 30 s of audio in one go take about (30 - 10) / 2 s."""
        ws = self.open()
        ws.start()
        begin = time.monotonic()
        reader = {}
        thread = threading.Thread(target=lambda: reader.update(all=ws.events_until_closed()))
        thread.start()
        kit.speak(ws, kit.tone(30), speed=50)
        ws.send({"type": "session.end"})
        thread.join(60 * kit.SLOW)
        events, code = reader["all"]
        took = time.monotonic() - begin
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        self.assertEqual(events[-1]["usage"]["audio_ms"], 30000)
        self.assertEqual([e["code"] for e in events if e["type"] == "error"], ["audio_too_fast"])
        text = " ".join(e["committed"] for e in kit.finals(events, "transcript")).split()
        self.assertEqual(text, ["word%d" % i for i in range(1, 101)])
        self.assertGreater(took, 9)

    def test_flush(self):
        ws = self.open()
        ws.start()
        ws.send({"type": "audio.flush", "id": "none"})
        event, _ = ws.expect("audio.flushed")
        self.assertEqual((event["id"], event["audio_samples"]), ("none", 0))
        kit.speak(ws, kit.tone(1))
        for name in "ab":
            ws.send({"type": "audio.flush", "id": name})
        first, seen = ws.expect("audio.flushed")
        self.assertEqual((first["id"], first["audio_samples"]), ("a", kit.RATE))
        self.assertEqual(len(kit.finals(seen, "transcript")), 1)
        self.assertEqual(len(kit.finals(seen, "translation")), 1)
        self.assertEqual(len(kit.finals(seen, "grammar")), 1)
        second, _ = ws.expect("audio.flushed")
        self.assertEqual(second["id"], "b")
        kit.speak(ws, kit.tone(1))
        ws.send({"type": "session.end"})
        events, code = ws.events_until_closed()
        self.assertEqual(code, 1000)
        self.assertEqual(kit.finals(events, "transcript")[-1]["segment"], 2)

    def test_too_many_flushes(self):
        ws = self.open()
        ws.start()
        ws.audio(kit.tone(0.5))
        for i in range(6):
            ws.send({"type": "audio.flush", "id": str(i)})
        events = []
        while sum(e["type"] == "audio.flushed" for e in events) < 4:
            events.append(ws.event())
        limited = [e for e in events if e["type"] == "error"]
        self.assertEqual([e["code"] for e in limited], ["rate_limited"] * 2)
        self.assertEqual([e["id"] for e in events if e["type"] == "audio.flushed"], list("0123"))

    def test_update_targets(self):
        ws = self.open()
        ws.start(targets=["es"])
        ws.send({"type": "session.update", "targets": ["fr", "de"], "grammar": False})
        event, _ = ws.expect("session.updated")
        self.assertEqual((event["targets"], event["grammar"]), (["fr", "de"], False))
        kit.speak(ws, kit.tone(1))
        ws.send({"type": "session.end"})
        events, _ = ws.events_until_closed()
        self.assertEqual(sorted(e["lang"] for e in kit.finals(events, "translation")), ["de", "fr"])
        self.assertEqual(kit.finals(events, "grammar"), [])

    def test_partials_off(self):
        events, _ = kit.run_session(self.sotto.port, kit.tone(4), partials=False, speed=2)
        self.assertTrue(all(e.get("final", True) for e in events))
        self.assertEqual(len(kit.finals(events, "transcript")), 2)

    def test_silence_for_long_is_no_fault(self):
        events, code = kit.run_session(self.sotto.port, bytes(2 * kit.RATE * 4), speed=2)
        self.assertEqual(code, 1000)
        self.assertEqual([e for e in events if e["type"] == "error"], [])

    # --- the handshake and plain HTTP ---

    def refused(self, status, **kw):
        ws = kit.WebSocket(self.sotto.port, **kw)
        self.addCleanup(ws.close)
        self.assertEqual(ws.status, status, ws.head)
        problem = json.loads(ws.body())
        self.assertEqual(problem["status"], status)
        return ws

    def test_handshakes(self):
        self.refused(404, path="/v1/nothing")
        self.refused(400, path="/v1/monitor", protocol="sotto.v1")
        self.refused(400, protocol=None)
        self.refused(400, protocol="other")
        self.refused(403, headers=["Origin: http://evil.example"])
        self.refused(421, headers=["Host: evil.example"])
        self.refused(400, headers=["Sec-WebSocket-Key: x"])
        self.refused(400, headers=["Content-Length: 5"])
        ws = self.refused(426, headers=["Sec-WebSocket-Version: 8"])
        self.assertIn("sec-websocket-version: 13", ws.head.lower())
        self.open(headers=["Origin: http://127.0.0.1:%d" % self.sotto.port])

    def test_plain_get_of_the_stream(self):
        status, body = self.sotto.get("/v1/stream")
        self.assertEqual(status, 426)
        self.assertIn("sotto.v1", body)
        self.assertEqual(self.sotto.get("/healthz", {"Host": "evil.example"})[0], 421)

    def test_half_a_request_is_given_up(self):
        with socket.create_connection(("127.0.0.1", self.sotto.port), timeout=15 * kit.SLOW) as s:
            s.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: 127")
            begin = time.monotonic()
            self.assertEqual(s.recv(100), b"")
            self.assertLess(time.monotonic() - begin, 12 * kit.SLOW)

    # --- the client that does not read ---

    def test_slow_reader_costs_nobody_else(self):
        slow = self.open()
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.start(targets=["es", "fr", "de", "it"])
        kit.speak(slow, kit.tone(2), speed=4)
        events, code = kit.run_session(self.sotto.port, kit.tone(3), speed=2)
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        self.assertTrue(self.sotto.alive())

    def test_zz_random_bytes(self):
        """Last: whatever comes, the server lives and serves."""
        seed = int.from_bytes(os.urandom(4), "big")
        print("seed", seed)
        random.seed(seed)
        for _ in range(200):
            with socket.create_connection(("127.0.0.1", self.sotto.port), timeout=5) as s:
                s.sendall(random.randbytes(random.randrange(1, 400)))
        for _ in range(60):
            ws = self.open()
            if random.random() < 0.5:
                ws.start()
            for _ in range(5):
                try:
                    ws.frame(random.randrange(16), random.randbytes(random.randrange(300)),
                             fin=random.random() < 0.7, rsv=random.choice((0, 0, 0, 4)))
                except OSError:
                    break
        events, code = kit.run_session(self.sotto.port, kit.tone(1))
        self.assertEqual(code, 1000)
        kit.check_rules(events)


if __name__ == "__main__":
    unittest.main(verbosity=2)
