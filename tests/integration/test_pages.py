"""The web pages: where they are, what their headers promise, and that nothing else can be read through them."""
import hashlib
import http.client
import os
import re
import shutil
import tempfile
import unittest

import kit

WEB = os.path.join(kit.ROOT, "web")
POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
    "font-src": "'self'", "connect-src": "'self'", "worker-src": "'self'", "media-src": "'self' blob:",
    "manifest-src": "'self'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'"}
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def start(*args):
    """Nobody speaks in this test: no upstreams."""
    return kit.Sotto(1, 1, "", *args)


def path_of(name):
    return {"index.html": "/", "monitor.html": "/monitor"}.get(name, "/web/" + name)


def read(name):
    with open(os.path.join(WEB, name), "rb") as f:
        return f.read()


class Case(unittest.TestCase):
    def ask(self, path, method="GET", headers=None, **kw):
        """Paths go out as they are written here."""
        to = http.client.HTTPConnection("127.0.0.1", self.sotto.port, timeout=10 * kit.SLOW)
        try:
            to.request(method, path, headers=headers or {}, **kw)
            answer = to.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            to.close()


class Embedded(Case):
    @classmethod
    def setUpClass(cls):
        cls.sotto = start()
        cls.names = sorted(os.path.relpath(os.path.join(folder, name), WEB)
                           for folder, _, names in os.walk(WEB) for name in names if name != "package.json"
                           if not name.startswith(".") and not name.endswith("~"))

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-3000:]

    def test_every_file_is_served_as_it_is(self):
        self.assertIn("index.html", self.names)
        self.assertIn("monitor.html", self.names)
        for name in self.names:
            status, head, body = self.ask(path_of(name))
            self.assertEqual(status, 200, name)
            self.assertEqual(body, read(name), name)
            self.assertEqual(head["content-length"], str(len(body)))
            kind = TYPES.get(os.path.splitext(name)[1])
            if kind:
                self.assertEqual(head["content-type"], kind, name)

    def test_headers(self):
        for path in ("/", "/monitor"):
            _, head, _ = self.ask(path)
            policy = dict(part.strip().split(" ", 1) for part in head["content-security-policy"].split(";"))
            self.assertEqual(policy, POLICY)
            self.assertEqual(head["permissions-policy"], "camera=(), geolocation=(), microphone=(self)")
            self.assertEqual(head["cache-control"], "no-cache")
            self.assertEqual(head["x-content-type-options"], "nosniff")
            self.assertEqual(head["x-frame-options"], "DENY")
            self.assertEqual(head["referrer-policy"], "no-referrer")

    def test_pages_keep_their_own_policy(self):
        """No inline script or style, nothing from elsewhere: the policy would refuse it."""
        for name in ("index.html", "monitor.html"):
            text = read(name).decode()
            self.assertNotRegex(text, r"<script(?![^>]*\ssrc=)", name)
            self.assertNotRegex(text, r"<style\b|\sstyle=|\son\w+=", name)
            self.assertNotRegex(text, r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", name)

    def test_what_pages_name_is_there(self):
        """Every module that is imported, every file that a page names."""
        for name in self.names:
            if not name.endswith((".html", ".js")) or name.startswith("vendor/"):
                continue
            text = read(name).decode()
            named = re.findall(r"[\"'](/web/[^\"'\s]+)[\"']", text)
            named += [os.path.normpath(os.path.join(os.path.dirname(path_of(name)), it)) for it in
                      re.findall(r"^(?:import|export)[^\"';]*[\"'](\.\.?/[^\"']+)[\"']", text, re.M)]
            for path in named:
                self.assertEqual(self.ask(path)[0], 200, "%s names %s" % (name, path))

    def test_not_modified(self):
        for path in ("/", "/monitor"):
            _, head, body = self.ask(path)
            mark = head["etag"]
            self.assertEqual(mark, '"%s"' % hashlib.sha256(body).hexdigest()[:32])
            for known in (mark, "W/" + mark, '"other", ' + mark, "*"):
                status, head, rest = self.ask(path, headers={"If-None-Match": known})
                self.assertEqual((status, rest), (304, b""), known)
                self.assertEqual(head["etag"], mark)
                self.assertEqual(head["cache-control"], "no-cache")
                self.assertIn("content-security-policy", head)
            for other in ('"other"', mark[:-2] + '"', '"%s"' % ("x" * 500)):
                self.assertEqual(self.ask(path, headers={"If-None-Match": other})[0], 200, other)

    def test_head(self):
        _, whole, body = self.ask("/")
        status, head, none = self.ask("/", "HEAD")
        self.assertEqual((status, none), (200, b""))
        self.assertEqual(head["content-length"], str(len(body)))
        self.assertEqual(head["etag"], whole["etag"])
        self.assertEqual(self.ask("/", "HEAD", {"If-None-Match": head["etag"]})[0], 304)

    def test_one_connection_serves_all(self):
        to = http.client.HTTPConnection("127.0.0.1", self.sotto.port, timeout=10 * kit.SLOW)
        self.addCleanup(to.close)
        to.connect()
        port = to.sock.getsockname()[1]
        for name in self.names * 3:
            to.request("GET", path_of(name))
            self.assertEqual(to.getresponse().read(), read(name), name)
            self.assertEqual(to.sock.getsockname()[1], port, "the connection was closed")

    def test_nothing_else(self):
        for path in ("/web/", "/web", "/web/nothing.js", "/monitor/", "/index.html", "/web/index.html",
                     "/favicon", "/web/learner/page.css.bak"):
            self.assertEqual(self.ask(path)[0], 404, path)

    def test_only_get_and_head(self):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            status, head, _ = self.ask("/", method, body=b"")
            self.assertEqual(status, 405, method)
            self.assertEqual(head["allow"], "GET, HEAD")

    def test_a_page_of_elsewhere_cannot_load_it(self):
        """DNS rebinding: its name is in Host."""
        self.assertEqual(self.ask("/", headers={"Host": "rebound.example:%d" % self.sotto.port})[0], 421)


TRICKS = (
    "/web/../secret.js", "/web/..%2fsecret.js", "/web/%2e%2e/secret.js", "/web/%2e%2e%2fsecret.js",
    "/web/sub/../../secret.js", "/web/sub/..%2f..%2fsecret.js", "/web/..\\secret.js", "/web/..%5csecret.js",
    "/web/%252e%252e/secret.js", "/web//secret.js", "/web/./../secret.js", "/../secret.js", "/web/%00/../secret.js",
    "/web/secret.js%00.css", "/web/link.js", "/web/out/secret.js", "/web/.hidden.js", "/web/.git/config.js",
    "/web/notes.c", "/web/sub", "/web/%c0%ae%c0%ae/secret.js", "/web/..;/secret.js", "/web/" + "a/" * 60 + "secret.js",
    "/web/" + "a" * 3000 + ".js")


class Folder(Case):
    """--web-path: files as they are now, and nothing beyond the folder."""

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="sotto-web-")
        web = os.path.join(cls.dir, "web")
        os.makedirs(os.path.join(web, "sub"))
        os.makedirs(os.path.join(web, ".git"))
        cls.put("web/index.html", "<p>before")
        cls.put("web/big.js", "//" + "x" * 300000)
        for name in ("secret.js", "web/.hidden.js", "web/.git/config.js", "web/notes.c"):
            cls.put(name, "SECRET")
        os.symlink("../secret.js", os.path.join(web, "link.js"))
        os.symlink("..", os.path.join(web, "out"))
        cls.sotto = start("--web-path", web)

    @classmethod
    def tearDownClass(cls):
        assert cls.sotto.stop() == 0, cls.sotto.text()[-3000:]
        shutil.rmtree(cls.dir)

    @classmethod
    def put(cls, name, text):
        with open(os.path.join(cls.dir, name), "w") as f:
            f.write(text)

    def test_changes_are_seen_at_once(self):
        _, head, body = self.ask("/")
        self.assertEqual(body, b"<p>before")
        self.put("web/index.html", "<p>after!")
        status, _, body = self.ask("/", headers={"If-None-Match": head["etag"]})
        self.assertEqual((status, body), (200, b"<p>after!"))
        self.put("web/index.html", "<p>before")

    def test_long_files_come_whole(self):
        self.assertEqual(self.ask("/web/big.js")[2], b"//" + b"x" * 300000)

    def test_nothing_beyond_it(self):
        for path in TRICKS:
            try:
                status, _, body = self.ask(path)
            except http.client.RemoteDisconnected:
                continue  # not even a request
            self.assertIn(status, (400, 403, 404, 414), path)
            self.assertNotIn(b"SECRET", body, path)

    def test_there_must_be_a_folder(self):
        lost = kit.Program("sotto", "--listen", "127.0.0.1:0", "--web-path", os.path.join(self.dir, "nowhere"))
        lost.wait_for(r"no folder with the web pages.*web_path=")
        self.assertEqual(lost.process.wait(10 * kit.SLOW), 1)


if __name__ == "__main__":
    unittest.main()
