"""A session in front of each API that translates or corrects: what it was asked, on its own wire, and what was shown."""
import os
import re
import subprocess
import tempfile
import unittest

import kit
import provider_kit

SCRIPT = "today she go to school and he have a small dog we like music very much it rains again "


class Rig:
    """A speech API that hears SCRIPT, and a server in front of it and of the given APIs."""

    def __init__(self, *flags, script=SCRIPT, env=None, apis=()):
        self.apis = apis
        with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
            file.write(script)
        self.script = file.name
        self.speech = kit.Program("sotto-test-speech", "--port", "0", "--latency-ms", "20", "--final-every-ms", "2000",
                                  "--ms-per-word", "250", "--script", file.name, ready=r"(\d+)\n", stream="stdout")
        self.sotto = kit.Sotto(int(self.speech.match.group(1)), 0, "", "--chat-connections", "2", "--grammar-connections",
                               "1", "--translate-partial-gap-ms", "300", *flags, env=env).wait_ready()

    def session(self, seconds=3.5, **fields):
        events, code = kit.run_session(self.sotto.port, kit.tone(seconds), **fields)
        assert code == 1000, (code, events[-3:], self.sotto.text()[-2000:])
        kit.check_rules(events)
        return events

    def stop(self):
        assert self.sotto.stop() == 0, self.sotto.text()[-3000:]
        self.speech.stop()
        for api in self.apis:
            api.stop()
        os.unlink(self.script)


def finals_by_segment(events, kind):
    return {e["segment"]: e for e in kit.finals(events, kind)}


class Case(unittest.TestCase):
    def rig(self, *flags, **kw):
        rig = Rig(*flags, **kw)
        self.addCleanup(rig.stop)
        return rig

    def check_shown(self, events):
        """Every final is the API's answer to what was said; revisions came before them."""
        said, shown = finals_by_segment(events, "transcript"), finals_by_segment(events, "translation")
        self.assertEqual(set(said), set(shown))
        self.assertGreaterEqual(len(said), 2)
        for segment, event in shown.items():
            self.assertNotIn("failed", event)
            self.assertEqual(event["committed"], provider_kit.translated(said[segment]["committed"]))
        self.assertTrue(any(e["type"] == "translation" and not e["final"] for e in events))

    def check_corrected(self, events, messages):
        said, shown = finals_by_segment(events, "transcript"), finals_by_segment(events, "grammar")
        self.assertEqual(set(said), set(shown))
        found = []
        for segment, event in shown.items():
            self.assertNotIn("failed", event)
            text = said[segment]["committed"]
            for edit in event["edits"]:
                self.assertEqual(text[edit["start"]:edit["end"]], edit["from"])
                self.assertEqual(bool(edit.get("message")), messages, edit)
                found.append((edit["from"], edit["to"]))
        self.assertIn(("go", "goes"), found)
        self.assertIn(("have", "has"), found)


class Compatible(Case):
    """APIs that speak chat completions."""

    def run_api(self, api, *flags, path=None, fields, keyed=True, role="system"):
        rig = self.rig("--chat-url", api.url + (path if path is not None else "/v1"), *flags,
                       *(("--chat-ca", api.ca) if api.tls else ()), "--translate-stream-words", "1",
                       env={"SOTTO_CHAT_KEY": api.key} if keyed else None, apis=[api])
        events = rig.session()
        self.check_shown(events)
        self.check_corrected(events, messages=True)
        # A final that no partial has asked for already, in a language that the cache does not know.
        events = rig.session(2.2, source="en-GB", partials=False, grammar=False)
        self.assertEqual({e.get("failed") for e in kit.finals(events, "translation")}, {None})
        bodies = [r.json for r in api.asked()]
        self.assertEqual({r.path for r in api.asked()}, {api.completions()})
        self.assertEqual({r.path for r in api.asked("GET")}, {api.models()})
        for body in bodies:
            grammar = "[sotto:grammar" in body["messages"][0]["content"]
            expected = {"model", "messages"} | fields
            expected |= {"response_format"} if grammar else set()
            expected |= {"stream", "stream_options"} if body.get("stream") else set()
            self.assertEqual(set(body), expected)
            self.assertEqual(body["messages"][0]["role"], role)
        self.assertTrue(any(b.get("stream") for b in bodies), "long finals are streamed")
        self.assertEqual(rig.sotto.metric("sotto_pool_failed_total") -
                         rig.sotto.metric("sotto_pool_cancelled_total"), 0)
        return rig, bodies

    def test_openai(self):
        _, bodies = self.run_api(provider_kit.OpenAi(), fields={"temperature", "max_completion_tokens"})
        self.assertEqual({b["model"] for b in bodies}, {"gpt-4o-mini"})

    def test_openai_that_reasons(self):
        _, bodies = self.run_api(provider_kit.OpenAi(), "--chat-temperature=false", "--chat-reasoning-effort", "minimal",
                                 "--chat-system-role", "developer", fields={"max_completion_tokens", "reasoning_effort"},
                                 role="developer")
        self.assertEqual({b["reasoning_effort"] for b in bodies}, {"minimal"})

    def test_fields_that_are_refused_are_left_out(self):
        api = provider_kit.OpenAiThatRefuses()
        rig = self.rig("--chat-url", api.url + "/v1", "--chat-ca", api.ca, "--chat-max-tokens-field", "max_tokens",
                       env={"SOTTO_CHAT_KEY": api.key}, apis=[api])
        events = rig.session()
        self.check_shown(events)
        self.assertEqual(sorted(re.findall(r"left out from now on\" field=(\S+)", rig.sotto.text())),
                         ['"max_tokens"'] * 2 + ['"temperature"'] * 2, "once for each side")
        last = set(api.asked()[-1].json) - {"response_format", "stream", "stream_options"}
        self.assertEqual(last, {"model", "messages", "max_completion_tokens"})

    def test_schema_that_is_refused_is_left_out(self):
        api = provider_kit.OpenAiWithoutSchemas()
        rig = self.rig("--chat-url", api.url + "/v1", "--chat-ca", api.ca, env={"SOTTO_CHAT_KEY": api.key}, apis=[api])
        events = rig.session()
        self.check_corrected(events, messages=True)
        self.assertIn("left out from now on", rig.sotto.text())
        formats = [r.json["response_format"]["type"] for r in api.asked() if "response_format" in r.json]
        self.assertEqual(formats[-1], "json_object")
        self.assertLessEqual(formats.count("json_schema"), 4, "those under way, and no more")

    def test_azure_deployment(self):
        api = provider_kit.Azure()
        _, bodies = self.run_api(api, "--chat-provider", "azure", "--chat-deployment", api.deployment,
                                 "--chat-api-version", api.version, path="",
                                 fields={"temperature", "max_completion_tokens"})
        self.assertEqual({b["model"] for b in bodies}, {api.deployment})

    def test_azure_filters_requests(self):
        api = provider_kit.AzureV1()
        rig = self.rig("--chat-provider", "azure", "--chat-url", api.url, "--chat-ca", api.ca, "--translate-model", "m",
                       "--grammar-model", "m", env={"SOTTO_CHAT_KEY": api.key}, apis=[api])
        api.fault = lambda request: provider_kit.Answer({"error": {
            "message": "The response was filtered.", "type": None, "param": "prompt", "code": "content_filter",
            "status": 400, "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, 400)
        events = rig.session(2.5, partials=False, grammar=False)
        self.assertEqual({e.get("failed") for e in kit.finals(events, "translation")}, {"filtered"})

    def test_azure_v1(self):
        self.run_api(provider_kit.AzureV1(), "--chat-provider", "azure", "--translate-model", "mine", "--grammar-model",
                     "mine", path="", fields={"temperature", "max_completion_tokens"})

    def test_vllm(self):
        self.run_api(provider_kit.Vllm(), "--chat-provider", "vllm", "--translate-model", "gemma", "--grammar-model",
                     "gemma", "--chat-system-role", "user", fields={"temperature", "max_tokens"}, role="user")

    def test_ollama(self):
        api = provider_kit.Ollama()
        self.run_api(api, "--chat-provider", "ollama", "--translate-model", "gemma3", "--grammar-model", "gemma3",
                     fields={"temperature", "max_tokens"}, keyed=False)
        self.assertTrue(all("authorization" not in r.headers for r in api.requests))

    def test_llama_cpp_that_still_loads(self):
        api = provider_kit.LlamaCpp()
        rig = self.rig("--chat-provider", "llama_cpp", "--chat-url", api.url + "/v1", apis=[api])
        api.loading = 1
        events = rig.session(partials=False)
        for event in kit.finals(events, "translation"):
            self.assertNotIn("failed", event)
        self.assertEqual(api.loading, 0)
        self.assertGreaterEqual(rig.sotto.metric("sotto_pool_retried_total"), 1)


class DeepL(Case):
    def setUp(self):
        self.api = provider_kit.DeepL()

    def start(self, *flags):
        return self.rig("--chat-provider", "deepl", "--chat-url", self.api.url, "--chat-ca", self.api.ca,
                        "--translate-stream-words", "1", *flags, env={"SOTTO_CHAT_KEY": self.api.key}, apis=[self.api])

    def test_translate_and_write(self):
        rig = self.start("--grammar-provider", "deepl_write")
        events = rig.session(targets=["pt-PT"], source="en-GB")
        self.check_shown(events)
        self.check_corrected(events, messages=False)
        self.assertEqual({r.path for r in self.api.asked("GET")}, {"/v2/usage"})
        translate = [r.json for r in self.api.asked() if r.path == "/v2/translate"]
        write = [r.json for r in self.api.asked() if r.path == "/v2/write/correct"]
        self.assertEqual(len(translate) + len(write), len(self.api.asked()))
        for body in translate:
            self.assertEqual(set(body) - {"context"}, {"text", "source_lang", "target_lang", "model_type",
                             "split_sentences", "preserve_formatting", "show_billed_characters"})
            self.assertEqual((body["source_lang"], body["target_lang"]), ("EN", "PT-PT"))
            self.assertEqual((body["model_type"], body["split_sentences"]), ("latency_optimized", "0"))
            self.assertEqual(len(body["text"]), 1)
        said = finals_by_segment(events, "transcript")
        for body in translate:
            # All of a segment so far, and the one before it as context: DeepL cannot go on in mid-sentence.
            before = [s for s, e in said.items() if body.get("context") == e["committed"]]
            segment = before[0] + 1 if before else 1
            self.assertEqual(body["text"][0].split()[:2], said[segment]["committed"].split()[:2])
        self.assertTrue(any("context" in body for body in translate))
        for body in write:
            self.assertEqual(set(body), {"text", "target_lang"})
            self.assertEqual(body["target_lang"], "en-GB")
        # Characters are what is used: those sent, where an answer came in time.
        used = events[-1]["usage"]
        least = sum(len(e["committed"]) for e in said.values())
        self.assertTrue(least <= used["tokens_in"] <= sum(len(r.json["text"][0]) for r in self.api.asked()), used)
        self.assertEqual(used["tokens_out"], 0)

    def test_spent_quota_is_not_tried_again(self):
        rig = self.start("--grammar-provider", "none")
        self.api.fault = lambda request: provider_kit.Answer({"message": "Quota Exceeded"}, 456)
        events = rig.session(partials=False)
        finals = kit.finals(events, "translation")
        self.assertEqual({e.get("failed") for e in finals}, {"budget"})
        self.assertEqual(len(self.api.asked()), 1, "nothing more is sent once the quota is spent")
        self.assertEqual(rig.sotto.metric('sotto_pool_upstream_breaker{upstream="1"}'), 1)
        self.assertEqual(rig.sotto.metric("sotto_pool_retried_total"), 0)
        self.assertEqual(kit.finals(events, "grammar"), [], "nobody corrects")

    def test_too_many_requests_are_tried_again(self):
        rig = self.start("--grammar-provider", "none")
        left = [1]

        def fault(request):
            if left[0] > 0:
                left[0] -= 1
                return provider_kit.Answer({"message": "Too many requests"}, 429, {"retry-after": "1"})
            return self.api.answer(request)
        self.api.fault = fault
        events = rig.session(partials=False)
        self.check_finals(events)
        self.assertGreaterEqual(rig.sotto.metric("sotto_pool_retried_total"), 1)

    def check_finals(self, events):
        said, shown = finals_by_segment(events, "transcript"), finals_by_segment(events, "translation")
        for segment, event in shown.items():
            self.assertEqual(event["committed"], provider_kit.translated(said[segment]["committed"]), event)

    def test_language_it_does_not_know(self):
        rig = self.start("--grammar-provider", "none")
        ws = kit.WebSocket(rig.sotto.port)
        ws.send({"type": "session.start", "source": "en-US", "targets": ["es", "tlh"], "rate": kit.RATE})
        events, code = ws.events_until_closed()
        ws.close()
        self.assertEqual(code, 1008)
        self.assertEqual((events[-1]["code"], events[-1]["fatal"]), ("unsupported_language", True))
        self.assertIn("tlh", events[-1]["message"])
        self.assertEqual(self.api.asked(), [])

    def test_beside_a_model(self):
        """DeepL translates, a model corrects: two APIs, two keys, and neither gets the other's."""
        model = provider_kit.OpenAi()
        rig = self.rig("--chat-provider", "deepl", "--chat-url", self.api.url, "--chat-ca", self.api.ca,
                       "--grammar-provider", "openai", "--grammar-url", model.url + "/v1", "--grammar-ca", model.ca,
                       env={"SOTTO_CHAT_KEY": self.api.key, "SOTTO_GRAMMAR_KEY": model.key}, apis=[self.api, model])
        events = rig.session()
        self.check_shown(events)
        self.check_corrected(events, messages=True)
        self.assertEqual({r.path for r in self.api.asked()}, {"/v2/translate"})
        self.assertTrue(all("[sotto:grammar" in r.json["messages"][0]["content"] for r in model.asked()))


class LibreTranslate(Case):
    def start(self, api):
        return self.rig("--chat-provider", "libretranslate", "--chat-url", api.url, "--grammar-provider", "none",
                        "--translate-stream-words", "1", env={"SOTTO_CHAT_KEY": api.key}, apis=[api])

    def test_translate(self):
        api = provider_kit.LibreTranslate()
        rig = self.start(api)
        events = rig.session(targets=["pt-BR"], grammar=True, glossary=[{"from": "dog", "to": "cachorro", "lang": ""}])
        self.assertEqual(events[0]["glossary"], 0, "the client is told that it reaches nobody")
        self.check_shown(events)
        self.assertFalse(events[0]["grammar"], "the client is told that nobody corrects")
        self.assertGreater(events[-1]["usage"]["tokens_in"], 0)
        self.assertEqual(events[-1]["usage"]["tokens_out"], 0)
        self.assertEqual({r.path for r in api.asked("GET")}, {"/languages"})
        for request in api.asked():
            self.assertEqual(request.path, "/translate")
            self.assertEqual(set(request.json), {"q", "source", "target", "format", "api_key"})
            self.assertEqual((request.json["source"], request.json["target"]), ("en", "pb"))
            self.assertNotIn("authorization", request.headers)

    def test_model_that_is_not_there(self):
        """A language that exists, and that this server was not given: told as refused, final by final."""
        api = provider_kit.LibreTranslate()
        rig = self.start(api)
        events = rig.session(targets=["de"], partials=False)
        finals = kit.finals(events, "translation")
        self.assertEqual({e.get("failed") for e in finals}, {"refused"})
        self.assertEqual(rig.sotto.metric("sotto_pool_retried_total"), 0)


class Documented(unittest.TestCase):
    def test_examples_are_accepted(self):
        with open(os.path.join(kit.ROOT, "docs", "providers.md")) as file:
            examples = re.findall(r"```ini\n(.*?)```", file.read(), re.S)
        self.assertGreaterEqual(len(examples), 6)
        for example in examples:
            with self.subTest(example=example), tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
                file.write(example)
                file.flush()
                done = subprocess.run([os.path.join(kit.BIN, "sotto"), "--config", file.name, "--print-config"],
                                      capture_output=True, text=True, timeout=10 * kit.SLOW, env={"PATH": os.environ["PATH"]})
                self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
