"""What is never told: no log line below trace and no metric holds a learner's words, a token or a key."""
import json
import re
import tempfile
import unittest

import kit

SPOKEN = "zephyrine quixotic marmalade wombat"
SECRETS = {
    "chat key": "sk-chatkey-5f3b9a7710",
    "speech key": "speechkey-8e1d22c04a",
    "bearer token": "eyJhbGciOiJIUzI1NiJ9.bearer-77aa01.sig",
    "token in the first message": "eyJhbGciOiJIUzI1NiJ9.first-99bb02.sig",
    "ticket": "ticket-31c5aa9e07",
    "wrong resume token": "wrongresume-6d1f8a2c9be04753a1c2d3e4f5061728",
    "token in the query": "query-0d47e2b3aa",
    "cookie": "cookie-6b12f8d9c4",
    "key of another service": "insecure-api-key-4c9e",
    "name": "Hildegardis",
    "class": "klasse-b7-geheim",
    "vocabulary": "frabjousword",
    "glossary": "callooh",
    "flush id": "flushid-2c41",
    "unknown type": "type-with-secret-93fd",
    "broken JSON": "brokenjson-55ce",
    "unknown field": "fieldvalue-1b2e",
}


def learner_words():
    """The words spoken, and as the test API translates them: in capitals."""
    return [word for spoken in SPOKEN.split() for word in (spoken, spoken.upper())]


class Logs(unittest.TestCase):
    def setUp(self):
        self.tokens = []  # given out by the server, to come back with

    def session(self, sotto):
        """Everything a client can put secrets into, with a session that says all the words."""
        for path in ("/healthz?token=", "/nothing/", "/v1/stream?token="):
            sotto.get(path + SECRETS["token in the query"], {"Authorization": "Bearer " + SECRETS["bearer token"],
                                                             "Cookie": "session=" + SECRETS["cookie"]})
        refused = kit.WebSocket(sotto.port, path="/v1/no", headers=[
            "Authorization: Bearer " + SECRETS["bearer token"],
            "Sec-WebSocket-Protocol: sotto.v1, bearer.%s" % SECRETS["ticket"]])
        refused.close()
        ws = kit.WebSocket(sotto.port, path="/v1/stream", headers=[
            "Authorization: Bearer " + SECRETS["bearer token"], "Cookie: session=" + SECRETS["cookie"],
            "Sec-WebSocket-Protocol: sotto.v1, openai-%s, bearer.%s" % (
                SECRETS["key of another service"], SECRETS["ticket"])])
        self.assertEqual(ws.status, 101, ws.head)
        ws.send('{"broken":"%s"' % SECRETS["broken JSON"])
        ws.send({"type": SECRETS["unknown type"]})
        started = ws.start(
            token=SECRETS["token in the first message"], name=SECRETS["name"], vocabulary=[SECRETS["vocabulary"]],
            glossary=[{"from": SECRETS["glossary"], "to": SECRETS["glossary"], "lang": "es"}],
            extra=SECRETS["unknown field"], **{"class": SECRETS["class"]})
        kit.speak(ws, kit.tone(3), speed=4)
        ws.send({"type": "audio.flush", "id": SECRETS["flush id"]})
        ws.send({"type": "session.end"})
        events, code = ws.events_until_closed()
        self.assertEqual(code, 1000)
        ws.close()
        self.come_back(sotto, started)
        return ws.head, events

    def come_back(self, sotto, started):
        """With a wrong token to resume with, and for the transcript."""
        ws = kit.WebSocket(sotto.port)
        resume = {"session": started["session"], "token": SECRETS["wrong resume token"], "seq": 0}
        ws.send({"type": "session.start", "resume": resume})
        self.assertEqual(ws.events_until_closed()[0][-1]["code"], "resume_refused")
        ws.close()
        self.tokens.append(started["resume_token"])
        status, text = sotto.get("/v1/sessions/%s/transcript.txt" % started["session"],
                                 {"Authorization": "Bearer " + SECRETS["bearer token"]})
        self.assertEqual(status, 200)
        self.assertIn(SPOKEN.split()[0], text)

    def told(self, text, where):
        for what, secret in SECRETS.items():
            self.assertNotIn(secret, text, "%s: %s" % (where, what))
        for word in learner_words():
            self.assertNotRegex(text, r"\b%s\b" % word, where)
        for token in self.tokens:
            self.assertNotIn(token, text, where)

    def run_with(self, log, *faults):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as script:
            script.write(SPOKEN)
            script.flush()
            speech = ["--latency-ms", "20", "--script", script.name, "--final-every-ms", "1000"]
            upstreams = kit.Upstreams(speech=speech,
                                      chat=["--latency-ms", "20", "--key", SECRETS["chat key"]])
            sotto = upstreams.sotto("--log", log, "--chat-key", SECRETS["chat key"],
                                    env={"SOTTO_STT_API_KEY": SECRETS["speech key"]}).wait_ready()
            heads, all_events = "", []
            for fault in (*faults, "none"):  # what was answered well is cached
                upstreams.chat_fault(fault)
                head, events = self.session(sotto)
                heads += head
                all_events += events
            metrics = sotto.get("/metrics")[1]
            self.assertEqual(sotto.stop(), 0)
            upstreams.stop()
            self.told(metrics, "/metrics")
            self.told(heads, "the answer to the handshake")
            return sotto.text(), all_events

    def test_debug(self):
        """With every fault of the chat API that has a log line, at the most talkative level that promises silence."""
        text, events = self.run_with("debug", "500#2", "400", "garbage", "refusal", "filter", "length", "echo", "half")
        spoken = " ".join(e["committed"] for e in events if e["type"] == "transcript" and e["final"])
        for word in SPOKEN.split():
            self.assertIn(word, spoken, "the session said something")
        self.assertIn(SPOKEN.split()[0].upper(), json.dumps(events))
        self.assertIn("level=debug", text)
        self.assertRegex(text, "level=warn")
        self.told(text, "the log")

    def test_print_config(self):
        """The configuration as it is shown masks its keys."""
        import os
        import subprocess
        shown = subprocess.run([os.path.join(kit.BIN, "sotto"), "--chat-key", SECRETS["chat key"], "--print-config"],
                               capture_output=True, text=True, timeout=20,
                               env={"SOTTO_STT_API_KEY": SECRETS["speech key"], "SOTTO_GRAMMAR_KEY": SECRETS["ticket"]})
        self.assertEqual(shown.returncode, 0)
        self.assertEqual(len(re.findall(r"= \(set\)", shown.stdout)), 3)
        self.told(shown.stdout + shown.stderr, "--print-config")


if __name__ == "__main__":
    unittest.main(verbosity=2)
