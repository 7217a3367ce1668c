"""The server's WebSocket against the cases of tests/conformance, and the runner against servers with faults: one that
cannot find them would prove nothing."""
import base64
import glob
import hashlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

import kit

RUNNER = os.path.join(kit.ROOT, "tests", "conformance", "run.py")
LIMIT_S = 60


def run(*args, timeout=LIMIT_S * 4):
    """Exit status, what was printed, and the results by case."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        done = subprocess.run([sys.executable, "-B", RUNNER, "--json", file.name, *args], capture_output=True,
                              text=True, timeout=timeout * kit.SLOW, env={**os.environ, "SOTTO_BIN": kit.BIN})
        text = file.read()
        results = {result["name"]: result for result in json.loads(text)} if text else {}
        return done.returncode, done.stdout + done.stderr, results


class Conformance(unittest.TestCase):
    def test_all_cases(self):
        status, text, results = run()
        print(text)
        self.assertEqual(status, 0, text)
        self.assertEqual(len(results), 301)
        self.assertNotIn("\033", text, "colours are for terminals")
        seconds = float(re.search(r"301 cases in ([\d.]+) s", text)[1])
        self.assertLess(seconds, LIMIT_S * kit.SLOW)

    def test_selection(self):
        status, _, results = run("--case", "2.1", "--case", "7.7.*", "--group", "2", "--group", "7")
        self.assertEqual((status, len(results)), (0, 14))
        self.assertEqual(run("--case", "99.1")[0], 2)


class Documented(unittest.TestCase):
    """What docs/conformance.md and docs/security.md name as their proofs exists."""

    def test_proofs_exist(self):
        paths = [path for kind in ("integration/test_*.py", "integration/soak_*.py", "unit/test_*.c", "sim/*.c")
                 for path in glob.glob(os.path.join(kit.ROOT, "tests", kind))]
        files = {os.path.splitext(os.path.basename(path))[0] for path in paths}
        tests = set()
        for path in paths:
            with open(path, encoding="utf-8") as file:
                tests |= set(re.findall(r"(?:def|static void) test_(\w+)\(", file.read()))
        for page, least in (("conformance", 80), ("security", 30)):
            proofs = self.proofs("docs/%s.md" % page)
            named = re.findall(r"`([a-z0-9_]+)`", proofs)
            self.assertEqual([name for name in named if name not in files and name not in tests], [], page)
            self.assertGreater(len(named), least, page)
            for path in re.findall(r"`(tests/[\w/.]+)`", proofs):
                self.assertTrue(os.path.exists(os.path.join(kit.ROOT, path)), path)

    def proofs(self, page):
        """The text of all columns that are headed "test"."""
        found, column = [], None
        with open(os.path.join(kit.ROOT, page), encoding="utf-8") as file:
            for line in file:
                cells = [cell.strip() for cell in line.split("|")]
                if not line.startswith("|"):
                    column = None
                elif "test" in cells:
                    column = cells.index("test")
                elif column is not None:
                    found.append(cells[column])
        return "\n".join(found)


class Faulty:
    """An echo server that does one thing wrong, in the plainest way."""

    def __init__(self, fault):
        self.fault = fault
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "ws://127.0.0.1:%d/" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                sock, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(sock,), daemon=True).start()
        except OSError:
            pass

    def serve(self, sock):
        with sock, sock.makefile("rb") as file:
            try:
                self.handshake(sock, file)
                while self.frame(sock, file):
                    pass
            except (OSError, ValueError, KeyError, struct.error):
                pass  # the client has gone

    def handshake(self, sock, file):
        fields = dict(line.split(": ") for line in iter(lambda: file.readline().decode().strip(), "") if ": " in line)
        key = fields["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        sock.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: %s\r\n\r\n" % accept).encode())

    def send(self, sock, opcode, payload):
        sock.sendall(bytes([0x80 | opcode, len(payload)]) + payload)

    def frame(self, sock, file):
        first, second = file.read(2)
        length = second & 0x7f
        if length == 126:
            length = struct.unpack(">H", file.read(2))[0]
        key, payload = file.read(4), file.read(length)
        payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
        opcode, fault = first & 0x0f, self.fault
        if opcode == 8:
            if fault != "no close":
                self.send(sock, 8, payload if fault != "other code" else struct.pack(">H", 4321))
            if fault == "stays open":
                file.read()
            return False
        if first & 0x70 and fault != "any bits":
            self.send(sock, 8, struct.pack(">H", 1002))
            return False
        if opcode == 9:
            self.send(sock, 10, payload if fault != "other pong" else b"pong")
        elif opcode in (1, 2):
            self.send(sock, 1 if fault == "always text" else opcode, payload[:-1] if fault == "cuts" else payload)
            if fault == "after close":
                sock.sendall(bytes([0x88, 2]) + struct.pack(">H", 1000) + bytes([0x81, 1]) + b"x")
        return True


class Runner(unittest.TestCase):
    """Each fault is found by a case that a sound server passes."""

    def found(self, fault, name, field, value):
        server = Faulty(fault)
        self.addCleanup(server.listener.close)
        status, text, results = run("--url", server.url, "--protocol", "", "--differences", "", "--case", name)
        self.assertEqual(results[name][field], value, text)
        self.assertEqual(status, 0 if value == "OK" else 1, text)

    def test_faults_are_found(self):
        tries = [("none", name, "verdict", "OK") for name in ("1.1.2", "1.2.2", "2.2", "3.1", "6.9.4", "7.7.1")] + [
                ("cuts", "1.1.2", "verdict", "FAILED"), ("always text", "1.2.2", "verdict", "FAILED"),
                ("other pong", "2.2", "verdict", "FAILED"), ("any bits", "3.1", "verdict", "FAILED"),
                ("none", "6.20.1", "verdict", "FAILED"), ("none", "7.9.1", "close", "WRONG CODE"),
                ("other code", "7.7.1", "close", "WRONG CODE"), ("no close", "7.7.1", "close", "UNCLEAN"),
                ("stays open", "7.7.1", "close", "LATE"), ("after close", "1.1.2", "verdict", "FAILED")]
        with ThreadPoolExecutor(len(tries)) as pool:
            for _ in pool.map(lambda one: self.found(*one), tries):
                pass

    def test_a_difference_that_is_gone_is_told(self):
        server = Faulty("none")
        self.addCleanup(server.listener.close)
        with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
            file.write("2.2\t+FAILED\tOK\tno longer true\n")
            file.flush()
            status, text, _ = run("--url", server.url, "--protocol", "", "--differences", file.name, "--case", "2.2")
            self.assertEqual(status, 1)
            self.assertIn("is gone", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
