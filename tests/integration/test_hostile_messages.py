"""JSON that is wrong in every way, and messages that come too fast: each has its answer, and the session goes on."""
import json
import time
import unittest

import kit
from hostile_kit import HostileCase

GOOD = {"type": "session.start", "source": "en-US", "targets": ["es"], "rate": 16000}
# JSON values of every other type, for a field of each type.
VALUES = {"string": "x", "number": 1, "real": 1.5, "bool": True, "list": [], "list of lists": [[]], "object": {},
          "null": None}


class Messages(HostileCase):
    def refused(self, texts, code="bad_message"):
        """Each is answered by this error, and a session can still be started."""
        ws = self.open()
        for text in texts:
            ws.frame(1, text if isinstance(text, bytes) else text.encode())
            self.mild(ws, code)
        self.assertEqual(ws.start()["type"], "session.started")

    def test_no_json(self):
        self.refused(["", " ", "\0", "{", "nul", "{'type':1}", '{"type":"session.end"', '{"type":"session.end"}}'])
        self.refused(['{"type":"session.end"} {"type":"session.end"}', "// x", "\ufeff{}", '{"type":NaN}', "[1,]"])

    def test_deep(self):
        self.refused(["[" * 10000, '{"a":' * 10000, "[" * 10000 + "]" * 10000,
                      '{"type":%s1%s}' % ("[" * 5000, "]" * 5000)])

    def test_numbers(self):
        with_rate = '{"type":"session.start","source":"en","rate":%s}'
        self.refused([with_rate % n for n in ("1e999", "1" * 400, "-1e999", "16000.0", "01", "0x3e80", "+1")])
        for n in ("-1", "0", "9223372036854775807", "7999", "48001"):
            ws = self.open()
            ws.frame(1, (with_rate % n).encode())
            self.fatal(ws, "unsupported_rate", 1008)

    def test_strings(self):
        """Lone surrogates, NUL, and control characters that JSON wants escaped."""
        self.refused([r'{"type":"\ud800"}', r'{"type":"session.end\u0000"}', r'{"\ud800":1}', '{"type":"a\nb"}',
                      r'{"type":"\udc00\ud800"}', r'{"type":"\u12"}', r'{"type":"\x41"}'])

    def test_keys_twice(self):
        self.refused(['{"type":"session.start","type":"session.end"}', '{"type":"a","x":{"y":1,"y":2}}'])

    def test_wrong_types(self):
        """Every field of session.start with every type that is not its own."""
        own = {"type": "string", "source": "string", "rate": "number", "targets": "list", "grammar": "bool",
               "partials": "bool", "stability": "", "explain_in": "", "vocabulary": "list", "glossary": "list",
               "class": "string", "name": "string"}
        bad = []
        for field, right in own.items():
            for kind, value in VALUES.items():
                may_be_null = kind == "null" and field not in ("type", "source", "rate")
                if kind != right and not may_be_null and not (field == "explain_in" and kind == "string"):
                    bad.append((field, kind, json.dumps({**GOOD, field: value})))
        self.assertGreater(len(bad), 60)
        for at in range(0, len(bad), 8):
            ws = self.open()
            for field, kind, text in bad[at:at + 8]:
                with self.subTest(field=field, kind=kind):
                    ws.send(text)
                    event, _ = ws.expect("error")
                    self.assertIn(event["code"], ("bad_message", "unknown_type", "unsupported_language"))
                    if event["fatal"]:
                        break

    def test_types_within_lists(self):
        for field, values in (("vocabulary", [1, {}, "x" * 101, None]),
                              ("glossary", [1, "x", {"from": 1, "to": "a"}, {"from": "a", "to": "x" * 101}])):
            self.refused([json.dumps({**GOOD, field: [value]}) for value in values])
        for value in (1, None, {}, ["es"]):
            ws = self.open()
            ws.send({**GOOD, "targets": [value]})
            self.fatal(ws, "unsupported_language", 1008)

    def test_the_most_there_may_be(self):
        """Settings at their bounds are taken, one more is not."""
        for vocabulary, taken in ((500, True), (501, False)):
            ws = self.open()
            ws.send({**GOOD, "vocabulary": ["w%d" % i for i in range(vocabulary)]})
            self.assertEqual(ws.event()["type"], "session.started" if taken else "error")

    def test_what_nobody_knows(self):
        """Unknown fields are ignored, unknown types answered; neither ends a session."""
        ws = self.open()
        ws.start(no_such_field={"a": [1, 2, 3]})
        for kind in ("session.nonsense", "", "SESSION.END", "session.end ", "x" * 5000):
            ws.send({"type": kind})
            event = self.mild(ws, "unknown_type")
            self.assertLess(len(event["message"]), 300)
        ws.send({"type": "session.end"})
        self.assertEqual(ws.events_until_closed()[1], 1000)

    def test_what_is_said_comes_back_as_it_was(self):
        """Text of a client is data: quotes, markup and line breaks go through JSON unharmed."""
        name = "\"}\\ </script><img src=x onerror=alert(1)> \u202e\u2028 {{7*7}} ' OR 1=1 --\t%s%n"
        ws = self.open()
        self.assertEqual(ws.start(name=name)["name"], name)

    def test_activity_out_of_bounds(self):
        ws = self.open()
        ws.start()
        for samples in (-1, 1.5, "0", None):
            ws.send({"type": "audio.activity", "speaking": True, "audio_samples": samples})
            self.mild(ws, "bad_message")
        ws.send({"type": "audio.activity", "speaking": True, "audio_samples": (1 << 63) - 1})
        ws.send({"type": "session.update", "grammar": False})
        ws.expect("session.updated")


if __name__ == "__main__":
    unittest.main(verbosity=2)
