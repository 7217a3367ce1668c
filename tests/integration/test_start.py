"""Starts that cannot succeed say why and which option to change, and end at once; and what the server says about itself."""
import os
import socket
import subprocess
import tempfile
import time
import unittest

import kit


class Start(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.upstreams = kit.Upstreams()
        cls.dir = tempfile.TemporaryDirectory(prefix="sotto-test-")

    @classmethod
    def tearDownClass(cls):
        cls.upstreams.stop()
        cls.dir.cleanup()

    def run_sotto(self, *args, env=None):
        """Runs to the end; returns exit status, standard output and standard error."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith("SOTTO_")}
        done = subprocess.run([os.path.join(kit.BIN, "sotto"), *args], capture_output=True, text=True,
                              cwd=self.dir.name, env={**ours, **(env or {})}, timeout=20 * kit.SLOW)
        return done.returncode, done.stdout, done.stderr

    def fails(self, *args, status=1, says=()):
        base = ["--listen", "127.0.0.1:0", "--stt-target", "127.0.0.1:%d" % self.upstreams.speech_port,
                "--stt-plaintext", "--chat-url", "https://127.0.0.1:%d/v1" % self.upstreams.chat_port,
                "--chat-ca", self.upstreams.ca]
        begin = time.monotonic()
        got, out, err = self.run_sotto(*base, *args)
        self.assertEqual(got, status, err)
        self.assertLess(time.monotonic() - begin, 5 * kit.SLOW)
        self.assertEqual(out, "")
        for text in says:
            self.assertIn(text, err)
        self.assertNotIn('msg="ready"', err)
        return err

    def file(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def test_port_taken(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            self.fails("--listen", "127.0.0.1:%d" % s.getsockname()[1], says=["cannot listen", "in use", "--listen"])

    def test_port_taken_by_another_sotto(self):
        """SO_REUSEPORT let the second one in, and each got half of the connections."""
        first = self.upstreams.sotto("--fronts", "2").wait_ready()
        for fronts in ("1", "3"):
            self.fails("--fronts", fronts, "--listen", "127.0.0.1:%d" % first.port, says=["cannot listen", "in use"])
        self.assertEqual(first.get("/healthz")[0], 200)
        self.assertEqual(first.stop(), 0)
        # And the port is free again at once.
        again = self.upstreams.sotto("--listen", "127.0.0.1:%d" % first.port)
        self.assertEqual(again.stop(), 0)

    def test_files(self):
        missing = os.path.join(self.dir.name, "missing.pem")
        garbage = self.file("garbage.pem", "this is no certificate\n")
        empty = self.file("empty", "")
        for option in ("ca", "credentials"):
            self.fails("--stt-" + option, missing, says=["[stt] " + option, missing, "No such file"])
        self.fails("--chat-ca", missing, says=["[chat] ca", missing, "No such file"])
        self.fails("--chat-ca", garbage, says=["[chat] ca", garbage, "no certificate"])
        self.fails("--stt-ca", self.dir.name, says=["[stt] ca", "directory"])
        self.fails("--stt-credentials", empty, says=["[stt] credentials", "empty"])

    def test_addresses(self):
        self.fails("--listen", "0.0.0.0:8080", says=["loopback", "listen=0.0.0.0:8080"])
        for text in ("127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:+80", "127.0.0.1:99999", "nowhere:1", ":80"):
            err = self.run_sotto("--listen", text)
            self.assertIn(err[0], (1, 2), text)
            self.assertIn("listen", err[2])
        self.fails("--stt-target", "speech.example:443", says=["plaintext", "target=speech.example:443"])
        self.fails("--chat-url", "ftp://x", says=["pool configuration is not valid"])

    def test_wrong_flags(self):
        for args, text in ((["--no-such"], "--no-such"), (["--fronts", "0"], "--fronts"), (["--fronts"], "--fronts"),
                           (["--loop", "select"], "loop"), (["--log", "loud"], "log"),
                           (["--stt-model"], "--stt-model"), (["--stt-model", "--chat-key", "x"], "--stt-model"),
                           (["--config"], "--config"), (["--config", "/no/such.ini"], "/no/such.ini"),
                           (["--stt-plaintext", "maybe"], "plaintext"),
                           (["--translate-cache", "0"], "--translate-cache"), (["--grammar-cache", "0"], "--grammar-cache")):
            status, out, err = self.run_sotto(*args)
            self.assertEqual(status, 2, (args, err))
            self.assertIn(text, err)
            self.assertLessEqual(len(err.splitlines()), 2, err)

    def test_help_fits_the_terminal(self):
        status, out, err = self.run_sotto("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual([line for line in out.splitlines() if len(line) > 80], [])
        self.assertEqual([line for line in out.splitlines() if line != line.rstrip()], [])
        for text in ("--listen", "--stt-target", "--chat-key", "[translate]", "(default: 127.0.0.1:8080)"):
            self.assertIn(text, out)

    def test_print_config_is_a_config(self):
        """What it prints can be read back, and then says the same."""
        status, first, _ = self.run_sotto("--print-config", "--fronts", "3", env={"SOTTO_STT_MODEL": "a b"})
        self.assertEqual(status, 0)
        self.assertIn("fronts = 3 ; --fronts\n", first)
        self.assertIn("model = a b ; SOTTO_STT_MODEL\n", first)
        status, second, err = self.run_sotto("--print-config", "--config", self.file("again.ini", first))
        self.assertEqual((status, err), (0, ""))

        def values(text):
            return [line.split(" ; ")[0] for line in text.splitlines()]
        self.assertEqual(values(first), values(second))

    def test_secrets_are_not_printed(self):
        status, out, err = self.run_sotto("--print-config", env={"SOTTO_CHAT_KEY": "sk-very-secret"})
        self.assertEqual(status, 0)
        self.assertNotIn("sk-very-secret", out + err)

    def test_unknown_variables_are_told(self):
        status, out, err = self.run_sotto("--print-config", env={"SOTTO_STT_TARGETT": "x", "SOTTO_FRONTS": "2",
                                                                 "SOTTO_CHAT_KEY": "k"})
        self.assertEqual(status, 0)
        self.assertIn("SOTTO_STT_TARGETT", err)
        self.assertNotIn("SOTTO_FRONTS", err)
        self.assertNotIn("SOTTO_CHAT_KEY", err)
        self.assertIn("fronts = 2 ; SOTTO_FRONTS", out)

    def test_signal_while_upstreams_are_missing(self):
        """Nobody answers behind it: it serves /healthz, is not ready, and stops cleanly."""
        sotto = kit.Sotto(kit.free_port(), kit.free_port(), self.upstreams.ca)
        self.assertEqual(sotto.get("/healthz")[0], 200)
        self.assertEqual(sotto.stop(wait_s=5), 0)

    def test_log_tells_no_words_and_no_tokens(self):
        """At info nothing of what is said, and never a token."""
        sotto = self.upstreams.sotto(env={"SOTTO_CHAT_KEY": "key-of-the-api"}).wait_ready()
        ws = kit.WebSocket(sotto.port, headers=["Authorization: Bearer header-token"],
                           protocol="sotto.v1, bearer.ticket-token")
        ws.start(token="message-token", name="Nemo Nobody", vocabulary=["xylophone"],
                 glossary=[{"from": "harpsichord", "to": "clave", "lang": "es"}])
        kit.speak(ws, kit.tone(2), speed=2)
        ws.send('{"type":"nonsense-type"}')
        ws.send("nonsense-text")
        ws.send({"type": "session.end"})
        events, code = ws.events_until_closed()
        ws.close()
        self.assertEqual(code, 1000)
        said = {w for e in kit.finals(events, "transcript") for w in e["committed"].split()}
        self.assertGreater(len(said), 3)
        log = sotto.text()
        self.assertEqual(sotto.stop(), 0)
        log = sotto.text()
        self.assertIn('msg="session started"', log)
        for text in said | {"key-of-the-api", "header-token", "ticket-token", "message-token", "Nemo", "xylophone",
                            "harpsichord", "nonsense"}:
            self.assertNotIn(text, log)
        self.assertNotIn("level=error", log.lower())


if __name__ == "__main__":
    unittest.main(verbosity=2)
