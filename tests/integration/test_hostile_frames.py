"""Frames that break RFC 6455 or strain the server, on a real session (docs/conformance.md). What any WebSocket server
must answer is in tests/conformance; here is what the server adds to its library, and what the library decides."""
import os
import random
import select
import socket
import struct
import threading
import time
import unittest

import kit
from hostile_kit import HostileCase, time_to_end

UPDATE = b'{"type":"session.update","grammar":false}'


def masked(opcode, payload=b"", fin=True, length=None):
    """A frame with a mask of zeros, its length written as `length` says: "16" or "64" bits, or as short as it goes."""
    head = bytes([(0x80 if fin else 0) | opcode])
    if length == "64":
        head += struct.pack(">BQ", 0xff, len(payload))
    elif length == "16" or len(payload) > 125:
        head += struct.pack(">BH", 0xfe, len(payload))
    else:
        head += bytes([0x80 | len(payload)])
    return head + bytes(4) + payload


def unread(raw, data, wait_s):
    """Sends without ever reading, for so long or until nothing more is taken; bytes that were."""
    raw.setblocking(False)
    sent, end = 0, time.monotonic() + wait_s
    while time.monotonic() < end:
        if not select.select([], [raw], [], 0.3)[1]:
            break
        try:
            sent += raw.send(data)
        except OSError:
            break
    return sent


class Frames(HostileCase):
    flags = ("--ping-s", "2")

    # --- what the library decides ---

    def test_frames_without_a_mask(self):
        """Accepted: the library does not tell. This test notices when a newer one does."""
        ws = self.open()
        ws.start()
        ws.frame(1, UPDATE, mask=False)
        self.assertEqual(ws.expect("session.updated")[0]["grammar"], False)

    def test_lengths_that_are_too_long(self):
        ws = self.open()
        ws.start()
        for length in ("16", "64"):
            ws.sock.sendall(masked(1, UPDATE, length=length))
            ws.expect("session.updated")

    def test_a_length_of_64_bits(self):
        """The highest bit must not be set: the connection ends at once, without a Close."""
        ws = self.open()
        ws.start()
        ws.sock.sendall(b"\x81\xff" + b"\x80" + bytes(7) + bytes(4) + b"x")
        self.assertEqual(ws.events_until_closed()[1], None)

    # --- what the server adds ---

    def test_a_mask_of_zeros(self):
        ws = self.open()
        ws.start()
        ws.sock.sendall(masked(1, UPDATE))
        ws.expect("session.updated")

    def test_a_frame_that_is_announced_only(self):
        """2^62 bytes that never come cost nothing, and the peer is given up when it does not answer pings."""
        before = self.sotto.rss_kb()
        ws = self.open()
        ws.start()
        ws.sock.sendall(b"\x82\xff" + struct.pack(">Q", 1 << 62))
        self.assertIsNotNone(time_to_end([ws.sock], 8)[0])
        self.assertLess(self.sotto.rss_kb() - before, 4096 * kit.SLOW)

    def test_empty_fragments(self):
        """A message without bytes has its bound in fragments."""
        ws = self.open()
        ws.start()
        try:
            ws.sock.sendall(masked(1, fin=False) + masked(0, fin=False) * 100000)
        except OSError:
            pass
        try:
            self.fatal(ws, "frame_too_big", 1009)
        except OSError:
            pass  # what we were still sending reset the connection before the answer was read
        self.serves()

    def test_ping_floods_are_closed(self):
        """Pings, pongs and empty pings, by peers that never read: pongs do not pile up, others are served meanwhile,
        and the flood ends."""
        before, floods = self.sotto.rss_kb(), self.sotto.metric("sotto_floods_closed_total")
        peers = []
        for frame in (masked(9, b"x" * 125) * 400, masked(9) * 5000, masked(10, b"y") * 5000):
            ws = self.open()
            ws.start(targets=[])
            ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peers.append(ws)
            thread = threading.Thread(target=unread, args=(ws.sock, frame, 9 * kit.SLOW))
            self.addCleanup(thread.join)
            thread.start()
        self.serves()
        end = time.monotonic() + 9 * kit.SLOW
        while self.sotto.metric("sotto_floods_closed_total") - floods < len(peers):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        self.assertLess(self.sotto.rss_kb() - before, 8192 * kit.SLOW)

    def test_pings_of_a_lively_client(self):
        """A ping for every message, ten a second and more, is no flood."""
        ws = self.open()
        ws.start(targets=[])
        for i in range(75):
            ws.frame(9, b"%d" % i)
            ws.frame(10, b"unasked")
            ws.audio(bytes(320))
            time.sleep(0.02)
        ws.send({"type": "session.end"})
        self.assertEqual(ws.events_until_closed()[1], 1000)

    def test_texts_that_come_too_fast(self):
        """Read more slowly, said once, and none is lost."""
        ws = self.open()
        ws.start(partials=False)
        begin = time.monotonic()
        count = 260
        reader = {}
        thread = threading.Thread(target=lambda: reader.update(all=ws.events_until_closed()))
        thread.start()
        ws.sock.sendall(masked(1, UPDATE) * count + masked(1, b'{"type":"session.end"}'))
        thread.join(30 * kit.SLOW)
        took = time.monotonic() - begin
        events, code = reader["all"]
        self.assertEqual(code, 1000)
        self.assertEqual([e["code"] for e in events if e["type"] == "error"], ["rate_limited"])
        self.assertEqual(sum(e["type"] == "session.updated" for e in events), count)
        self.assertGreater(took, (count - 200) / 50 - 0.5)

    def test_frames_that_come_too_fast(self):
        """Frames that carry next to nothing cost time all the same: 1,000 a second."""
        ws = self.open()
        ws.start(targets=[])
        begin = time.monotonic()
        ws.sock.sendall(masked(2, b"x") * 6500 + masked(1, b'{"type":"session.end"}'))
        events, code = ws.events_until_closed()
        self.assertEqual((events[-1]["type"], code), ("session.ended", 1000))
        self.assertGreater(time.monotonic() - begin, (6500 - 5000) / 1000 - 0.5)

    def test_octet_by_octet(self):
        ws = self.open()
        for octet in masked(1, b'{"type":"session.start","source":"en-US","targets":[],"rate":16000}'):
            ws.sock.sendall(bytes([octet]))
        ws.expect("session.started")
        pcm = kit.tone(0.1)
        for octet in masked(2, pcm):
            ws.sock.sendall(bytes([octet]))
        ws.send({"type": "session.end"})
        events, code = ws.events_until_closed()
        self.assertEqual((events[-1]["usage"]["audio_ms"], code), (100, 1000))

    def test_two_frames_cut_at_every_octet(self):
        ws = self.open()
        ws.start()
        both = masked(1, UPDATE) * 2
        for cut in range(1, len(both)):
            ws.sock.sendall(both[:cut])
            time.sleep(0.002)
            ws.sock.sendall(both[cut:])
            for _ in range(2):
                ws.expect("session.updated")

    # --- Close ---

    def test_a_close_storm(self):
        """One Close is answered, once; what follows is not looked at."""
        ws = self.open()
        ws.start()
        ws.sock.sendall(masked(8, struct.pack(">H", 1000)) * 1000)
        self.assertEqual(ws.events_until_closed(), ([], 1000))
        ws.sock.settimeout(5)
        try:
            self.assertEqual(ws.sock.recv(100), b"")
        except ConnectionResetError:
            pass

    def test_a_close_that_is_not_answered(self):
        """The server gives up waiting for the peer's Close, also when that goes on sending."""
        quiet, loud = self.open(), self.open()
        for ws in (quiet, loud):
            ws.start()
            ws.audio(bytes(65538))
        begin = time.monotonic()
        ended = []
        while len(ended) < 2 and time.monotonic() - begin < 9 * kit.SLOW:
            try:
                if loud not in ended:
                    loud.sock.sendall(masked(9, b"still here"))
            except OSError:
                ended.append(loud)
            if quiet not in ended and time_to_end([quiet.sock], 0.1)[0] is not None:
                ended.append(quiet)
        self.assertEqual(len(ended), 2)

    def test_who_is_still_speaking_hears_the_end(self):
        """Audio that comes while the connection closes is dropped, which must not be taken for a flood."""
        ws = self.open()
        ws.start(targets=[])
        pcm, stop = kit.tone(0.5), threading.Event()

        def speak():
            try:
                while not stop.is_set():
                    ws.audio(pcm)
                    time.sleep(0.05)
            except OSError:
                pass
        thread = threading.Thread(target=speak)
        thread.start()
        time.sleep(1)
        ws.send({"type": "session.end"})
        events, code = ws.events_until_closed()
        stop.set()
        thread.join()
        self.assertEqual((events[-1]["type"], code), ("session.ended", 1000))

    # --- ends that come at any byte ---

    def test_cut_at_any_byte(self):
        """By FIN and by RST: no session stays behind that nobody can come back to, and nothing crashes."""
        stream = self.head() + masked(1, b'{"type":"session.start","source":"en-US","targets":["es"],"rate":16000}') + \
            masked(2, kit.tone(0.1)) + masked(9, b"ping") + masked(1, UPDATE) + masked(8, struct.pack(">H", 1000))
        seed = int.from_bytes(os.urandom(4), "big")
        print("seed", seed)
        chance = random.Random(seed)
        for i in range(150):
            raw = self.connect()
            if i % 2:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.sendall(stream[:chance.randrange(1, len(stream))])
            if chance.random() < 0.3:
                time.sleep(0.01)
            raw.close()
        end = time.monotonic() + 10 * kit.SLOW
        while self.sotto.metric("sotto_connections") > 0:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.1)
        self.serves()


if __name__ == "__main__":
    unittest.main(verbosity=2)
