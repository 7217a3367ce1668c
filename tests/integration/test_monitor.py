"""Watching: a snapshot and then what changed, history, notes that reach the learner, and nobody else's time."""
import json
import os
import socket
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import kit
import monitor_kit
import sim_kit


class Monitor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory(prefix="sotto-store-")
        cls.store = ("--store-path", os.path.join(cls.dir.name, "sotto.db"), "--fronts", "3")
        cls.rig = sim_kit.Rig(sotto=cls.store)
        cls.sotto = cls.rig.sotto

    @classmethod
    def tearDownClass(cls):
        cls.rig.stop()
        cls.dir.cleanup()

    def watcher(self, **kw):
        watcher = monitor_kit.Watcher(self.sotto.port, **kw)
        self.addCleanup(watcher.close)
        return watcher

    def learner(self, number, **fields):
        learner = monitor_kit.Learner(self.sotto.port, number, **fields)
        self.addCleanup(learner.end)
        return learner

    def test_snapshot_then_what_changed(self):
        learner = self.learner(1, name="Ann", **{"class": "7b"}, targets=["es", "fr"])
        learner.say()
        watcher = self.watcher()
        watcher.wait(lambda w: learner.session in w.states)
        self.assertEqual((watcher.snapshots, len(watcher.deltas)), (1, 0))
        state = watcher.states[learner.session]
        self.assertEqual([state[f] for f in ("name", "class", "source", "targets", "phase", "segment")],
                         ["Ann", "7b", "en-US", ["es", "fr"], "live", 1])
        self.assertEqual(state["text"], learner.finals("transcript")[-1]["committed"])
        self.assertEqual(state["mistakes"], learner.mistakes())
        learner.say(2)
        spoken = watcher.wait(lambda w: [c for _, d in w.deltas for c in d["changed"] if c.get("speaking")])
        self.assertEqual(spoken[0]["session"], learner.session)
        last = {e["lang"]: e["committed"] for e in learner.finals("translation")}
        watcher.wait(lambda w: w.states[learner.session]["text"] == learner.finals("transcript")[-1]["committed"] and
                     w.states[learner.session]["translations"] == last)
        watcher.wait(lambda w: not w.states[learner.session]["speaking"])
        self.assertEqual(watcher.states[learner.session]["mistakes"], learner.mistakes())
        self.assertEqual(watcher.states[learner.session]["health"]["degraded"], [])
        self.assertGreater(watcher.states[learner.session]["health"]["p95_ms"], 0)
        audio_ms = learner.voice.number * 10
        watcher.wait(lambda w: w.states[learner.session]["audio_ms"] > audio_ms - 1000)
        self.assertEqual(watcher.snapshots, 1)
        learner.end()
        watcher.wait(lambda w: learner.session in w.gone)
        times = [at for at, _ in watcher.deltas]
        for at, later in zip(times, times[11:]):
            self.assertGreater(later - at, 0.9)  # at most ten a second

    def test_history_goes_back(self):
        learner, watcher = self.learner(2), self.watcher()
        learner.say(4)
        seen, before = [], {}
        while True:
            page = watcher.ask("history", session=learner.session, limit=3, **before)
            self.assertEqual((page["type"], page["session"]), ("history", learner.session))
            self.assertLessEqual(len(page["segments"]), 3)
            seen = page["segments"] + seen
            if not page["more"]:
                break
            before = {"before_segment": page["segments"][0]["segment"]}
        self.assertEqual([s["segment"] for s in seen], [1, 2, 3, 4])
        self.assertEqual([s["transcript"]["committed"] for s in seen],
                         [e["committed"] for e in learner.finals("transcript")])
        self.assertEqual(watcher.ask("history", session="0" * 32, limit=3)["code"], "not_found")

    def test_a_note_reaches_the_learner(self):
        learner = self.learner(3)
        watcher = self.watcher(sessions=[learner.session])
        watcher.wait(lambda w: w.snapshots)
        learner.say(2)
        watcher.wait(lambda w: w.seqs(learner.session)[-1:] == [learner.seq])
        seq = learner.seq
        flagged = watcher.ask("flag", session=learner.session, segment=1, note="say \"an\", not a \U0001f642")
        self.assertEqual((flagged["type"], flagged["session"], flagged["segment"]), ("flagged", learner.session, 1))
        learner.wait(lambda l: l.notes())
        note = learner.notes()[0]
        self.assertEqual((note["seq"], note["segment"], note["note"], note["by"]),
                         (seq + 1, 1, "say \"an\", not a \U0001f642", ""))
        watcher.wait(lambda w: w.finals and w.finals[-1]["type"] == "note")
        self.assertEqual(watcher.seqs(learner.session), list(range(1, seq + 2)))
        # Who has not heard it hears it when he comes back, and it stands in what is taken away.
        learner.drop()
        learner.events, learner.seq = [], seq
        learner.connect()
        learner.wait(lambda l: l.notes())
        self.assertEqual(learner.notes()[0]["seq"], seq + 1)
        answer = json.loads(self.sotto.get("/v1/sessions/%s/transcript.json" % learner.session)[1])
        self.assertEqual([m["note"] for m in answer["messages"] if m["type"] == "note"], [note["note"]])
        page = watcher.ask("history", session=learner.session, limit=10)
        self.assertEqual([len(s.get("notes", [])) for s in page["segments"]], [1, 0])
        for wrong in ({"session": learner.session, "segment": 9}, {"session": "0" * 32, "segment": 1}):
            self.assertEqual(watcher.ask("flag", note="x", **wrong)["code"], "not_found")
        learner.end()
        watcher.wait(lambda w: learner.session in w.gone)
        self.assertEqual(watcher.ask("flag", session=learner.session, segment=1, note="x")["code"], "not_found")

    def test_watching_asks_nobody(self):
        learner = self.learner(4)
        learner.say()
        learner.drop()  # held
        before = self.rig.stats()["stats"]
        watcher = self.watcher(sessions=[learner.session])
        watcher.wait(lambda w: w.states[learner.session]["phase"] == "held" if learner.session in w.states else False)
        watcher.ask("history", session=learner.session, limit=5)
        watcher.ask("flag", session=learner.session, segment=1, note="well said")
        time.sleep(0.5)
        after = self.rig.stats()["stats"]
        for side, counts in (("speech", ("streams", "messages")), ("chat", ("requests",))):
            for count in counts:
                self.assertEqual(after[side][count], before[side][count], count)
        learner.connect()
        watcher.wait(lambda w: w.states[learner.session]["phase"] == "live")
        self.assertEqual(watcher.states[learner.session]["health"]["reconnects"], 1)

    def test_it_moves_between_fronts(self):
        learner = self.learner(5)
        watcher = self.watcher(sessions=[learner.session])
        watcher.wait(lambda w: learner.session in w.states)
        for back in range(1, 7):
            kit.speak(learner.ws, learner.voice.speak()[:kit.RATE], speed=2)
            if back % 2 == 0:
                learner.drop()
            learner.connect()
            watcher.wait(lambda w: w.states[learner.session]["health"]["reconnects"] == back)
        learner.say()
        watcher.wait(lambda w: w.seqs(learner.session) == list(range(1, learner.seq + 1)))
        watcher.wait(lambda w: w.states[learner.session]["text"] == learner.finals("transcript")[-1]["committed"])
        self.assertEqual((watcher.gone, watcher.snapshots), ([], 1))
        flagged = watcher.ask("flag", session=learner.session, segment=1, note="wherever you are")
        self.assertEqual(flagged["type"], "flagged")

    def test_who_does_not_read_costs_nobody(self):
        learners = [self.learner(10 + i) for i in range(8)]
        names = [l.session for l in learners]
        skipped = self.sotto.metric("sotto_monitor_skipped_total")
        small = socket.socket
        try:  # a teacher whose machine has little room
            def made(*args, **kw):
                sock = small(*args, **kw)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                return sock
            socket.socket = made
            slow = self.watcher(reads=False, sessions=names[:2])
        finally:
            socket.socket = small
        fast = self.watcher(sessions=names[:2])
        fast.wait(lambda w: set(names) <= set(w.states))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda l: l.say(2), learners))
        for learner in learners:
            fast.wait(lambda w: w.states[learner.session]["text"] == learner.finals("transcript")[-1]["committed"])
        times = [at for at, _ in fast.deltas]
        self.assertLess(max(later - at for at, later in zip(times, times[1:])), 1.0 * kit.SLOW)
        self.assertGreater(self.sotto.metric("sotto_monitor_skipped_total"), skipped)
        slow.reader.start()
        for learner in learners[:2]:
            slow.wait(lambda w: w.seqs(learner.session)[-1:] == [learner.seq])
            self.assertEqual(slow.seqs(learner.session), list(range(1, learner.seq + 1)))
            self.assertEqual(fast.seqs(learner.session), slow.seqs(learner.session))
        moving = ("audio_ms", "speaking", "health")
        still = lambda w: {n: {f: v for f, v in w.states[n].items() if f not in moving} for n in names}
        slow.wait(lambda w: set(names) <= set(w.states) and still(w) == still(fast))
        self.assertLess(len(slow.deltas), len(fast.deltas))

    def test_server_stops(self):
        sotto = self.rig.again("--fronts", "2", "--stop-ms", 2000)
        learner = monitor_kit.Learner(sotto.port, 30)
        watchers = [monitor_kit.Watcher(sotto.port) for _ in range(3)]
        for watcher in watchers:
            watcher.wait(lambda w: learner.session in w.states)
        self.assertEqual(sotto.stop(), 0)
        for watcher in watchers:
            watcher.wait(lambda w: w.code is not None)
            self.assertEqual((watcher.code, watcher.goaway["reason"]), (1001, "shutdown"))
            watcher.close()
        learner.drop()

    def test_first_messages(self):
        cases = (
            ({"type": "history", "session": "0" * 32, "limit": 1}, "start_required"),
            ({"type": "watch", "sessions": "all"}, "bad_message"),
            ({"type": "watch", "sessions": ["x"]}, "bad_message"),
        )
        for message, code in cases:
            ws = monitor_kit.connect(self.sotto.port)
            ws.send(message)
            error = ws.event()
            self.assertEqual((error["type"], error["code"]), ("error", code), message)
            if error["fatal"]:
                self.assertRaises(kit.Closed, ws.event)
            else:  # it may be said better
                ws.send({"type": "watch"})
                self.assertEqual(ws.event()["type"], "snapshot")
            ws.close()
        ws = monitor_kit.connect(self.sotto.port)
        ws.audio(b"\0\0")
        with self.assertRaises(kit.Closed) as closed:
            ws.event()
        self.assertEqual(closed.exception.code, 1003)
        ws.close()
        for path, protocol in (("/v1/monitor", "sotto.v1"), ("/v1/stream", "sotto.monitor.v1"),
                               ("/v1/monitor", "sotto.v1, sotto.monitor.v1"), ("/v1/monitor", None)):
            ws = kit.WebSocket(self.sotto.port, path=path, protocol=protocol)
            self.assertEqual(ws.status, 400, (path, protocol))
            ws.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
