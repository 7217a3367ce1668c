"""A webhook's receiver by the book: what it is told, that it can check who tells it, and what becomes of letters that
it does not take."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import kit

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()


def certificate(folder):
    path = os.path.join(folder, "receiver.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", path, "-out", path + ".crt", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    with open(path, "a") as whole, open(path + ".crt") as cert:
        whole.write(cert.read())
    return path


class Receiver:
    """HTTPS, one letter at a time; `answers` are the next statuses, then 204."""

    def __init__(self, folder):
        self.letters, self.answers, self.lock = [], [], threading.Lock()
        self.headers = {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.take(self.path, dict((k.lower(), v) for k, v in self.headers.items()), body)
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca = certificate(folder)
        context.load_cert_chain(self.ca)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "https://127.0.0.1:%d/hooks/sotto" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path, headers, body):
        with self.lock:
            status = self.answers.pop(0) if self.answers else 204
            self.letters.append((status, path, headers, body))
            return status

    def wait(self, count, seconds=10):
        end = time.monotonic() + seconds * kit.SLOW
        while time.monotonic() < end:
            with self.lock:
                if len(self.letters) >= count:
                    return list(self.letters)
            time.sleep(0.02)
        raise AssertionError("%d letters, %d wanted" % (len(self.letters), count))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def verify(headers, body):
    """As docs/webhooks.md tells receivers to."""
    signed = "%s.%s." % (headers["webhook-id"], headers["webhook-timestamp"])
    mac = hmac.new(base64.b64decode(SECRET[len("whsec_"):]), signed.encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(mac).decode()
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return any(hmac.compare_digest(each, expected) for each in headers["webhook-signature"].split())


class Webhook(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sotto-webhook-")
        self.addCleanup(self.folder.cleanup)
        self.receiver = Receiver(self.folder.name)
        self.addCleanup(self.receiver.stop)
        self.upstreams = kit.Upstreams(speech=["--latency-ms", "20"], chat=["--latency-ms", "20"])
        self.addCleanup(self.upstreams.stop)

    def sotto(self, *flags):
        return self.upstreams.sotto("--webhook-url", self.receiver.url, *flags,
                                    env={"SOTTO_WEBHOOK_SECRET": SECRET}).wait_ready()

    def trusted(self, *flags):
        return self.sotto("--webhook-ca", self.receiver.ca, "--webhook-private", *flags)

    def session(self, sotto):
        events, code = kit.run_session(sotto.port, kit.tone(0.5), targets=["es"])
        self.assertEqual(code, 1000)
        return events

    def test_end_of_a_session(self):
        sotto = self.trusted()
        events = self.session(sotto)
        (_, path, headers, body), = self.receiver.wait(1)
        self.assertEqual((path, headers["content-type"]), ("/hooks/sotto", "application/json"))
        self.assertTrue(verify(headers, body))
        self.assertFalse(verify(headers, body.replace(b"session", b"session ")))
        letter = json.loads(body)
        self.assertEqual(letter["type"], "session.ended")
        self.assertEqual(letter["data"]["session"], events[0]["session"])
        self.assertEqual(letter["data"]["reason"], events[-1]["reason"])
        self.assertEqual(letter["data"]["usage"], events[-1]["usage"])
        self.assertNotIn("Ana", body.decode())
        sotto.settle("sotto_webhook_delivered_total", 1)
        self.assertNotIn(SECRET[6:], sotto.get("/metrics")[1] + sotto.text())
        self.assertEqual(sotto.stop(), 0)

    def test_tried_again_under_the_same_id(self):
        sotto = self.trusted()
        self.receiver.answers = [500, 302]
        begin = time.monotonic()
        self.session(sotto)
        letters = self.receiver.wait(3)
        self.assertGreater(time.monotonic() - begin, 4.9, "after one second, and four more")
        self.assertEqual(len({headers["webhook-id"] for _, _, headers, _ in letters}), 1)
        self.assertEqual(len({body for _, _, _, body in letters}), 1)
        self.assertTrue(all(verify(headers, body) for _, _, headers, body in letters))
        sotto.settle("sotto_webhook_failed_total", 2)
        self.assertEqual(sotto.stop(), 0)

    def test_dead_letters_are_kept(self):
        """A receiver that is gone for good (410), and one that takes nothing until the end of the process."""
        store = os.path.join(self.folder.name, "store.db")
        sotto = self.trusted("--store-path", store)
        self.receiver.answers = [410] + [500] * 9
        self.session(sotto)
        self.receiver.wait(1)
        self.session(sotto)
        self.receiver.wait(2)
        self.assertEqual(sotto.stop(), 0)
        self.receiver.wait(3)  # tried once more at the end
        with sqlite3.connect(store) as db:
            rows = db.execute("SELECT id, event, body, tries, why FROM letters ORDER BY wall_us").fetchall()
        self.assertEqual([row[1] for row in rows], ["session.ended"] * 2)
        self.assertEqual([row[3] for row in rows], [1, len(self.receiver.letters) - 1])
        self.assertIn("410", rows[0][4])
        self.assertEqual([row[0] for row in rows],
                         [self.receiver.letters[0][2]["webhook-id"], self.receiver.letters[1][2]["webhook-id"]])
        self.assertEqual(json.loads(rows[0][2])["type"], "session.ended")
        self.admin_sends(store, [row[0] for row in rows])

    def admin(self, store, *args):
        done = subprocess.run([os.path.join(kit.BIN, "sotto-admin"), "letters", "--store", store, *args],
                              capture_output=True, text=True, timeout=30 * kit.SLOW,
                              env={"PATH": os.environ["PATH"], "SOTTO_WEBHOOK_URL": self.receiver.url,
                                   "SOTTO_WEBHOOK_CA": self.receiver.ca, "SOTTO_WEBHOOK_PRIVATE": "true",
                                   "SOTTO_WEBHOOK_SECRET": SECRET})
        return done.returncode, done.stdout, done.stderr

    def admin_sends(self, store, ids):
        """sotto-admin tells of them, sends them, and keeps what is not taken."""
        self.receiver.answers = [503]
        known = len(self.receiver.letters)
        code, out, _ = self.admin(store)
        self.assertEqual((code, [line.split()[1] for line in out.splitlines()]), (0, ids))
        code, _, err = self.admin(store, "--send")
        self.assertEqual(code, 2)
        self.assertIn(ids[0] + ": answered with status 503", err)
        self.assertIn("1 sent, 1 not taken", err)
        for _, _, headers, body in self.receiver.letters[known:]:
            self.assertTrue(verify(headers, body))
        self.assertEqual([l[2]["webhook-id"] for l in self.receiver.letters[known:]], ids)
        code, out, _ = self.admin(store, "--json")
        self.assertEqual([json.loads(line)["id"] for line in out.splitlines()], ids[:1])
        self.assertEqual(self.admin(store, ids[1], "--remove")[0], 3)
        self.assertEqual(self.admin(store, "--remove")[0], 1)
        self.assertEqual(self.admin(store, ids[0], "--remove")[0], 0)
        self.assertEqual(self.admin(store)[:2], (0, ""))

    def test_alert(self):
        """The chat API's quota is used up: somebody is to know at once."""
        sotto = self.trusted()
        self.upstreams.chat_fault("quota")
        self.session(sotto)
        alerts = []
        for count in range(1, 4):
            letters = [json.loads(body) for _, _, _, body in self.receiver.wait(count)]
            alerts = [letter["data"] for letter in letters if letter["type"] == "alert"]
            if alerts:
                break
        self.assertEqual((alerts[0]["alert"], alerts[0]["state"]), ("chat_quota", "raised"))
        self.assertIn("billing", alerts[0]["help"])
        self.assertEqual(sotto.stop(), 0)

    def test_nobody_else_is_told(self):
        """Without trust in its certificate, or leave for private addresses, nothing arrives; sessions go on."""
        for flags, why in ((("--webhook-private",), "certificate"), (("--webhook-ca", self.receiver.ca), "private")):
            with self.subTest(why=why):
                sotto = self.sotto(*flags)
                self.session(sotto)
                sotto.wait_for("webhook letter was not taken.*" + why)
                self.assertEqual(sotto.stop(), 0)
        self.assertEqual(self.receiver.letters, [])

    def test_mistakes_are_told_at_the_start(self):
        for flags, secret, text in ((("--webhook-url", "http://example.com/"), SECRET, "https"),
                                    (("--webhook-url", "https://example.com/"), "short", "secret"),
                                    (("--webhook-url", "https://a:b@example.com/"), SECRET, "password")):
            with self.subTest(flags=flags):
                done = subprocess.run([os.path.join(kit.BIN, "sotto"), "--listen", "127.0.0.1:0", *flags],
                                      capture_output=True, text=True, timeout=20 * kit.SLOW,
                                      env={**os.environ, "SOTTO_WEBHOOK_SECRET": secret})
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("[webhook]", done.stderr)
                self.assertIn(text, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
