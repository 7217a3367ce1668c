"""Rolling restarts: a second process takes the port over from the first, and no connection is refused, reset or left alone.

`test_takeover.py ROLLS` does so many restarts (2 unless said).
"""
import collections
import re
import socket
import sys
import threading
import time
import unittest

import kit

ROLLS = 2
STORMERS = 4


class Storm:
    """Clients that connect without a pause, ask and close; what became of each connection is counted."""

    def __init__(self, port):
        self.port, self.outcomes, self.running = port, collections.Counter(), True
        self.gap_s, self.last = 0.0, time.monotonic()  # the longest time without a served answer
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(STORMERS)]
        for thread in self.threads:
            thread.start()

    def request(self, index):
        if index % 2:
            return b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        return (b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                b"Sec-WebSocket-Protocol: sotto.v1\r\n\r\n")

    def once(self, index):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as sock:
                sock.sendall(self.request(index))
                head = sock.recv(4096)
        except OSError as error:
            return type(error).__name__
        return head.split(b" ", 2)[1].decode() if head else "nothing"

    def run(self, index):
        while self.running:
            outcome = self.once(index)
            now = time.monotonic()
            with self.lock:
                self.outcomes[outcome] += 1
                if outcome in ("200", "101"):
                    self.gap_s, self.last = max(self.gap_s, now - self.last), now

    def stop(self):
        self.running = False
        for thread in self.threads:
            thread.join(20)


class Takeover(unittest.TestCase):
    def setUp(self):
        self.upstreams = kit.Upstreams(speech=("--latency-ms", "20"), chat=("--latency-ms", "20"))
        self.addCleanup(self.upstreams.chat.kill)
        self.addCleanup(self.upstreams.speech.kill)

    def sotto(self, port, *args):
        return self.upstreams.sotto("--listen", "127.0.0.1:%d" % port, "--takeover", *args)

    def roll(self, rolls, *args):
        port = kit.free_port()
        sotto = self.sotto(port, *args)
        storm = Storm(port)
        for _ in range(rolls):
            successor = self.sotto(port, *args)
            begin = time.monotonic()
            self.assertEqual(sotto.stop(), 0, sotto.text()[-3000:])
            took_s = time.monotonic() - begin
            self.assertIn("new connections go to the successor", sotto.text())
            self.assertLess(took_s, 5 * kit.SLOW)
            sotto = successor
        time.sleep(0.2)
        storm.stop()
        print("%d restarts (%s): %s, longest time without service %.0f ms" % (
            rolls, " ".join(args), dict(storm.outcomes), storm.gap_s * 1000), file=sys.stderr)
        # 503: was queued at the old process; come again.
        self.assertEqual(set(storm.outcomes) - {"200", "101", "503"}, set(), storm.outcomes)
        self.assertGreater(storm.outcomes["200"] + storm.outcomes["101"], 50 * storm.outcomes["503"])
        self.assertLess(storm.gap_s, 1 * kit.SLOW)
        self.assertEqual(sotto.stop(), 0)

    def test_one_front(self):
        self.roll(ROLLS)

    def test_three_fronts(self):
        self.roll(ROLLS, "--fronts", "3")

    def test_epoll(self):
        self.roll(1, "--loop", "epoll")

    def test_a_port_in_use(self):
        """Without takeover it is an error that says what could be done."""
        sotto = self.upstreams.sotto()
        self.addCleanup(sotto.kill)
        second = kit.Program("sotto", "--listen", "127.0.0.1:%d" % sotto.port)
        self.addCleanup(second.kill)
        self.assertEqual(second.process.wait(10 * kit.SLOW), 1)
        self.assertIn("--takeover", second.text())
        self.assertIn("cannot listen", second.text())

    def test_spread_over_the_successors_fronts(self):
        port = kit.free_port()
        sotto = self.sotto(port, "--fronts", "2")
        successor = self.sotto(port, "--fronts", "2")
        self.addCleanup(successor.kill)
        self.assertEqual(sotto.stop(), 0)
        sockets = [kit.WebSocket(port) for _ in range(40)]
        turns = re.findall(r'sotto_loop_turns_total\{loop="front-\d"\} (\d+)', successor.get("/metrics")[1])
        for ws in sockets:
            ws.close()
        self.assertEqual(len(turns), 2)
        self.assertGreater(min(int(turn) for turn in turns), 40)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        ROLLS = int(sys.argv.pop(1))
    unittest.main(verbosity=2)
