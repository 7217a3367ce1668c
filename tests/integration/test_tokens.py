"""Who may speak: tokens in the header, in the first message and as tickets, wrong ones in every way, classes, expiry
during a session, resume by the same subject only, and keys that are rotated while people speak."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import kit
import trust_kit


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory(prefix="sotto-test-")
        cls.keys = trust_kit.keys(os.path.join(cls.dir.name, "keys"))
        cls.upstreams = kit.Upstreams(speech=["--latency-ms", "20", "--final-every-ms", "800"],
                                      chat=["--latency-ms", "20"])
        cls.sotto = cls.upstreams.sotto("--fronts", "2", "--auth-keys", cls.keys, "--log", "debug",
                                        "--resume-ms", "5000").wait_ready()

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-3000:]
        cls.upstreams.stop()
        cls.dir.cleanup()

    def open(self, header=None, protocol="sotto.v1", **kw):
        headers = ["Authorization: Bearer " + header] if header is not None else []
        ws = kit.WebSocket(self.sotto.port, headers=headers, protocol=protocol, **kw)
        self.addCleanup(ws.close)
        self.assertEqual(ws.status, 101, ws.head)
        return ws

    def start(self, ws, **fields):
        """What session.start is answered with, and the close code after an error."""
        ws.send({"type": "session.start", "source": "en-US", "targets": [], "rate": kit.RATE, **fields})
        event = ws.event()
        if event["type"] == "session.started":
            return event
        events, code = ws.events_until_closed()
        self.assertEqual(events, [])
        return event, code

    def started(self, ws, **fields):
        answer = self.start(ws, **fields)
        self.assertIsInstance(answer, dict, answer)
        return answer

    def refused(self, ws, **fields):
        answer = self.start(ws, **fields)
        self.assertIsInstance(answer, tuple, answer)
        event, code = answer
        self.assertEqual((event["type"], event["code"], event["fatal"], code), ("error", "unauthorized", True, 1008))
        return event["message"]

    def test_three_ways(self):
        good = trust_kit.token()
        self.started(self.open(good))
        self.started(self.open(), token=good)
        ws = self.open(good)
        self.assertNotIn("bearer", ws.head.lower())
        # The header is what counts: a token in the message cannot mend it.
        self.refused(self.open(trust_kit.token(life_s=-100)), token=good)

    def test_tickets(self):
        """For those who cannot send a header: good once, in the subprotocols or where a token stands."""
        def ticket():
            request = urllib.request.Request(
                "http://127.0.0.1:%d/v1/tokens" % self.sotto.port, data=b'{"kind":"ticket"}',
                headers={"Authorization": "Bearer " + trust_kit.token(**{"class": "7b"}),
                         "Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)["ticket"]
        one = ticket()
        self.assertRegex(one, "^[A-Za-z0-9_-]{43}$")
        ws = self.open(protocol="sotto.v1, bearer." + one)
        self.assertIn("sec-websocket-protocol: sotto.v1\r\n", ws.head.lower() + "\r\n")
        self.assertNotIn(one, ws.head)
        self.started(ws, **{"class": "7b"})
        self.refused(self.open(protocol="sotto.v1, bearer." + one))
        self.refused(self.open(), token=one)
        self.started(self.open(protocol="bearer.%s, sotto.v1" % ticket()))
        self.started(self.open(), token=ticket())
        self.refused(self.open(protocol="sotto.v1, bearer." + ticket()), **{"class": "8a"})
        self.refused(self.open(protocol="sotto.v1, bearer." + ticket()[:-1]))

    def test_wrong_tokens(self):
        """All get the same answer, before a session is allocated."""
        before = self.sotto.metric("sotto_sessions_total")
        refused = self.sotto.metric("sotto_tokens_refused_total")
        wrong = {
            "none": "",
            "garbage": "garbage",
            "expired": trust_kit.token(life_s=-100),
            "early": trust_kit.token(nbf=int(time.time()) + 300),
            "forged": trust_kit.token(secret=b"another secret of 32 bytes or so"),
            "unknown key": trust_kit.token(kid="b"),
            "alg none": trust_kit.token(header={"alg": "none", "kid": "a"}),
            "no signature": trust_kit.token(header={"alg": "none"}).rsplit(".", 1)[0] + ".",
            "no role": trust_kit.token(role=None),
            "wrong role": trust_kit.token(role="root"),
            "no exp": trust_kit.token(exp=None),
            "exp is text": trust_kit.token(exp="9999999999"),
            "too old": trust_kit.token(iat=int(time.time()) - 90000),
            "another audience": trust_kit.token(aud="bank"),
            "cut": trust_kit.token()[:-1],
            "oversized": trust_kit.token(padding="x" * 4000),
            "a ticket nobody has issued": "A" * 43,
        }
        answers = set()
        for name, token in wrong.items():
            with self.subTest(name):
                answers.add(self.refused(self.open(token)))
                message = self.refused(self.open(), token=token)
                if name != "oversized":
                    answers.add(message)
        self.refused(self.open())
        self.assertEqual(len(answers), 1, answers)
        self.assertEqual(self.sotto.metric("sotto_sessions_total"), before)
        self.assertGreaterEqual(self.sotto.metric("sotto_tokens_refused_total"), refused + 2 * len(wrong))

    def test_headers_that_are_no_tokens(self):
        for value in ("Basic YTpi", "Bearer", "bearer", trust_kit.token()):
            ws = kit.WebSocket(self.sotto.port, headers=["Authorization: " + value])
            self.assertEqual(ws.status, 101)
            self.refused(ws, token=trust_kit.token())
            ws.close()
        two = ["Authorization: Bearer " + trust_kit.token(), "authorization: Bearer " + trust_kit.token()]
        ws = kit.WebSocket(self.sotto.port, headers=two)
        self.assertEqual(ws.status, 400, ws.head)
        ws.close()
        ws = kit.WebSocket(self.sotto.port, headers=["Authorization: bEaReR   " + trust_kit.token()])
        self.started(ws)
        ws.close()

    def test_classes(self):
        learner, teacher = trust_kit.token(**{"class": "7b"}), trust_kit.token("teacher", **{"class": ["7b", "8a"]})
        self.started(self.open(learner), **{"class": "7b"})
        self.started(self.open(learner))
        self.started(self.open(teacher), **{"class": "8a"})
        self.started(self.open(trust_kit.token("admin")), **{"class": "x"})
        for token, name in ((learner, "8a"), (learner, "7"), (teacher, "9c"), (trust_kit.token(), "7b")):
            self.assertIn("class", self.refused(self.open(token), **{"class": name}))

    def test_expiry_during_a_session(self):
        """What was said is delivered, then the error comes and the socket closes."""
        now = int(time.time())
        ws = self.open(trust_kit.token(exp=now - 27))  # good for three more seconds by the leeway
        self.started(ws)
        kit.speak(ws, kit.tone(1))
        events, code = ws.events_until_closed()
        self.assertEqual(code, 1008)
        self.assertTrue(kit.finals(events, "transcript"))
        self.assertEqual((events[-1]["type"], events[-1]["code"]), ("error", "unauthorized"))
        self.assertIn("expired", events[-1]["message"])
        self.assertGreaterEqual(time.time(), now + 2.5)
        self.assertLess(time.time(), now + 8 * kit.SLOW)

    def test_resume_is_the_subjects(self):
        ws = self.open(trust_kit.token())
        started = self.started(ws)
        resume = {"session": started["session"], "token": started["resume_token"], "seq": 0}
        ws.sock.close()
        for token in (trust_kit.token(sub="bob"), trust_kit.token("admin", sub="root")):
            event, code = self.start(self.open(token), resume=resume)
            self.assertEqual((event["code"], code), ("resume_refused", 1008))
        self.refused(self.open(trust_kit.token(life_s=-100)), resume=resume)
        again = self.started(self.open(trust_kit.token()), resume=resume)
        self.assertEqual(again["session"], started["session"])

    def test_nothing_in_the_log(self):
        good = trust_kit.token(sub="carol-in-the-log")
        self.started(self.open(good))
        self.refused(self.open(good[:-2]))
        text = self.sotto.text()
        for secret in (good, good.split(".")[2], trust_kit.SECRET.decode()):
            self.assertNotIn(secret[:20], text)
        self.assertIn("token refused", text)

    def test_any_host_but_not_any_page(self):
        """With keys the server may have names; pages of elsewhere are still kept out."""
        good = trust_kit.token()
        ws = kit.WebSocket(self.sotto.port, headers=["Host: sotto.example", "Authorization: Bearer " + good])
        self.assertEqual(ws.status, 101, ws.head)
        ws.close()
        here = "http://127.0.0.1:%d" % self.sotto.port
        for origin, status in ((here, 101), (here.replace("http:", "https:"), 403), (here + ".evil.org", 403),
                               ("null", 403), ("http://127.0.0.1", 403), ("http://evil.org", 403)):
            ws = kit.WebSocket(self.sotto.port, headers=["Origin: " + origin])
            self.assertEqual(ws.status, status, origin)
            ws.close()

    def test_rotation_and_reload(self):
        """A second key is added, the first is taken away; who speaks is not disturbed, mistakes change nothing."""
        config = os.path.join(self.dir.name, "sotto.ini")
        keys = trust_kit.keys(os.path.join(self.dir.name, "rotating"))
        ini = "[server]\norigins = %s\nlog = info\n[auth]\nkeys = %s\n"
        trust_kit.write(config, (ini % ("https://one.example", keys)).encode())
        sotto = self.upstreams.sotto("--config", config).wait_ready()

        def speaks(secret, kid):
            ws = kit.WebSocket(sotto.port)
            self.addCleanup(ws.close)
            ws.send({"type": "session.start", "source": "en-US", "targets": [], "rate": kit.RATE,
                     "token": trust_kit.token(secret=secret, kid=kid)})
            return ws if ws.event()["type"] == "session.started" else None
        new = b"the secret of the year after this one"
        old = speaks(trust_kit.SECRET, "a")
        self.assertIsNotNone(old)
        self.assertIsNone(speaks(new, "b"))
        trust_kit.write(os.path.join(keys, "b.hs256"), new)
        trust_kit.write(config, (ini % ("https://two.example", keys) + "[chat]\nqueue_max = 5\n").encode())
        sotto.hup("reloaded")
        self.assertIsNotNone(speaks(trust_kit.SECRET, "a"))
        self.assertIsNotNone(speaks(new, "b"))
        self.assertRegex(sotto.text(), r'option changed" option="\[server\] origins"')
        self.assertRegex(sotto.text(), r'only a restart will use it" option="\[chat\] queue_max"')
        for origin, status in (("https://one.example", 403), ("https://two.example", 101)):
            ws = kit.WebSocket(sotto.port, headers=["Origin: " + origin])
            self.assertEqual(ws.status, status, origin)
            ws.close()
        os.unlink(os.path.join(keys, "a.hs256"))
        sotto.hup("reloaded")
        self.assertIsNone(speaks(trust_kit.SECRET, "a"))
        self.assertIsNotNone(speaks(new, "b"))
        # Mistakes: a weak key, a file that is none, keys given up, and a wrong option beside a good key.
        trust_kit.write(os.path.join(keys, "c.hs256"), b"short")
        sotto.hup("not reloaded")
        self.assertIn("c.hs256: a secret has 32 bytes", sotto.text())
        os.unlink(os.path.join(keys, "c.hs256"))
        trust_kit.write(config, b"[auth]\nkeys =\n")
        sotto.hup("not reloaded")
        trust_kit.write(os.path.join(keys, "a.hs256"), trust_kit.SECRET)
        trust_kit.write(config, (ini % ("x", keys) + "nonsense = 1\n").encode())
        sotto.hup("not reloaded")
        self.assertIsNone(speaks(trust_kit.SECRET, "a"))
        self.assertIsNotNone(speaks(new, "b"))
        # The session of the old key has gone on all the time.
        kit.speak(old, kit.tone(0.5))
        old.send({"type": "session.end"})
        self.assertEqual(old.events_until_closed()[1], 1000)
        self.assertEqual(sotto.stop(), 0)

    def test_secrets_of_the_process(self):
        """Neither its arguments nor its environment show them, and nobody of the same user may look into it."""
        sotto = self.upstreams.sotto("--auth-keys", self.keys, "--chat-key", "sk-in-an-argument",
                                     env={"SOTTO_GRAMMAR_KEY": "sk-in-a-variable"}).wait_ready()
        for name in ("cmdline", "environ"):
            with open("/proc/%d/%s" % (sotto.process.pid, name), "rb") as file:
                self.assertNotIn(b"sk-in-", file.read())
        self.assertEqual(os.stat("/proc/%d/mem" % sotto.process.pid).st_uid, 0)
        self.assertEqual(sotto.stop(), 0)
        self.assertNotIn("sk-in-", sotto.text())


class Start(unittest.TestCase):
    """What a server beyond loopback must have."""

    def fails(self, *args):
        done = subprocess.run([os.path.join(kit.BIN, "sotto"), "--listen", "0.0.0.0:0", *args], capture_output=True,
                              text=True, timeout=20 * kit.SLOW)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_beyond_loopback(self):
        with tempfile.TemporaryDirectory() as folder:
            keys = trust_kit.keys(os.path.join(folder, "keys"))
            cert, key = trust_kit.certificate(folder)
            text = self.fails()
            self.assertIn('missing="[auth] keys and [tls] cert"', text)
            self.assertIn("insecure = yes", text)
            self.assertIn('missing="[tls] cert"', self.fails("--auth-keys", keys))
            self.assertIn('missing="[auth] keys"', self.fails("--tls-cert", cert, "--tls-key", key))
            with_both = ("--auth-keys", keys, "--tls-cert", cert, "--tls-key", key)
            for args in (with_both, ("--insecure",)):
                sotto = kit.Program("sotto", "--listen", "127.0.0.1:0", *args, ready=r'msg="ready"')
                self.assertEqual(sotto.stop(), 0)

    def test_metrics_stay_here(self):
        """Asked from another address, which needs a network namespace to have one."""
        probe = ["unshare", "-n", "sh", "-c", "ip link set lo up && ip addr add 192.0.2.9/32 dev lo"]
        try:
            if subprocess.run(probe, capture_output=True, timeout=10).returncode != 0:
                self.skipTest("no rights to make a network namespace")
        except FileNotFoundError as missing:
            self.skipTest(str(missing))
        here = os.path.abspath(__file__)
        done = subprocess.run(probe[:-1] + [probe[-1] + ' && exec "$0" "$1" --elsewhere', sys.executable, here],
                              capture_output=True, text=True, timeout=60 * kit.SLOW)
        self.assertEqual(done.stdout.split(), ["200", "403", "200", "200"], done.stderr[-2000:])

    def test_hosts_without_keys(self):
        upstreams = kit.Upstreams()
        sotto = upstreams.sotto().wait_ready()
        self.assertEqual(sotto.get("/healthz", {"Host": "evil.example"})[0], 421)
        self.assertEqual(sotto.get("/healthz", {"Host": "localhost"})[0], 200)
        self.assertEqual(sotto.stop(), 0)
        told = upstreams.sotto("--insecure").wait_ready()
        self.assertEqual(told.get("/healthz", {"Host": "class.example"})[0], 200)
        self.assertEqual(told.stop(), 0)
        upstreams.stop()


def elsewhere():
    """In a namespace with 192.0.2.9: what /metrics and /healthz answer to this machine and to another address."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = trust_kit.certificate(folder)
        client = trust_kit.client(cert)
        upstreams = kit.Upstreams()
        sotto = upstreams.sotto("--listen", "0.0.0.0:0", "--tls-cert", cert, "--tls-key", key,
                                "--auth-keys", trust_kit.keys(os.path.join(folder, "keys")), tls=client)
        for path in ("/metrics", "/healthz"):
            for address in ("127.0.0.1", "192.0.2.9"):
                with socket.create_connection((address, sotto.port), source_address=(address, 0)) as plain:
                    with client.wrap_socket(plain, server_hostname="localhost") as sock:
                        sock.sendall(b"GET %s HTTP/1.1\r\nHost: sotto.example\r\n\r\n" % path.encode())
                        print(sock.recv(1000).split()[1].decode())
        sotto.stop()
        upstreams.stop()


if __name__ == "__main__":
    elsewhere() if "--elsewhere" in sys.argv else unittest.main()
