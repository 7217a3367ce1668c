"""SIGTERM: what is owed is delivered, clients are told, and the process is gone within stop_ms."""
import os
import signal
import socket
import tempfile
import threading
import time
import unittest

import kit

# Without a store nobody can come back, so sessions end here; test_resume.py tells of those that go on elsewhere.
LIMIT_S = 4
FORGETS = ("--store-path", "none", "--stop-ms", LIMIT_S * 1000)


class Stop(unittest.TestCase):
    def upstream(self, speech=("--latency-ms", "50", "--final-every-ms", "800"), chat=("--latency-ms", "50")):
        upstreams = kit.Upstreams(speech=speech, chat=chat)
        self.addCleanup(upstreams.chat.kill)
        self.addCleanup(upstreams.speech.kill)
        return upstreams

    def end(self, sotto):
        """Sends SIGTERM; the exit must be clean and in time."""
        begin = time.monotonic()
        self.assertEqual(sotto.stop(wait_s=LIMIT_S), 0, sotto.text()[-3000:])
        return time.monotonic() - begin

    def read(self, ws):
        result = {}
        thread = threading.Thread(target=lambda: result.update(all=ws.events_until_closed()))
        thread.start()
        result["thread"] = thread
        return result

    def session(self, sotto, **fields):
        ws = kit.WebSocket(sotto.port)
        self.addCleanup(ws.close)
        ws.start(**fields)
        return ws

    def test_idle_server(self):
        self.assertLess(self.end(self.upstream().sotto(*FORGETS).wait_ready()), 2 * kit.SLOW)

    def speaking(self, *args):
        sotto = self.upstream().sotto(*FORGETS, *args).wait_ready()
        sockets = [self.session(sotto) for _ in range(5)]
        readers = [self.read(ws) for ws in sockets]
        speakers = [threading.Thread(target=kit.speak, args=(ws, kit.tone(2))) for ws in sockets]
        for thread in speakers:
            thread.start()
        for thread in speakers:
            thread.join()
        self.end(sotto)
        for reader in readers:
            reader["thread"].join(10)
            events, code = reader["all"]
            self.assertEqual(code, 1001)
            kit.check_rules(events)
            kinds = [e["type"] for e in events]
            self.assertEqual(kinds.count("session.goaway"), 1)
            goaway = events[kinds.index("session.goaway")]
            self.assertEqual(goaway["reason"], "shutdown")
            self.assertLess(goaway["within_ms"], LIMIT_S * 1000)
            self.assertEqual(events[-1]["type"], "session.ended")
            self.assertEqual(events[-1]["reason"], "shutdown")
            self.assertEqual(events[-1]["usage"]["audio_ms"], 2000)
            # Everything said before the signal: each final with its translation and correction.
            spoken = [e["segment"] for e in kit.finals(events, "transcript")]
            self.assertEqual(kit.finals(events, "transcript")[-1]["end_ms"] // 100, 20)
            for kind in ("translation", "grammar"):
                self.assertEqual([e["segment"] for e in kit.finals(events, kind)], spoken)
                self.assertEqual([e for e in kit.finals(events, kind) if "failed" in e], [])

    def test_five_speaking_sessions(self):
        self.speaking()

    def test_five_speaking_sessions_on_three_fronts(self):
        self.speaking("--fronts", "3")

    def test_connections_without_a_session(self):
        sotto = self.upstream().sotto(*FORGETS).wait_ready()
        ws = kit.WebSocket(sotto.port)
        self.addCleanup(ws.close)
        reader = self.read(ws)
        self.assertLess(self.end(sotto), 2 * kit.SLOW)
        reader["thread"].join(10)
        self.assertEqual(reader["all"], ([], 1001))

    def test_client_that_does_not_read(self):
        sotto = self.upstream().sotto(*FORGETS).wait_ready()
        ws = self.session(sotto)
        ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        kit.speak(ws, kit.tone(1), speed=4)
        self.end(sotto)

    def test_mute_speech_upstream(self):
        """Nothing comes back: the session ends by its deadline all the same."""
        sotto = self.upstream(speech=("--mute",)).sotto(*FORGETS).wait_ready()
        ws = self.session(sotto)
        reader = self.read(ws)
        kit.speak(ws, kit.tone(1), speed=4)
        self.end(sotto)
        reader["thread"].join(10)
        events, code = reader["all"]
        self.assertEqual((events[-1]["type"], code), ("session.ended", 1001))

    def test_mute_chat_upstream(self):
        upstreams = self.upstream()
        sotto = upstreams.sotto(*FORGETS).wait_ready()
        upstreams.chat_fault("silent")
        ws = self.session(sotto)
        reader = self.read(ws)
        kit.speak(ws, kit.tone(2), speed=2)
        self.end(sotto)
        reader["thread"].join(10)
        events, code = reader["all"]
        self.assertEqual((events[-1]["type"], code), ("session.ended", 1001))
        self.assertGreaterEqual(len(kit.finals(events, "transcript")), 2)

    def test_chat_upstream_that_does_not_take_connections(self):
        """The stop comes in the middle of attempts to connect."""
        upstreams = self.upstream()
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(0)
            address = silent.getsockname()
            fillers = [socket.socket() for _ in range(3)]  # the queue holds one
            for filler in fillers:
                self.addCleanup(filler.close)
                filler.setblocking(False)
                filler.connect_ex(address)
            sotto = kit.Sotto(upstreams.speech_port, address[1], upstreams.ca)
            time.sleep(0.2)
            self.assertLess(self.end(sotto), 2 * kit.SLOW)

    def test_session_that_is_ending_already(self):
        """drain_ms is longer than the server has: session.ended still comes, with the client's own reason."""
        upstreams = self.upstream()
        sotto = upstreams.sotto(*FORGETS, "--drain-ms", "30000").wait_ready()
        upstreams.chat_fault("silent")
        ws = self.session(sotto)
        reader = self.read(ws)
        kit.speak(ws, kit.tone(1), speed=2)
        ws.send({"type": "session.end"})
        time.sleep(0.5)
        self.end(sotto)
        reader["thread"].join(10)
        events, code = reader["all"]
        self.assertEqual((events[-1]["type"], events[-1]["reason"], code), ("session.ended", "client", 1000))
        self.assertIn("session.goaway", [e["type"] for e in events])

    def test_under_load(self):
        """Requests at every stage when the pool goes away."""
        sotto = self.upstream(speech=("--latency-ms", "5", "--final-every-ms", "100"),
                              chat=("--latency-ms", "5")).sotto(*FORGETS, "--translate-partial-gap-ms", "0").wait_ready()
        sockets = [self.session(sotto, targets=["es", "fr", "de", "it", "pt", "nl"]) for _ in range(20)]
        readers = [self.read(ws) for ws in sockets]
        pcm = kit.tone(1)
        for ws in sockets:
            kit.speak(ws, pcm, speed=100)
        self.end(sotto)
        for reader in readers:
            reader["thread"].join(10)

    def stubborn(self, *args):
        """A server with a session whose client does not leave, and whose answers do not come."""
        upstreams = self.upstream()
        sotto = upstreams.sotto(*FORGETS, "--drain-ms", "30000", *args).wait_ready()
        upstreams.chat_fault("silent")
        ws = self.session(sotto)
        kit.speak(ws, kit.tone(1), speed=2)
        return sotto

    def test_second_signal_hurries(self):
        for first, second in ((signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)):
            sotto = self.stubborn("--stop-ms", "60000")
            sotto.process.send_signal(first)
            sotto.wait_for("stopping")
            time.sleep(0.3)
            self.assertTrue(sotto.alive())
            sotto.process.send_signal(second)
            self.assertEqual(sotto.process.wait(2 * kit.SLOW), 0)
            self.assertIn("told again: stopping at once", sotto.text())

    def test_not_ready_at_once(self):
        """A balancer that keeps its connection is told, and let go."""
        sotto = self.stubborn("--stop-ms", "3000")
        with socket.create_connection(("127.0.0.1", sotto.port), timeout=5) as sock:
            def ask():
                sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                answer = b""
                while not answer.endswith((b"ready\n", b"}\n")):
                    data = sock.recv(4096)
                    self.assertTrue(data, answer)
                    answer += data
                return answer.decode()
            self.assertIn(" 200 ", ask())
            sotto.process.send_signal(signal.SIGTERM)
            sotto.wait_for("stopping")
            answer = ask()
            self.assertIn(" 503 ", answer)
            self.assertIn("stopping", answer)
            self.assertEqual(sock.recv(4096), b"")
        self.end(sotto)

    def test_limit_is_kept(self):
        for stop_ms in (500, 2500):
            sotto = self.stubborn("--stop-ms", stop_ms)
            begin = time.monotonic()
            self.assertEqual(sotto.stop(), 0)
            self.assertLess(time.monotonic() - begin, (stop_ms / 1000 + 0.5) * kit.SLOW)

    def test_deadlines_are_spread(self):
        """They do not all come to the next server at once."""
        sotto = self.upstream().sotto(*FORGETS, "--stop-ms", "4000", "--fronts", "2").wait_ready()
        sockets = [self.session(sotto) for _ in range(20)]
        readers = [self.read(ws) for ws in sockets]
        self.end(sotto)
        within = []
        for reader in readers:
            reader["thread"].join(10)
            within += [e["within_ms"] for e in reader["all"][0] if e["type"] == "session.goaway"]
        self.assertEqual(len(within), 20)
        self.assertGreater(len(set(within)), 8)
        self.assertLess(min(within), 2000)
        self.assertGreaterEqual(min(within), 1000)
        self.assertLessEqual(max(within), 3000)

    def test_systemd_is_told(self):
        path = os.path.join(tempfile.mkdtemp(prefix="sotto-test-"), "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(10 * kit.SLOW)
            sotto = self.upstream().sotto(*FORGETS, env={"NOTIFY_SOCKET": path})
            self.assertEqual(notify.recv(100), b"READY=1")
            with socket.create_connection(("127.0.0.1", sotto.port), timeout=5):
                pass  # told only once it listens
            self.end(sotto)
            self.assertEqual(notify.recv(100), b"STOPPING=1")
        os.unlink(path)
        os.rmdir(os.path.dirname(path))


if __name__ == "__main__":
    unittest.main(verbosity=2)
