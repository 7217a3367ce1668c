"""TLS: what is spoken and what is not, frames of every size in records of every size, slow and half-open handshakes,
and a certificate that is replaced while people speak."""
import concurrent.futures
import os
import socket
import ssl
import struct
import tempfile
import threading
import time
import unittest
import warnings

import kit
import trust_kit


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory(prefix="sotto-test-")
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", "20", "--final-every-ms", "800"],
                                      chat=["--latency-ms", "20"])
        cls.cert, cls.key = trust_kit.certificate(cls.dir.name, "first")
        cls.client = trust_kit.client(cls.cert)
        cls.sotto = cls.upstreams.sotto("--fronts", "3", "--tls-cert", cls.cert, "--tls-key", cls.key,
                                        tls=cls.client).wait_ready()

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-3000:]
        cls.upstreams.stop()
        cls.dir.cleanup()

    def connect(self, context=None):
        sock = socket.create_connection(("127.0.0.1", self.sotto.port), timeout=10 * kit.SLOW)
        return (context or self.client).wrap_socket(sock, server_hostname="localhost")

    def test_sessions_on_every_front(self):
        """Handshakes, audio and captions, more connections than fronts."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            pcm = kit.tone(2)
            runs = [pool.submit(kit.run_session, self.sotto.port, pcm, 2.0, tls=self.client) for _ in range(8)]
            for run in runs:
                events, code = run.result()
                self.assertEqual(code, 1000)
                kit.check_rules(events)
                self.assertTrue(kit.finals(events, "transcript"))
                self.assertTrue(kit.finals(events, "translation"))

    def test_what_is_spoken(self):
        with self.connect() as sock:
            self.assertEqual(sock.version(), "TLSv1.3")
        context = trust_kit.client(self.cert)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["h2", "http/1.1"])
        with self.connect(context) as sock:
            self.assertEqual(sock.version(), "TLSv1.2")
            self.assertRegex(sock.cipher()[0], "^ECDHE-ECDSA-.*(GCM|POLY1305)")
            self.assertEqual(sock.selected_alpn_protocol(), "http/1.1")
        old = trust_kit.client(self.cert)
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that is what is tested
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.connect(old)

    def test_plain_http_is_not_served(self):
        with socket.create_connection(("127.0.0.1", self.sotto.port), timeout=10 * kit.SLOW) as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                self.assertNotIn(b"200", sock.recv(100))
            except ConnectionError:
                pass

    def records(self, chunk, frames):
        """Frames of one session, cut into TLS records of `chunk` bytes whatever their borders; answers all samples."""
        ws = kit.WebSocket(self.sotto.port, tls=self.client)
        ws.start(targets=[], grammar=False, partials=False)
        samples = 0
        stream = b""
        for frame in frames:
            samples += len(frame) // 2
            head = b"\x82" + (bytes([0x80 | len(frame)]) if len(frame) < 126
                              else b"\xfe" + struct.pack(">H", len(frame)))
            stream += head + bytes(4) + frame  # a mask of zeros
        end = b'{"type":"session.end"}'
        stream += b"\x81" + bytes([0x80 | len(end)]) + bytes(4) + end

        def send():
            for at in range(0, len(stream), chunk):
                ws.sock.sendall(stream[at:at + chunk])
        sender = threading.Thread(target=send)
        sender.start()
        events, code = ws.events_until_closed()
        sender.join()
        ws.close()
        self.assertEqual(code, 1000, events[-3:])
        ended = events[-1]
        self.assertEqual(ended["type"], "session.ended")
        self.assertEqual(ended["usage"]["audio_ms"], samples * 1000 // kit.RATE)

    def test_many_frames_in_a_record(self):
        """What TLS has decrypted and the library has not read yet shows in no descriptor."""
        self.records(16384, [kit.tone(0.01)] * 300)
        self.records(1 << 20, [kit.tone(0.001)] * 2000)

    def test_large_frames_in_small_records(self):
        self.records(1000, [kit.tone(1.9)] * 2)
        self.records(7, [kit.tone(0.05)] * 3)

    def test_audio_that_has_to_wait(self):
        """More than the session takes at once: reading stops with decrypted bytes left over, and goes on."""
        self.records(16384, [kit.tone(1.9)] * 6)

    def test_slow_handshake(self):
        """Byte by byte it takes seconds, and works; one that never ends is ended."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.client.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", self.sotto.port), timeout=10 * kit.SLOW) as sock:
            while True:
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                else:
                    break
                for byte in outgoing.read():
                    sock.sendall(bytes([byte]))
                    time.sleep(0.002)
                incoming.write(sock.recv(65536))
            sock.sendall(outgoing.read())
            tls.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            sock.sendall(outgoing.read())
            answer = b""
            while b"ok\n" not in answer:
                data = sock.recv(65536)
                self.assertTrue(data, answer)
                incoming.write(data)
                try:
                    while piece := tls.read(65536):  # a record at a time, and several may have come
                        answer += piece
                except ssl.SSLWantReadError:
                    pass

    def test_half_open_handshakes_end(self):
        """Nothing, half a record, and garbage: all are closed within seconds, and nobody else waits for them."""
        half = b"\x16\x03\x01\x02\x00\x01\x00"
        socks = [socket.create_connection(("127.0.0.1", self.sotto.port), timeout=15 * kit.SLOW) for _ in range(60)]
        for i, sock in enumerate(socks):
            sock.sendall((b"", half, b"\x16\x03\x01\x00\x02\xff\xff")[i % 3])
        begin = time.monotonic()
        self.assertEqual(self.sotto.get("/healthz")[0], 200)
        self.assertLess(time.monotonic() - begin, 2 * kit.SLOW)
        for sock in socks:
            with sock:
                try:
                    while sock.recv(1000):
                        pass
                except ConnectionError:
                    pass
        self.assertLess(time.monotonic() - begin, 9 * kit.SLOW)

    def test_security_headers(self):
        with self.connect() as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(65536)
        self.assertRegex(head.decode().lower(), r"strict-transport-security: max-age=\d{7,}\r\n")

    def test_new_certificate(self):
        """SIGHUP shows the new one; who speaks goes on; a bad one changes nothing."""
        folder = os.path.join(self.dir.name, "renewed")
        cert, key = trust_kit.certificate(folder, "before")
        first = trust_kit.client(cert)
        sotto = self.upstreams.sotto("--fronts", "2", "--tls-cert", cert, "--tls-key", key, tls=first).wait_ready()
        speaking = kit.WebSocket(sotto.port, tls=first)
        speaking.start(targets=[])
        trust_kit.certificate(folder, "after", kind="rsa")
        second = trust_kit.client(cert)
        sotto.hup("reloaded")
        for _ in range(6):
            with second.wrap_socket(socket.create_connection(("127.0.0.1", sotto.port)),
                                    server_hostname="localhost") as sock:
                self.assertEqual(trust_kit.shown(sock), "after")
        kit.speak(speaking, kit.tone(1))
        speaking.send({"type": "session.end"})
        events, code = speaking.events_until_closed()
        self.assertEqual(code, 1000)
        self.assertEqual(events[-1]["usage"]["audio_ms"], 1000)
        speaking.close()
        trust_kit.write(key, b"this is no key\n")
        sotto.hup("not reloaded")
        self.assertIn("there is no private key", sotto.text())
        sotto.tls = second
        left_s = sotto.metric("sotto_tls_certificate_end_seconds") - time.time()
        self.assertAlmostEqual(left_s, 30 * 86400, delta=600)
        self.assertEqual(sotto.stop(), 0)


if __name__ == "__main__":
    unittest.main()
