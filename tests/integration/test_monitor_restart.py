"""What a teacher sees of a session that the next server goes on with."""
import os
import tempfile
import unittest

import monitor_kit
import sim_kit


class MonitorRestart(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="sotto-store-")
        self.addCleanup(self.dir.cleanup)
        self.store = ("--store-path", os.path.join(self.dir.name, "sotto.db"))
        self.rig = sim_kit.Rig(sotto=self.store)
        self.addCleanup(self.rig.stop)

    def kill(self, learner):
        """The next server has the store, and the learner comes back to it."""
        self.rig.sotto.process.kill()
        self.rig.sotto.process.wait()
        learner.reader.join(5)
        self.rig.sotto = self.rig.again(*self.store)
        learner.port = self.rig.sotto.port
        learner.connect()

    def first_told(self, learner):
        """What a teacher who comes now is told first."""
        watcher = monitor_kit.Watcher(self.rig.sotto.port)
        watcher.wait(lambda w: learner.session in w.states)
        watcher.close()
        return watcher.states[learner.session]["mistakes"]

    def test_mistakes_go_on(self):
        learner = monitor_kit.Learner(self.rig.sotto.port, 6)
        self.addCleanup(learner.end)
        before = 0
        for _ in range(2):
            while learner.mistakes() == before:
                learner.say()
            before = learner.mistakes()
            self.kill(learner)
            self.assertEqual(self.first_told(learner), before)


if __name__ == "__main__":
    unittest.main()
