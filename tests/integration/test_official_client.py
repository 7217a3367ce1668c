"""Google's own client in front of sotto-local: real speech, recognised word for word, hypotheses and finals."""
import unittest

import kit
import official_kit
import test_local

NO_EVENT = "SPEECH_EVENT_UNSPECIFIED", "SPEECH_EVENT_TYPE_UNSPECIFIED"  # v1, v2
SAID = (("slt", "Welcome to the lesson."), ("rms", "We live in a house near the river."))


def seconds(duration):
    """A Duration as the client gives it: 64 bits are text."""
    return int(duration.get("seconds") or 0) + int(duration.get("nanos") or 0) / 1e9


class Version:
    """What holds of both versions of the API."""

    @classmethod
    def setUpClass(cls):
        cls.local = test_local.start_local("--decoders", "2")
        cls.pcm = b"".join(kit.flite(text, voice) for voice, text in SAID)
        cls.responses, cls.status = official_kit.recognise(cls.api, cls.local.speech_port, cls.request, cls.pcm)
        cls.results = [r for response in cls.responses for r in response["results"]]
        cls.finals = [r for r in cls.results if r["isFinal"]]

    @classmethod
    def tearDownClass(cls):
        assert cls.local.stop() == 0

    def test_the_status_is_ok(self):
        self.assertEqual(self.status, {"code": 0, "details": ""})

    def test_finals_have_the_words(self):
        """The same bar as test_local's: what is compared here is the wire, not the engine."""
        heard = kit.words(" ".join(r["alternatives"][0]["transcript"] for r in self.finals))
        wanted = kit.words(" ".join(text for _, text in SAID))
        self.assertGreaterEqual(len(set(heard) & set(wanted)) / len(set(wanted)), 0.85, heard)
        self.assertEqual(len(self.finals), len(SAID))

    def test_hypotheses_come_before_finals(self):
        self.assertFalse(self.results[0]["isFinal"])
        interim = [r for r in self.results if not r["isFinal"]]
        self.assertGreater(len(interim), 2 * len(SAID))
        self.assertIn("welcome", kit.words(interim[len(interim) // 3]["alternatives"][0]["transcript"]))

    def test_times_grow_and_stay_within_the_audio(self):
        length = len(self.pcm) / 2 / kit.RATE
        before = 0
        for result in self.finals:
            for word in result["alternatives"][0]["words"]:
                begin, end = seconds(word[self.times[0]]), seconds(word[self.times[1]])
                self.assertLessEqual(before, begin)
                self.assertLess(begin, end)
                before = end
            self.assertLessEqual(before, seconds(result[self.end]) + 0.001)
        self.assertLessEqual(seconds(self.finals[-1][self.end]), length + 0.001)
        self.assertGreater(before, length - 2.5, "the last word was heard where it was said")

    def test_voice_activity(self):
        """Two sentences: begin and end of each, in order, where they were said."""
        events = [(r["speechEventType"], seconds(r[self.event])) for r in self.responses
                  if r["speechEventType"] not in NO_EVENT]
        self.assertEqual([kind for kind, _ in events], ["SPEECH_ACTIVITY_BEGIN", "SPEECH_ACTIVITY_END"] * len(SAID))
        self.assertEqual([at for _, at in events], sorted(at for _, at in events))
        self.assertLess(events[0][1], 1)


class V1(Version, unittest.TestCase):
    api = "v1"
    times, end, event = ("startTime", "endTime"), "resultEndTime", "speechEventTime"
    request = {"config": {"encoding": "LINEAR16", "sampleRateHertz": kit.RATE, "languageCode": "en-US",
                          "enableWordTimeOffsets": True, "enableAutomaticPunctuation": True},
               "interimResults": True, "enableVoiceActivityEvents": True}

    def test_single_utterance(self):
        """It ends with the first sentence, and says so before its final."""
        request = {**self.request, "singleUtterance": True, "enableVoiceActivityEvents": False}
        responses, status = official_kit.recognise("v1", self.local.speech_port, request, self.pcm)
        self.assertEqual(status["code"], 0)
        kinds = [r["speechEventType"] for r in responses]
        ends = kinds.index("END_OF_SINGLE_UTTERANCE")
        finals = [i for i, r in enumerate(responses) for result in r["results"] if result["isFinal"]]
        self.assertEqual((kinds.count("END_OF_SINGLE_UTTERANCE"), len(finals)), (1, 1))
        self.assertLess(ends, finals[0])


class V2(Version, unittest.TestCase):
    api = "v2"
    times, end, event = ("startOffset", "endOffset"), "resultEndOffset", "speechEventOffset"
    decoding = {"encoding": "LINEAR16", "sampleRateHertz": kit.RATE, "audioChannelCount": 1}
    request = {"recognizer": "projects/test/locations/global/recognizers/_",
               "streamingConfig": {
                   "config": {"explicitDecodingConfig": decoding, "model": "long", "languageCodes": ["en-US"],
                              "features": {"enableWordTimeOffsets": True, "enableAutomaticPunctuation": True}},
                   "streamingFeatures": {"interimResults": True, "enableVoiceActivityEvents": True}}}


class Refused(unittest.TestCase):
    def test_a_language_it_does_not_know(self):
        local = test_local.start_local("--decoders", "1")
        request = {"config": {**V1.request["config"], "languageCode": "xx-XX"}, "interimResults": True}
        responses, status = official_kit.recognise("v1", local.speech_port, request, bytes(kit.RATE))
        self.assertEqual(local.stop(), 0)
        self.assertEqual((responses, status["code"]), ([], 3))
        self.assertIn("xx-XX", status["details"])


if __name__ == "__main__":
    official_kit.install()
    unittest.main(verbosity=2)
