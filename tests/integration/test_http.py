"""Plain HTTP beside the WebSocket: what /metrics says, connections that are used again, and what is turned away."""
import json
import re
import socket
import unittest

import kit

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(r'(%s)(?:\{((?:%s="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$' % (NAME, NAME))


def parse_metrics(text):
    """Prometheus text format 0.0.4, strictly: {name: (type, {labels: value})}."""
    assert text.endswith("\n")
    families, current = {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, help_text = line[7:].split(" ", 1)
            assert name not in families, "two HELP lines: " + name
            assert help_text, line
            families[name] = [None, {}]
            current = name
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == current and families[name][0] is None, "TYPE without its HELP: " + line
            assert kind in ("counter", "gauge", "histogram"), line
            families[name][0] = kind
        else:
            match = SAMPLE.match(line)
            assert match, "not a sample: " + line
            name, labels, value = match.groups()
            kind, samples = families[current]
            parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            allowed = [current + part for part in parts]
            assert name in allowed, "%s stands under %s" % (name, current)
            assert kind is not None, "no TYPE: " + line
            key = (name, labels)
            assert key not in samples, "twice: " + line
            samples[key] = float(value)
    for name, (kind, samples) in families.items():
        if kind == "histogram":
            check_histogram(name, samples)
    return families


def check_histogram(name, samples):
    """Bounds and counts grow, and the last bucket holds all."""
    series = {}
    for (sample, labels), value in samples.items():
        if sample == name + "_bucket":
            rest, le = re.fullmatch(r'(?:(.*),)?le="([^"]+)"', labels).groups()
            series.setdefault(rest, []).append((float(le), value))
    assert series, name
    for rest, buckets in series.items():
        assert buckets == sorted(buckets) and [v for _, v in buckets] == sorted(v for _, v in buckets), (name, rest)
        assert buckets[-1] == (float("inf"), samples[(name + "_count", rest)]), (name, rest)
        assert (name + "_sum", rest) in samples, (name, rest)


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", "20", "--final-every-ms", "800"],
                                      chat=["--latency-ms", "20"])
        cls.sotto = cls.upstreams.sotto("--fronts", "3").wait_ready()

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-3000:]
        cls.upstreams.stop()

    def raw(self, request, read=True):
        with socket.create_connection(("127.0.0.1", self.sotto.port), timeout=10 * kit.SLOW) as s:
            s.sendall(request.replace("HOST", "Host: 127.0.0.1:%d" % self.sotto.port).encode())
            answer = b""
            while read:
                data = s.recv(65536)
                if not data:
                    break
                answer += data
        return answer.decode(errors="replace")

    def test_metrics_are_valid(self):
        events, code = kit.run_session(self.sotto.port, kit.tone(2), targets=["es", "fr"])
        self.assertEqual(code, 1000)
        self.sotto.settle("sotto_sessions", 0)
        status, text = self.sotto.get("/metrics")
        self.assertEqual(status, 200)
        families = parse_metrics(text)
        for name, (kind, samples) in families.items():
            self.assertTrue(name.startswith("sotto_"), name)
            self.assertTrue(samples, name + " has no sample")
            self.assertEqual(kind == "counter", name.endswith("_total"), name)
            self.assertTrue(all(v >= 0 for v in samples.values()), samples)

        def value(name):
            return families[name][1][(name, None)]
        self.assertEqual(value("sotto_sessions_total"), 1)
        self.assertEqual(value("sotto_final_transcripts_total"), len(kit.finals(events, "transcript")))
        self.assertEqual(value("sotto_final_translations_total"), len(kit.finals(events, "translation")))
        self.assertEqual(value("sotto_audio_bytes_total"), 2 * 2 * kit.RATE)
        self.assertEqual(value("sotto_sessions"), 0)
        starts, handovers = families["sotto_session_start_seconds"][1], families["sotto_audio_handover_seconds"][1]
        self.assertEqual(starts[("sotto_session_start_seconds_count", None)], 1)
        self.assertEqual(handovers[("sotto_audio_handover_seconds_count", None)], 20, "blocks of 100 ms")
        self.assertLess(handovers[("sotto_audio_handover_seconds_sum", None)], 20 * 0.1 * kit.SLOW)
        self.assertEqual(sum(families["sotto_pool_requests_total"][1].values()), value("sotto_pool_sent_total"))
        self.assertGreater(value("sotto_pool_tokens_in_total"), 0)
        self.assertGreater(value("sotto_pool_tokens_out_total"), 0)
        loops = {labels for _, labels in families["sotto_loop_turns_total"][1]}
        self.assertEqual(loops, {'loop="front-0"', 'loop="front-1"', 'loop="front-2"', 'loop="upstream"'})

    def test_keep_alive(self):
        with socket.create_connection(("127.0.0.1", self.sotto.port), timeout=10 * kit.SLOW) as s:
            file = s.makefile("rb")
            self.addCleanup(file.close)
            for path, body in (("/healthz", b"ok\n"), ("/nothing", None), ("/readyz", b"ready\n")) * 3:
                s.sendall(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (path.encode(), self.sotto.port))
                self.assertIn(b" 404 " if body is None else b" 200 ", file.readline())
                length = 0
                while (line := file.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                got = file.read(length)
                if body is not None:
                    self.assertEqual(got, body)

    def test_pipelined(self):
        text = self.raw("GET /healthz HTTP/1.1\r\nHOST\r\n\r\nGET /readyz HTTP/1.1\r\nHOST\r\n\r\n"
                        "GET /healthz HTTP/1.1\r\nHOST\r\nConnection: close\r\n\r\n")
        self.assertEqual(re.findall(r"\r\n\r\n(ok|ready)\n", text), ["ok", "ready", "ok"])

    def test_old_http(self):
        text = self.raw("GET /healthz HTTP/1.0\r\nHOST\r\n\r\n")
        self.assertIn(" 200 ", text.splitlines()[0])
        self.assertTrue(text.endswith("\r\n\r\nok\n"))

    def test_head(self):
        text = self.raw("HEAD /healthz HTTP/1.1\r\nHOST\r\nConnection: close\r\n\r\n")
        self.assertIn(" 200 ", text.splitlines()[0])
        self.assertIn("content-length: 3\r\n", text)
        self.assertTrue(text.endswith("\r\n\r\n"))

    def test_only_get(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            body = "GET /healthz HTTP/1.1\r\nHOST\r\n\r\n"
            text = self.raw("%s /healthz HTTP/1.1\r\nHOST\r\nContent-Length: %d\r\n\r\n%s"
                            % (method, len(body) + 17, body))
            self.assertNotIn(" 200 ", text, method)
            self.assertNotIn("\r\n\r\nok\n", text, "a body was taken for a request")
            if method != "OPTIONS":
                self.assertIn(" 405 ", text.splitlines()[0], method)

    def handshake(self, line="GET /v1/stream HTTP/1.1", *headers):
        lines = [line, "HOST", "Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol: sotto.v1"]
        names = {h.split(":")[0] for h in headers}
        lines = [l for l in lines if l.split(":")[0] not in names] + list(headers)
        return self.raw("\r\n".join(lines) + "\r\n\r\n")

    def test_handshakes_of_other_kinds(self):
        for line in ("GET /v1/stream HTTP/1.0", "POST /v1/stream HTTP/1.1", "HEAD /v1/stream HTTP/1.1",
                     "PUT /v1/stream HTTP/1.1", "GET /v1/stream HTTP/2.0"):
            self.assertNotIn(" 101 ", self.handshake(line).split("\r\n")[0], line)
        for version in ("12", "8", "0", "013", "13abc", "13, 8"):
            text = self.handshake("GET /v1/stream HTTP/1.1", "Sec-WebSocket-Version: " + version)
            self.assertIn(" 426 ", text.splitlines()[0], version)
            self.assertIn("sec-websocket-version: 13", text.lower())

    def test_doubled_headers(self):
        host = "Host: 127.0.0.1:%d" % self.sotto.port
        for headers in ((host, host), ("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",) * 2,
                        ("Sec-WebSocket-Version: 13",) * 2, ("Origin: http://127.0.0.1:%d" % self.sotto.port,) * 2):
            text = self.raw("\r\n".join(
                ["GET /v1/stream HTTP/1.1"] + ([] if headers[0] == host else ["HOST"]) +
                ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Protocol: sotto.v1"] +
                ([] if "Version" in headers[0] else ["Sec-WebSocket-Version: 13"]) +
                ([] if "Key" in headers[0] else ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]) +
                list(headers)) + "\r\n\r\n")
            self.assertRegex(text.splitlines()[0], " (400|403|426) ", headers)

    def test_hosts(self):
        port = self.sotto.port
        for host in ("localhost:%d" % port, "127.0.0.1", "[::1]:%d" % port, "LOCALHOST"):
            self.assertEqual(self.sotto.get("/healthz", {"Host": host})[0], 200, host)
        for host in ("localhost.evil.example", "127.0.0.1.evil.example", "[::1].evil.example", "[::1",
                     "localhost:80:evil.example", "127.0.0.1:80x", "evil.example#localhost", "127.0.0.10"):
            self.assertEqual(self.sotto.get("/healthz", {"Host": host})[0], 421, host)

    def test_origins(self):
        own = "127.0.0.1:%d" % self.sotto.port
        for origin in ("null", "http://%s.evil.example" % own, "http://evil%s" % own, "http://127.0.0.1",
                       "http://127.0.0.1:1", "file://", own, "http://user@" + own, "http://%s/" % own):
            ws = kit.WebSocket(self.sotto.port, headers=["Origin: " + origin])
            self.addCleanup(ws.close)
            self.assertEqual(ws.status, 403, origin)
            self.assertEqual(json.loads(ws.body())["status"], 403)

    def test_configured_origins(self):
        sotto = self.upstreams.sotto("--origins", "https://a.example, https://b.example:8443")
        for origin, status in (("https://a.example", 101), ("https://b.example:8443", 101), ("HTTPS://A.example", 101),
                               ("https://b.example", 403), ("http://a.example", 403), ("https://a.example.evil", 403),
                               ("https://a.example, https://b.example:8443", 403),
                               ("http://127.0.0.1:%d" % sotto.port, 403)):
            ws = kit.WebSocket(sotto.port, headers=["Origin: " + origin])
            self.assertEqual(ws.status, status, origin)
            ws.close()
        self.assertEqual(sotto.stop(), 0)

    def test_a_protocol_of_the_library_is_not_served(self):
        """libwebsockets chose the first name it knew: a socket on the handler of plain HTTP, held without any limit."""
        for offered in ("http, sotto.v1", "sotto.v1, http", "http"):
            ws = kit.WebSocket(self.sotto.port, protocol=offered)
            self.addCleanup(ws.close)
            self.assertEqual(ws.status, 400, offered)
        ws = kit.WebSocket(self.sotto.port, protocol="other, sotto.v1, bearer.abc")
        self.addCleanup(ws.close)
        self.assertIn("sec-websocket-protocol: sotto.v1\r\n", ws.head.lower() + "\r\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
