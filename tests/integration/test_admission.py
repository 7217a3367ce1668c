"""Who is let in: caps by address and behind proxies, admission by what is measured, and what a client hears."""
import json
import os
import re
import resource
import socket
import tempfile
import threading
import time
import unittest

import kit
import trust_kit


def upstreams(case):
    made = kit.Upstreams(speech=("--latency-ms", "20"), chat=("--latency-ms", "20"))
    case.addCleanup(made.chat.kill)
    case.addCleanup(made.speech.kill)
    return made


def metric(sotto, name, label):
    return sotto.metric('%s{%s}' % (name, label))


def wait_until(what, seconds=5):
    end = time.monotonic() + seconds * kit.SLOW
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


class Case(unittest.TestCase):
    def sotto(self, *args):
        sotto = upstreams(self).sotto(*args)
        self.addCleanup(sotto.kill)
        return sotto

    def open(self, sotto, **kw):
        ws = kit.WebSocket(sotto.port, **kw)
        self.addCleanup(ws.close)
        return ws


class Peers(Case):
    """Loopback is counted here, so that one address is this machine."""

    def refused(self, sotto, reason):
        return metric(sotto, "sotto_peers_refused_total", 'reason="%s"' % reason)

    def ask(self, port):
        """One connection's answer, with nothing sent."""
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            answer = b""
            while data := sock.recv(4096):
                answer += data
        return answer.decode()

    def test_connections(self):
        sotto = self.sotto("--peers-loopback", "--peers-connections", "3")
        sockets = [self.open(sotto) for _ in range(3)]
        self.assertEqual([ws.status for ws in sockets], [101] * 3)
        head, body = self.ask(sotto.port).split("\r\n\r\n")
        self.assertTrue(head.startswith("HTTP/1.1 429 "), head)
        self.assertIn("retry-after: 10", head)
        problem = json.loads(body)
        self.assertEqual(problem["status"], 429)
        self.assertIn("too many connections", problem["detail"])
        sockets[0].close()

        def taken():
            try:
                return self.open(sotto).status == 101
            except OSError:
                return False
        self.assertTrue(wait_until(taken))
        for ws in sockets:
            ws.close()
        self.assertTrue(wait_until(lambda: self.refused(sotto, "connections") >= 1))

    def test_unfinished(self):
        """One address opens many connections and asks for nothing, or byte by byte: others do not notice, and those of its own
        that have asked stay."""
        sotto = self.sotto("--peers-loopback", "--peers-unfinished", "10", "--peers-handshakes", "0")
        request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

        def attacker(*pieces):
            sock = socket.create_connection(("127.0.0.1", sotto.port), timeout=5, source_address=("127.0.0.2", 0))
            self.addCleanup(sock.close)
            for piece in pieces:
                sock.sendall(piece)
            return sock
        asked = attacker()

        def healthy():
            asked.sendall(request)
            answer = b""
            while not answer.endswith(b"\r\n\r\nok\n"):  # the head may come by itself
                piece = asked.recv(4096)
                self.assertTrue(piece, answer)
                answer += piece
            self.assertIn(b" 200 ", answer)
        healthy()
        slow = [attacker(*((request[:20],) if i % 2 else ())) for i in range(40)]
        self.assertTrue(wait_until(lambda: self.refused(sotto, "unfinished") == 30))
        for sock in slow[:10]:
            sock.sendall(b"x")
        answers = [self.rest(sock) for sock in slow[10:]]
        self.assertEqual({answer[:13] for answer in answers if answer}, {b"HTTP/1.1 429 "})
        self.assertTrue(any(b"retry-after: 5\r" in answer and b"asked for anything" in answer for answer in answers))
        self.open(sotto).start()
        healthy()
        # Their time is over, and their places are free again.
        self.assertTrue(wait_until(lambda: b" 200 " in self.rest(attacker(request[:-2] + b"Connection: close\r\n\r\n")), 10))
        self.assertEqual({self.rest(sock)[:5] for sock in slow[:10]}, {b""})

    def rest(self, sock):
        """What comes until the server closes."""
        answer = b""
        try:
            while data := sock.recv(4096):
                answer += data
        except ConnectionError:
            pass  # it had not read all that was sent
        return answer

    def test_places_are_given_back(self):
        """However a connection ends."""
        sotto = self.sotto("--peers-loopback", "--peers-connections", "2", "--peers-handshakes", "0")
        for i in range(30):
            with socket.create_connection(("127.0.0.1", sotto.port), timeout=5) as sock:
                sock.sendall((b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
                              b"nonsense\r\n\r\n")[i % 3])
                if i % 3:
                    sock.recv(4096)
            if i % 3 == 0:
                time.sleep(0.02)
        self.assertTrue(wait_until(lambda: sotto.metric("sotto_peers") == 1))  # who asks
        self.assertEqual(self.open(sotto).status, 101)

    def test_handshakes(self):
        sotto = self.sotto("--peers-loopback", "--peers-handshakes", "10")
        answers = []
        for _ in range(30):
            with socket.create_connection(("127.0.0.1", sotto.port), timeout=5) as sock:
                sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                # Nothing comes where the request came after the close.
                answers.append((self.rest(sock).split(b" ") + [b"429"])[1])
        self.assertGreaterEqual(answers.count(b"200"), 10)
        self.assertGreater(answers.count(b"429"), 5)
        time.sleep(1.1)
        self.assertGreater(self.refused(sotto, "handshakes"), 5)

    def test_loopback_is_not_counted_unless_told(self):
        sotto = self.sotto("--peers-connections", "1", "--peers-handshakes", "1", "--peers-sessions", "1")
        sockets = [self.open(sotto) for _ in range(10)]
        self.assertEqual([ws.status for ws in sockets], [101] * 10)
        for ws in sockets[:3]:
            ws.start()

    def test_proxy(self):
        """Whom the proxy names is counted; what a client puts before it is not believed."""
        sotto = self.sotto("--proxies", "127.0.0.1", "--peers-connections", "2", "--peers-sessions", "1")
        first = [self.open(sotto, headers=["X-Forwarded-For: 198.51.100.%d, 192.0.2.1" % i]) for i in range(3)]
        self.assertEqual([ws.status for ws in first], [101, 101, 429])
        problem = json.loads(first[2].body())
        self.assertEqual(problem["status"], 429)
        self.assertIn("retry-after: 10", first[2].head.lower())
        other = self.open(sotto, headers=["Forwarded: for=192.0.2.2;proto=https"])
        self.assertEqual(other.status, 101)
        sotto.settle("sotto_peers", 2)
        first[0].start()
        first[1].send({"type": "session.start", "source": "en-US", "targets": ["es"], "rate": kit.RATE})
        error, _ = first[1].expect("error")
        self.assertEqual((error["code"], error["fatal"]), ("over_capacity", True))
        self.assertGreater(error["retry_after_ms"], 0)
        other.start()
        first[0].send({"type": "session.end"})
        self.assertEqual(first[0].events_until_closed()[1], 1000)
        again = self.open(sotto, headers=["X-Forwarded-For: 192.0.2.1"])
        again.start()

    def test_nobody_else_speaks_for_others(self):
        sotto = self.sotto("--peers-loopback", "--peers-connections", "2")
        sockets = [self.open(sotto, headers=["X-Forwarded-For: 192.0.2.%d" % i]) for i in range(2)]
        self.assertEqual([ws.status for ws in sockets], [101, 101])
        self.assertIn(" 429 ", self.ask(sotto.port))

    def test_tokens(self):
        """A subject has so many sessions; an address that shows wrong tokens again and again is not asked any more."""
        with tempfile.TemporaryDirectory(prefix="sotto-test-") as folder:
            keys = trust_kit.keys(os.path.join(folder, "keys"))
            sotto = self.sotto("--auth-keys", keys, "--peers-loopback", "--peers-subject-sessions", "2",
                               "--peers-failures", "3")
            good = ["Authorization: Bearer " + trust_kit.token(sub="ana")]
            for _ in range(2):
                self.open(sotto, headers=good).start()
            third = self.open(sotto, headers=good)
            third.send({"type": "session.start", "source": "en-US", "targets": ["es"], "rate": kit.RATE})
            error, _ = third.expect("error")
            self.assertEqual(error["code"], "over_capacity")
            self.assertIn("subject", error["message"])
            self.open(sotto, headers=["Authorization: Bearer " + trust_kit.token(sub="ben")]).start()
            for _ in range(3):
                wrong = self.open(sotto, headers=["Authorization: Bearer " + trust_kit.token(secret=b"other" * 10)])
                wrong.send({"type": "session.start", "source": "en-US", "targets": ["es"], "rate": kit.RATE})
                self.assertEqual(wrong.expect("error")[0]["code"], "unauthorized")
            answer = self.ask(sotto.port)
            self.assertIn(" 429 ", answer)
            self.assertIn("tokens", answer)
            self.assertIn("retry-after: 60", answer)

    def test_wrong_configuration(self):
        program = kit.Program("sotto", "--proxies", "proxy.example")
        self.addCleanup(program.kill)
        self.assertEqual(program.process.wait(10 * kit.SLOW), 2)
        self.assertIn("proxies", program.text())


class Admission(Case):
    def sotto(self, *args):
        return super().sotto(*args).wait_ready()

    def refused(self, sotto):
        ws = self.open(sotto)
        ws.send({"type": "session.start", "source": "en-US", "targets": ["es"], "rate": kit.RATE})
        error, _ = ws.expect("error")
        self.assertEqual((error["code"], error["fatal"], error["retryable"]), ("over_capacity", True, True))
        events, code = ws.events_until_closed()
        self.assertEqual((events, code), ([], 1013))
        return error

    def test_every_signal_is_told(self):
        sotto = self.sotto()
        self.assertTrue(wait_until(lambda: metric(sotto, "sotto_admission_reading", 'signal="memory"') > 1e6))
        text = sotto.get("/metrics")[1]
        signals = re.findall(r'^sotto_admission_load\{signal="(\w+)"\} (\S+)$', text, re.M)
        self.assertEqual([name for name, _ in signals],
                         "sessions connections lag queue memory descriptors budget".split())
        for name, load in signals:
            self.assertLess(float(load), 1, name)
        descriptors = metric(sotto, "sotto_admission_reading", 'signal="descriptors"')
        sockets = [self.open(sotto) for _ in range(20)]
        self.assertTrue(wait_until(lambda: metric(
            sotto, "sotto_admission_reading", 'signal="descriptors"') >= descriptors + 20))
        self.assertEqual({ws.status for ws in sockets}, {101})

    def test_budget(self):
        """The third session would leave less than it needs: refused, and ready again when there is room."""
        sotto = self.sotto("--chat-requests-per-minute", "60", "--admission-session-requests", "25")
        first, second = self.open(sotto), self.open(sotto)
        first.start()
        second.start()
        self.assertTrue(wait_until(lambda: sotto.get("/readyz")[0] == 503))
        self.assertIn("budget", sotto.get("/readyz")[1])
        error = self.refused(sotto)
        self.assertIn("budget", error["message"])
        self.assertGreaterEqual(error["retry_after_ms"], 1000)
        self.assertEqual(metric(sotto, "sotto_admission_refused_total", 'reason="budget"'), 1)
        for ws in (first, second):
            ws.send({"type": "session.end"})
            ws.events_until_closed()
        self.assertTrue(wait_until(lambda: sotto.get("/readyz")[0] == 200, 10))
        self.open(sotto).start()

    def test_descriptors(self):
        """With most of them in use nobody new is taken, and those there are go on."""
        made = upstreams(self)
        sotto = made.sotto("--admission-descriptors-percent", "50", "--connections-max", "200",
                           preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))).wait_ready()
        self.addCleanup(sotto.kill)
        first = self.open(sotto)
        first.start()
        sockets = [self.open(sotto) for _ in range(90)]
        self.assertTrue(wait_until(lambda: "descriptors" in sotto.get("/readyz")[1]))
        self.assertIn("descriptors", self.refused(sotto)["message"])
        first.send({"type": "audio.flush", "id": "here"})
        self.assertEqual(first.expect("audio.flushed")[0]["id"], "here")
        self.assertIn("no session is taken", sotto.text())
        for ws in sockets:
            ws.close()
        self.assertTrue(wait_until(lambda: sotto.get("/readyz")[0] == 200, 10))
        self.open(sotto).start()

    def test_connections_max(self):
        sotto = self.sotto("--connections-max", "2")
        sockets = [self.open(sotto) for _ in range(4)]
        self.assertEqual([ws.status for ws in sockets], [101, 101, 503, 503])
        self.assertEqual(metric(sotto, "sotto_admission_refused_total", 'reason="connections"'), 2)
        for ws in sockets[2:]:
            self.assertGreater(int(re.search(r"retry-after: (\d+)", ws.head.lower())[1]), 0)

    def test_sessions_max_is_exact(self):
        sotto = self.sotto("--sessions-max", "2")
        first, second = self.open(sotto), self.open(sotto)
        first.start()
        second.start()
        error = self.refused(sotto)
        self.assertIn("as many sessions", error["message"])
        self.assertEqual(metric(sotto, "sotto_admission_refused_total", 'reason="sessions"'), 1)
        first.send({"type": "session.end"})
        first.events_until_closed()
        self.open(sotto).start()

    def test_retries_are_spread(self):
        sotto = self.sotto("--sessions-max", "1")
        self.open(sotto).start()
        waits = [self.refused(sotto)["retry_after_ms"] for _ in range(20)]
        self.assertGreater(len(set(waits)), 15)
        self.assertGreater(max(waits), 1.3 * min(waits))

    def test_storm_of_starts(self):
        """Eighty at once, fifty a second: the first at once, the others in their turn."""
        sotto = self.sotto("--admission-starts-per-second", "50")
        sockets = [self.open(sotto) for _ in range(80)]
        begin, times = time.monotonic(), []
        lock = threading.Lock()

        def start(ws):
            ws.start()
            with lock:
                times.append(time.monotonic() - begin)
        threads = [threading.Thread(target=start, args=(ws,)) for ws in sockets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.assertEqual(len(times), 80)
        times.sort()
        self.assertGreater(times[-1], (80 - 32) / 50 * 0.8)
        self.assertLess(times[-1], 3.5 * kit.SLOW)
        self.assertEqual(metric(sotto, "sotto_admission_refused_total", 'reason="turn"'), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
