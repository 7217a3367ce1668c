"""sotto-say when its connection is lost, against a server that follows a script for each connection."""
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
import wave

import kit
from test_say import RATE, Peer
from test_say import Server as OneServer

SESSION = "0123456789abcdef0123456789abcdef"


class Server(OneServer):
    """Runs one of `scripts` for each connection, in order; `starts` holds their session.start messages."""

    def __init__(self, *scripts):
        self.scripts = scripts
        self.starts = []
        self.at = []  # when each connection came
        super().__init__(None)

    def run(self):
        for script in self.scripts:
            self.script = script
            self.listener.settimeout(20 * kit.SLOW)
            try:
                sock, _ = self.listener.accept()
                self.at.append(time.monotonic())
                with sock:
                    peer = Peer(sock)
                    peer.upgrade()
                    self.audio = b""
                    self.until(peer, "session.start")
                    self.starts.append(self.start)
                    script(self, peer)
            except (ConnectionError, OSError):
                pass
            except Exception as error:  # shown by the test
                self.error = error

    def hear(self, peer, samples):
        while len(self.audio) < samples * 2:
            if self.next(peer) == "close":
                raise ConnectionError


def started(peer, token, position=0, epoch=1, resume_ms=60000):
    peer.send(type="session.started", session=SESSION, epoch=epoch, open_segment=1, resume_token=token,
              audio_samples=position, limits={"drain_ms": 2000, "resume_ms": resume_ms}, t_ms=0)


def final(peer, seq, segment, text="hello"):
    peer.send(type="transcript", segment=segment, rev=9, final=True, committed=text, tentative="", seq=seq,
              start_ms=segment * 100, end_ms=segment * 100 + 90, language="en-US", t_ms=1)


def cut(peer):
    """The socket dies without a Close."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.file.close()
    peer.sock.close()
    raise ConnectionError


def finish(server, peer):
    server.until(peer, "session.end")
    server.rest = server.audio
    peer.send(type="session.ended", reason="client", usage={}, t_ms=9)
    peer.close(1000)
    server.until(peer, "close")


class SayResume(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.wav = os.path.join(self.dir.name, "in.wav")
        self.pcm = b"".join(struct.pack("<h", i % 30000 + 1) for i in range(RATE * 2))
        with wave.open(self.wav, "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
            out.writeframes(self.pcm)

    def tearDown(self):
        self.dir.cleanup()

    def command(self, server, *args):
        return [os.path.join(kit.BIN, "sotto-say"), "--url", "ws://127.0.0.1:%d/v1/stream" % server.port,
                "--target", "none", "--speed", "4", "--json", *args, self.wav]

    def say(self, *scripts, args=()):
        server = Server(*scripts)
        done = subprocess.run(self.command(server, *args), capture_output=True, timeout=30 * kit.SLOW)
        server.stop()
        self.err = done.stderr.decode()
        self.events = [json.loads(line) for line in done.stdout.decode().splitlines()]
        return server, done.returncode

    def finals(self):
        return [e["seq"] for e in self.events if e["type"] == "transcript"]

    def test_goes_on_where_the_server_says(self):
        def first(server, peer):
            started(peer, "t1")
            server.hear(peer, 6000)
            final(peer, 1, 1)
            time.sleep(0.2)
            cut(peer)

        def second(server, peer):
            started(peer, "t2", position=5001)
            final(peer, 2, 2)
            finish(server, peer)

        server, code = self.say(first, second)
        self.assertEqual(code, 0, self.err)
        self.assertNotIn("resume", server.starts[0])
        self.assertEqual(server.starts[1]["resume"], {"session": SESSION, "token": "t1", "seq": 1})
        self.assertEqual(server.rest, self.pcm[5001 * 2:])
        self.assertEqual(self.finals(), [1, 2])
        self.assertIn("nothing you say is lost", self.err)
        self.assertIn("connected again", self.err)

    def test_audio_that_was_acknowledged_comes_as_silence(self):
        def first(server, peer):
            started(peer, "t1")
            server.hear(peer, 8000)
            peer.send(type="audio.ack", audio_samples=4000, t_ms=1)
            time.sleep(0.2)
            cut(peer)

        def second(server, peer):
            started(peer, "t2", position=1000, epoch=2)
            final(peer, 1, 1)
            finish(server, peer)

        server, code = self.say(first, second)
        self.assertEqual(code, 0, self.err)
        self.assertEqual(server.rest, bytes(3000 * 2) + self.pcm[4000 * 2:])
        self.assertNotIn("not kept", self.err)

    def test_bound(self):
        def first(server, peer):
            started(peer, "t1")
            server.hear(peer, 28000)
            time.sleep(0.2)
            cut(peer)

        def second(server, peer):
            started(peer, "t2", position=0)
            final(peer, 1, 1)
            finish(server, peer)

        server, code = self.say(first, second, args=("--keep", "1"))
        self.assertEqual(code, 0, self.err)
        self.assertEqual(len(server.rest), len(self.pcm))
        gone = len(server.rest) - len(server.rest.lstrip(b"\0"))
        self.assertGreaterEqual(gone, 12000 * 2)
        self.assertEqual(server.rest[gone:], self.pcm[gone:])
        self.assertRegex(self.err, r"\d\.\d s of audio were not kept")

    def test_leaves_a_server_that_goes_away(self):
        def first(server, peer):
            started(peer, "t1")
            server.hear(peer, 3000)
            peer.send(type="session.goaway", reason="restart", within_ms=300, t_ms=1)
            server.until(peer, "audio.flush")
            server.heard = len(server.audio) // 2
            final(peer, 1, 1)
            peer.send(type="audio.flushed", audio_samples=server.heard, t_ms=2)
            server.until(peer, "close")

        def second(server, peer):
            started(peer, "t2", position=server.heard)
            finish(server, peer)

        server, code = self.say(first, second)
        self.assertEqual(code, 0, self.err)
        self.assertEqual(server.starts[1]["resume"], {"session": SESSION, "token": "t1", "seq": 1})
        self.assertEqual(server.rest, self.pcm[server.heard * 2:])

    def test_waits_as_long_as_it_is_told(self):
        def first(server, peer):
            started(peer, "t1")
            server.hear(peer, 3000)
            peer.close(1001)

        def full(server, peer):
            peer.send(type="error", code="over_capacity", message="full", retryable=True, retry_after_ms=900,
                      fatal=True, t_ms=1)
            peer.close(1013)

        def third(server, peer):
            started(peer, "t2", position=3000)
            final(peer, 1, 1)
            finish(server, peer)

        server, code = self.say(first, full, third)
        self.assertEqual(code, 0, self.err)
        self.assertGreaterEqual(server.at[2] - server.at[1], 0.9)

    def test_bugs_of_the_server_are_told(self):
        for seq, says in ((1, "came twice"), (3, "the one before it did not")):
            def script(server, peer, seq=seq):
                started(peer, "t1")
                final(peer, 1, 1)
                final(peer, seq, 2)
                finish(server, peer)

            _, code = self.say(script)
            self.assertEqual(code, 6, self.err)
            self.assertIn(says, self.err)

    def test_refused(self):
        def first(server, peer):
            started(peer, "t1")
            server.hear(peer, 3000)
            cut(peer)

        def second(server, peer):
            peer.send(type="error", code="resume_refused", message="no", retryable=False, fatal=True, t_ms=1)
            peer.close(1008)

        _, code = self.say(first, second)
        self.assertEqual(code, 3, self.err)

    def test_no_resume(self):
        def first(server, peer):
            started(peer, "t1")
            server.hear(peer, 3000)
            cut(peer)

        _, code = self.say(first, args=("--no-resume",))
        self.assertEqual(code, 4, self.err)

    def test_gives_up_with_the_server(self):
        def first(server, peer):
            started(peer, "t1", resume_ms=1000)
            server.hear(peer, 3000)
            server.listener.close()
            cut(peer)

        begin = time.monotonic()
        _, code = self.say(first)
        self.assertEqual(code, 4, self.err)
        self.assertLess(time.monotonic() - begin, 5 * kit.SLOW)

    def test_interrupt_while_away(self):
        def first(server, peer):
            started(peer, "t1")
            server.hear(peer, 3000)
            server.listener.close()
            cut(peer)

        server = Server(first)
        say = subprocess.Popen(self.command(server), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        server.thread.join(20 * kit.SLOW)
        time.sleep(0.3)
        say.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(say.poll())
        say.send_signal(signal.SIGINT)
        self.assertEqual(say.wait(10 * kit.SLOW), 128 + signal.SIGINT)
        self.assertIn(b"interrupt again", say.stderr.read())
        say.stderr.close()


if __name__ == "__main__":
    unittest.main()
