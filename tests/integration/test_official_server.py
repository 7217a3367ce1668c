"""Each speech wire against a server made of the official definitions: every field it reads is what was meant, every
byte of audio is what was sent, and what it answers becomes captions."""
import os
import tempfile
import unittest

import kit
import official_kit

RATE = 16000
SAID = ("to", "be", "or", "not", "to", "be")
STARTS_MS = (300, 500, 800, 1000, 1300, 1500)
VOCABULARY = ["Elsinore", "Rosencrantz and Guildenstern", "Fortinbras"]
TOKEN = "token-of-the-test"


def at_ms(ms, rate=RATE):
    """Bytes of so much audio."""
    return ms * rate // 1000 * 2


def duration(ms):
    return {"seconds": ms // 1000, "nanos": ms % 1000 * 1000000}


class V1:
    """How v1 says things; the other wires differ from it."""
    name = "v1"
    path = "/google.cloud.speech.v1.Speech/StreamingRecognize"
    flags = ("--stt-model", "latest_long", "--stt-boost", "12")
    metadata = {}  # besides what all have
    event = {"speech_event_type": "SPEECH_ACTIVITY_BEGIN", "speech_event_time": duration(640)}
    # How a stream that is too old is told so.
    limit = {"send": {"error": {"code": 11, "message": "Exceeded maximum allowed stream duration of 305 seconds."}}}

    @staticmethod
    def request(rate, phrases):
        config = {"encoding": "LINEAR16", "sample_rate_hertz": rate, "language_code": "en-US",
                  "speech_contexts": [{"phrases": phrases, "boost": 12}], "enable_word_time_offsets": True,
                  "enable_automatic_punctuation": True, "model": "latest_long"}
        return {"streaming_request": "streaming_config",
                "streaming_config": {"config": config, "interim_results": True}}

    @staticmethod
    def word(text, start_ms, end_ms):
        return {"start_time": duration(start_ms), "end_time": duration(end_ms), "word": text}

    @classmethod
    def result(cls, text, end_ms, words=(), **fields):
        return {"alternatives": [{"transcript": text, "words": [cls.word(*w) for w in words]}],
                "result_end_time": duration(end_ms), "language_code": "en-us", **fields}

    @staticmethod
    def response(*results):
        return {"results": list(results)}


class V2(V1):
    name = "v2"
    path = "/google.cloud.speech.v2.Speech/StreamingRecognize"
    flags = ("--stt-api", "google_v2", "--stt-project", "globe", "--stt-location", "eu", "--stt-recognizer", "bard",
             "--stt-model", "chirp_2", "--stt-boost", "12", "--stt-endpointing", "short")
    metadata = {"x-goog-request-params": "recognizer=projects%2Fglobe%2Flocations%2Feu%2Frecognizers%2Fbard"}
    event = {"speech_event_type": "SPEECH_ACTIVITY_BEGIN", "speech_event_offset": duration(640)}
    limit = {"status": {"code": 10, "details": "Max duration of 5 minutes reached for stream."}}

    @staticmethod
    def request(rate, phrases):
        phrase_set = {"phrases": [{"value": phrase} for phrase in phrases], "boost": 12}
        config = {"features": {"enable_word_time_offsets": True, "enable_automatic_punctuation": True},
                  "adaptation": {"phrase_sets": [{"inline_phrase_set": phrase_set, "value": "inline_phrase_set"}]},
                  "explicit_decoding_config": {"encoding": "LINEAR16", "sample_rate_hertz": rate,
                                               "audio_channel_count": 1},
                  "decoding_config": "explicit_decoding_config", "model": "chirp_2", "language_codes": ["en-US"]}
        features = {"interim_results": True, "endpointing_sensitivity": "ENDPOINTING_SENSITIVITY_SHORT"}
        return {"recognizer": "projects/globe/locations/eu/recognizers/bard", "streaming_request": "streaming_config",
                "streaming_config": {"config": config, "streaming_features": features}}

    @staticmethod
    def word(text, start_ms, end_ms):
        return {"start_offset": duration(start_ms), "end_offset": duration(end_ms), "word": text}

    @classmethod
    def result(cls, text, end_ms, words=(), **fields):
        result = super().result(text, end_ms, words, **fields)
        result["result_end_offset"] = result.pop("result_end_time")
        return result


class Riva(V1):
    name = "riva"
    path = "/nvidia.riva.asr.RivaSpeechRecognition/StreamingRecognize"
    flags = ("--stt-api", "riva", "--stt-model", "parakeet", "--stt-boost", "12", "--stt-endpointing", "short")
    event = {"id": {"value": "of the request"}}

    @staticmethod
    def request(rate, phrases):
        config = {"encoding": "LINEAR_PCM", "sample_rate_hertz": rate, "language_code": "en-US",
                  "speech_contexts": [{"phrases": phrases, "boost": 12}], "enable_word_time_offsets": True,
                  "enable_automatic_punctuation": True, "model": "parakeet",
                  "endpointing_config": {"stop_history": 500, "_stop_history": "stop_history"}}
        return {"streaming_request": "streaming_config",
                "streaming_config": {"config": config, "interim_results": True}}

    @staticmethod
    def word(text, start_ms, end_ms):
        return {"start_time": start_ms, "end_time": end_ms, "word": text}

    @classmethod
    def result(cls, text, end_ms, words=(), **fields):
        result = super().result(text, end_ms, words, **fields)
        del result["result_end_time"], result["language_code"]
        result["audio_processed"] = end_ms / 1000
        result["alternatives"][0]["language_code"] = ["en-us"]
        return result


def hypotheses(wire):
    """Two interim responses, the second of two parts, and a final with word times."""
    words = list(zip(SAID, STARTS_MS, (*STARTS_MS[1:], 1800)))
    return [
        {"at": at_ms(1000), "send": wire.response(wire.result("to be or", 900, stability=0.5))},
        {"at": at_ms(1400), "send": wire.response(wire.result("to be or", 900, stability=0.9),
                                                  wire.result(" not too", 1300, stability=0.01))},
        {"at": at_ms(2000), "send": wire.response(wire.result("to be or not to be", 1800, words, is_final=True,
                                                              confidence=0.92))},
    ]


class Wire:
    """What holds of every wire; the classes below name one."""

    def setUp(self):
        self.pcm = kit.flite("To be or not to be, that is the question.", "rms", pause_s=0)

    def serve(self, *calls, flags=()):
        server = official_kit.Server(self.wire.name, *calls)
        self.addCleanup(server.stop)
        # There is nothing to ask a chat API for.
        sotto = kit.Sotto(server.port, kit.free_port(), "", *self.wire.flags, *flags)
        self.addCleanup(lambda: self.assertEqual(sotto.stop(), 0))
        return server, sotto

    def speak(self, sotto, **fields):
        fields = {"targets": [], "grammar": False, **fields}
        events, code = kit.run_session(sotto.port, self.pcm, **fields)
        kit.check_rules(events)
        self.assertEqual(code, 1000)
        return events

    def test_every_field_is_read_back(self):
        with tempfile.NamedTemporaryFile("w", suffix=".token") as token:
            token.write(TOKEN + "\n")
            token.flush()
            server, sotto = self.serve([], flags=("--stt-credentials", token.name, "--stt-quota-project", "payer"))
            self.speak(sotto, vocabulary=VOCABULARY, rate=24000)
        opened, config, ended = server.wait(1, "open"), server.wait(1, "config"), server.wait(1, "end", "cancelled")
        self.assertEqual(opened["path"], self.wire.path)
        metadata = opened["metadata"]
        self.assertEqual(metadata["x-goog-user-project"], "payer")
        self.assertEqual(metadata["authorization"], "Bearer " + TOKEN)
        self.assertRegex(metadata["user-agent"], r"\bsotto/\d")
        for key, value in self.wire.metadata.items():
            self.assertEqual(metadata[key], value)
        self.assertEqual(config["message"], self.wire.request(24000, VOCABULARY))
        self.assertFalse(config["audio"], "the first message carries no audio")
        self.assertEqual(server.all("wrong"), [], "every later message carries audio and nothing else")
        self.assertEqual(ended["event"], "end", "the call is half-closed, not cancelled")
        self.assertEqual(ended["unread"], 0, "bytes that no definition knows")
        self.assertLessEqual(ended["longest"], 15360)
        self.assertEqual(server.audio(1), self.pcm)

    def test_hypotheses_become_captions(self):
        last = self.wire.result(" That is the question.", len(self.pcm) * 1000 // 2 // RATE, is_final=True)
        server, sotto = self.serve([*hypotheses(self.wire), {"at": "end", "send": self.wire.response(last)}])
        events = self.speak(sotto)
        shown = [e["committed"] + e["tentative"] for e in events if e["type"] == "transcript" and not e["final"]]
        self.assertIn("to be or", shown)
        self.assertIn("to be or not too", shown)
        finals = kit.finals(events, "transcript")
        self.assertEqual([e["committed"] for e in finals], ["to be or not to be", "That is the question."])
        self.assertEqual([(w["w"], w["start_ms"]) for w in finals[0]["words"]], list(zip(SAID, STARTS_MS)))
        self.assertEqual(finals[0]["words"][-1]["end_ms"], 1800)
        self.assertEqual(finals[0]["language"].lower(), "en-us")
        self.assertEqual([e for e in events if e["type"] in ("error", "session.degraded")], [])
        self.assertEqual(server.audio(1), self.pcm)

    def test_responses_without_results(self):
        """Speech events, or a request's name: no hypothesis."""
        server, sotto = self.serve([{"at": "config", "send": self.wire.event}, *hypotheses(self.wire),
                                    {"at": at_ms(2100), "send": self.wire.event}])
        texts = [e["committed"] for e in kit.finals(self.speak(sotto), "transcript")]
        self.assertEqual(texts, ["to be or not to be"])
        self.assertEqual(len(server.all("open")), 1)

    def cut(self, ending):
        """A call that ends in mid-speech after a final: another takes over where the final ended."""
        last = self.wire.result(" That is the question.", 1000, is_final=True)
        server, sotto = self.serve([*hypotheses(self.wire), {"at": at_ms(2400), **ending}],
                                   [{"at": "end", "send": self.wire.response(last)}])
        events = self.speak(sotto)
        self.assertEqual([e["committed"] for e in kit.finals(events, "transcript")],
                         ["to be or not to be", "That is the question."])
        self.assertEqual([e for e in events if e["type"] == "error"], [])
        first, second = server.audio(1), server.audio(2)
        self.assertEqual(first, self.pcm[:len(first)])
        self.assertTrue(self.pcm.endswith(second))
        begin = len(self.pcm) - len(second)
        self.assertLessEqual(begin, at_ms(1800), "audio after the final is heard again")
        self.assertEqual(server.wait(2, "config")["message"], server.wait(1, "config")["message"])
        return events

    def test_unavailable(self):
        self.cut({"status": {"code": 14, "details": "408:Request Timeout"}})

    def test_refused(self):
        server, sotto = self.serve([{"at": "config", "status": {"code": 7, "details": "no permission"}}])
        events = self.speak(sotto)
        errors = [(e["code"], e["retryable"]) for e in events if e["type"] == "error"]
        self.assertEqual(errors, [("upstream_refused", False)])
        self.assertEqual(len(server.all("open")), 1, "a refusal is not retried")


class Google(Wire):
    def test_the_limit_of_a_stream(self):
        """A new call is all that comes of it: nobody need be told."""
        events = self.cut(self.wire.limit)
        self.assertEqual([e for e in events if e["type"] == "session.degraded"], [])


class GoogleV1(Google, unittest.TestCase):
    wire = V1


class GoogleV2(Google, unittest.TestCase):
    wire = V2


class NvidiaRiva(Wire, unittest.TestCase):
    wire = Riva


if __name__ == "__main__":
    official_kit.install()
    unittest.main(verbosity=2)
