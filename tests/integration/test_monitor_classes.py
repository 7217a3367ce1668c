"""Who may watch whom: nothing of a class leaves to whom it does not belong."""
import os
import tempfile
import unittest

import kit
import monitor_kit
import sim_kit
import trust_kit

CLASSES = ("7a", "7b")


class MonitorClasses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory(prefix="sotto-keys-")
        keys = trust_kit.keys(os.path.join(cls.dir.name, "keys"))
        cls.rig = sim_kit.Rig(sotto=("--auth-keys", keys, "--fronts", "2"))
        cls.sotto = cls.rig.sotto

    @classmethod
    def tearDownClass(cls):
        cls.rig.stop()
        cls.dir.cleanup()

    def teacher(self, *classes, role="teacher", **kw):
        token = trust_kit.token(role, sub="teacher of " + " ".join(classes), **{"class": list(classes)})
        return monitor_kit.Watcher(self.sotto.port, headers=("Authorization: Bearer " + token,), **kw)

    def test_each_sees_its_own(self):
        learners = {c: monitor_kit.Learner(self.sotto.port, i + 1, name="Learner of " + c, token=trust_kit.token(
            sub="learner of " + c, **{"class": c})) for i, c in enumerate(CLASSES)}
        ids = {c: l.session for c, l in learners.items()}
        teachers = {c: self.teacher(c, sessions=list(ids.values())) for c in CLASSES}
        both = self.teacher(*CLASSES)
        one = self.teacher(*CLASSES, **{"class": "7b"})
        admin = self.teacher(role="admin")
        for c in CLASSES:
            teachers[c].wait(lambda w: ids[c] in w.states)
            learners[c].say()
            teachers[c].wait(lambda w: w.seqs(ids[c])[-1:] == [learners[c].seq])
        for watcher in (both, admin):
            watcher.wait(lambda w: set(ids.values()) <= set(w.states))
        for c, other in zip(CLASSES, reversed(CLASSES)):
            self.assertEqual(teachers[c].ask("history", session=ids[other], limit=5)["code"], "not_found")
            self.assertEqual(teachers[c].ask("flag", session=ids[other], segment=1, note="x")["code"], "not_found")
            self.assertEqual(teachers[c].ask("flag", session=ids[c], segment=1, note="good")["type"], "flagged")
            learners[c].wait(lambda l: l.notes())
            self.assertEqual([(n["note"], n["by"]) for n in learners[c].notes()], [("good", "teacher of " + c)])
        for learner in learners.values():
            learner.end()
        for c, other in zip(CLASSES, reversed(CLASSES)):
            teachers[c].wait(lambda w: ids[c] in w.gone)
            said = learners[other].finals("transcript")[0]["committed"]
            # Its id stands where it was refused, and nothing else of it anywhere.
            told = [m for _, m in teachers[c].deltas] + teachers[c].finals + list(teachers[c].states.values())
            self.assertNotIn(ids[other], repr(told))
            for secret in ("Learner of " + other, said):
                self.assertNotIn(secret.encode(), teachers[c].bytes)
        one.wait(lambda w: ids["7b"] in w.gone)
        self.assertNotIn(ids["7a"].encode(), one.bytes)
        for watcher in (*teachers.values(), both, one, admin):
            watcher.close()

    def refused(self, token, **watch):
        ws = monitor_kit.connect(self.sotto.port)
        ws.send({"type": "watch", "token": token, **watch})
        error = ws.event()
        with self.assertRaises(kit.Closed) as closed:
            ws.event()
        ws.close()
        self.assertEqual((error["type"], error["code"], closed.exception.code), ("error", "unauthorized", 1008))

    def test_who_may_not(self):
        teacher = trust_kit.token("teacher", **{"class": ["7a"]})
        self.refused(trust_kit.token("learner", **{"class": "7a"}))
        self.refused(trust_kit.token("teacher", secret=b"somebody else's secret of 32 bytes", **{"class": ["7a"]}))
        self.refused(trust_kit.token("teacher", life_s=-600, **{"class": ["7a"]}))
        self.refused(teacher, **{"class": "7b"})
        self.refused("")
        ws = monitor_kit.connect(self.sotto.port)
        ws.send({"type": "watch", "token": teacher})
        self.assertEqual(ws.event()["type"], "snapshot")
        ws.send({"type": "watch"})  # the same teacher still
        self.assertEqual(ws.event()["type"], "snapshot")
        ws.close()

    def test_a_token_ends(self):
        token = trust_kit.token("teacher", life_s=-28, **{"class": ["7a"]})
        ws = monitor_kit.connect(self.sotto.port)
        ws.send({"type": "watch", "token": token})
        self.assertEqual(ws.event()["type"], "snapshot")
        self.assertEqual(ws.event()["code"], "unauthorized")
        self.assertRaises(kit.Closed, ws.event)
        ws.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
