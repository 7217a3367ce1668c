"""Who may read, export, delete and mint: everybody else is told that there is nothing."""
import os
import shutil
import subprocess
import tempfile
import unittest

import kit
import trust_kit
from test_transcripts import ask


class Roles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="sotto-roles-")
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.keys = trust_kit.keys(os.path.join(cls.dir, "keys"))
        cls.upstreams = kit.Upstreams()
        cls.sotto = cls.upstreams.sotto("--store-path", os.path.join(cls.dir, "sotto.db"),
                                        "--auth-keys", cls.keys).wait_ready()
        cls.port = cls.sotto.port
        cls.ana = cls.mint("learner", "ana", "7b")
        cls.ben = cls.mint("learner", "ben", "7b")
        cls.teacher = cls.mint("teacher", "lopez", "7b")
        cls.other = cls.mint("teacher", "moreau", "8a")
        cls.both = cls.mint("teacher", "weiss", "7b", "8a")
        cls.admin = cls.mint("admin", "root")
        cls.id = cls.speak(cls.ana, "7b")
        cls.speak(cls.ben, "7b")

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-2000:]

    @classmethod
    def mint(cls, role, sub, *classes):
        args = ["token", "--keys", cls.keys, "--role", role, "--sub", sub]
        for name in classes:
            args += ["--class", name]
        done = subprocess.run([os.path.join(kit.BIN, "sotto-admin"), *args], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @classmethod
    def speak(cls, token, name):
        events, _ = kit.run_session(cls.port, kit.tone(2), speed=4, token=token, **{"class": name})
        assert events[0]["type"] == "session.started", events
        return events[0]["session"]

    def ask(self, token, method, path, *args, **kw):
        headers = ["Authorization: Bearer " + token] if token else []
        return ask(self.port, method, path, *args, headers=headers, **kw)

    def statuses(self, method, path, **expected):
        for who, status in expected.items():
            answer = self.ask(getattr(self, who, None), method, path)
            self.assertEqual(answer.status, status, "%s %s %s: %s" % (who, method, path, answer.text))

    def test_transcripts(self):
        for name in ("transcript.json", "transcript.srt"):
            self.statuses("GET", "/v1/sessions/%s/%s" % (self.id, name), ana=200, teacher=200, both=200, admin=200,
                          ben=404, other=404, nobody=401)
        self.statuses("GET", "/v1/sessions/" + self.id, ana=200, teacher=200, admin=200, ben=404, other=404, nobody=401)

    def test_unknown_and_forbidden_look_alike(self):
        answers = [self.ask(self.ben, "GET", "/v1/sessions/%s/transcript.json" % name) for name in (self.id, "0" * 32)]
        self.assertEqual(answers[0].text, answers[1].text)
        self.assertEqual(answers[0].headers, answers[1].headers)

    def test_exports(self):
        self.statuses("GET", "/v1/classes/7b/export.csv", teacher=200, both=200, admin=200, ana=404, other=404, nobody=401)
        self.statuses("GET", "/v1/classes/8a/export.csv", teacher=404, other=404, admin=404)  # nothing was said there

    def test_lists(self):
        def listed(token, query=""):
            return [s["session"] for s in self.ask(token, "GET", "/v1/sessions" + query).json()["sessions"]]
        self.assertEqual(listed(self.ana), [self.id])
        self.assertNotIn(self.id, listed(self.ben))
        self.assertIn(self.id, listed(self.teacher))
        self.assertGreaterEqual(len(listed(self.admin)), 2)
        self.assertEqual(listed(self.other), [])
        self.statuses("GET", "/v1/sessions", both=400, nobody=401)
        self.statuses("GET", "/v1/sessions?class=7b", both=200, other=404, admin=200)

    def test_deletion_is_an_admin_s(self):
        path = "/v1/sessions/" + self.speak(self.ana, "7b")
        self.statuses("DELETE", path, ana=403, teacher=403, nobody=401)
        self.statuses("GET", path, ana=200)
        self.statuses("DELETE", path, admin=204)
        self.statuses("GET", path, ana=404, admin=404)

    def test_refused_tokens(self):
        def sign(**kw):
            return trust_kit.token(**{"role": "admin", **kw})
        path = "/v1/sessions/" + self.id
        self.assertEqual(self.ask(sign(), "GET", path).status, 200)
        for token in ("x", "x" * 43, "x" * 5000, "a.b.c", sign(life_s=-3600), sign(secret=b"y" * 32), sign(role="boss"),
                      sign(kid="b"), sign(header={"alg": "none"}), sign(nbf=2 ** 40), sign()[:-3]):
            answer = self.ask(token, "GET", path)
            self.assertEqual(answer.status, 401, token)
            self.assertTrue(answer.headers["www-authenticate"].startswith("Bearer"))
            self.assertNotIn(token, answer.text)
        self.assertEqual(ask(self.port, "GET", path, headers=["Authorization: Basic YTpi"]).status, 401)

    def test_minting(self):
        wish = {"role": "learner", "sub": "cleo", "class": "7b", "ttl_s": 600}
        for who in (self.ana, self.teacher):
            self.assertEqual(self.ask(who, "POST", "/v1/tokens", wish).status, 403)
        answer = self.ask(self.admin, "POST", "/v1/tokens", wish)
        self.assertEqual(answer.status, 201, answer.text)
        token = answer.json()["token"]
        self.assertEqual(self.ask(token, "GET", "/v1/sessions").json()["sessions"], [])
        self.assertEqual(self.ask(token, "GET", "/v1/sessions/" + self.id).status, 404)
        for wrong in ({**wish, "kid": "k9"}, {**wish, "sub": ""}):
            self.assertIn(self.ask(self.admin, "POST", "/v1/tokens", wrong).status, (400, 409))
        self.assertNotIn(token, self.sotto.text())

    def test_tickets_are_good_once(self):
        for who, wish in ((self.ana, {"kind": "ticket"}),
                          (self.admin, {"kind": "ticket", "role": "learner", "sub": "ana", "class": "7b"})):
            ticket = self.ask(who, "POST", "/v1/tokens", wish).json()["ticket"]
            path = "/v1/sessions/%s/transcript.txt" % self.id
            self.assertEqual(self.ask(ticket, "GET", path).status, 200)
            self.assertEqual(self.ask(ticket, "GET", path).status, 401)

    def test_guessing_tokens_ends(self):
        """Wrong tokens count against their address, over HTTP as over WebSockets."""
        sotto = self.upstreams.sotto("--store-path", "none", "--auth-keys", self.keys, "--peers-loopback",
                                     "--peers-failures", "3").wait_ready()
        try:
            self.assertEqual(ask(sotto.port, "GET", "/v1/sessions").status, 401)  # none is not a wrong one
            answers = [ask(sotto.port, "GET", "/v1/sessions", headers=["Authorization: Bearer x"]).status
                       for _ in range(3)]
            self.assertEqual(answers, [401, 401, 401])
            good = ask(sotto.port, "GET", "/v1/sessions", headers=["Authorization: Bearer " + self.admin])
            self.assertEqual(good.status, 429)
        finally:
            self.assertEqual(sotto.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
