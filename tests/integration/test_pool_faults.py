"""Chat connections that hang, are told to go, die with their upstream or simply get old: every final comes, and the latest
are later by less than one deadline."""
import unittest
from concurrent.futures import ThreadPoolExecutor

import pool_kit
import sim_kit

SECONDS = 12
AGE_MS = 2500


def speak(*sotto, faults=(), other=None):
    """Speakers with each of the faults once, and the death of the other upstream, while they speak."""
    if other is not None:
        sotto = (*sotto, *other.flags("chat-2"), "--chat-2-weight", 1)
    rig = sim_kit.Rig(sim=pool_kit.SIM, sotto=(*pool_kit.SOTTO, *sotto))
    steps = [(4 + 3 * i, lambda fault=fault: rig.faults(chat=fault)) for i, fault in enumerate(faults)]
    if other is not None:
        steps.append((7, other.stop))
    return pool_kit.Heard(rig, SECONDS, steps)


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with ThreadPoolExecutor(2) as pool:
            plain = pool.submit(speak)
            hung = pool.submit(speak, faults=["freeze@first:1"])
            told = pool.submit(speak, faults=["goaway@first:1", "goaway@first:3"])
            dead = pool.submit(speak, other=pool_kit.Upstream())
            old = pool.submit(speak, "--chat-age-ms", AGE_MS)
            everything = pool.submit(speak, "--chat-age-ms", AGE_MS, other=pool_kit.Upstream(),
                                     faults=["freeze@first:1", "goaway@first:2", "freeze@first:1"])
            cls.plain, cls.hung, cls.told, cls.dead, cls.old, cls.everything = (
                f.result() for f in (plain, hung, told, dead, old, everything))

    @classmethod
    def tearDownClass(cls):
        for heard in (cls.plain, cls.hung, cls.told, cls.dead, cls.old, cls.everything):
            heard.rig.stop()

    def late_by_less_than_a_deadline(self, name, heard):
        heard.check(self)
        for kind, p99_ms in heard.p99_ms().items():
            before_ms = self.plain.p99_ms()[kind]
            print("%s: p99 of %s %d ms, without faults %d ms" % (name, kind, p99_ms, before_ms))
            self.assertLess(p99_ms - before_ms, pool_kit.DEADLINE_MS)

    def test_no_faults(self):
        self.plain.check(self)
        for name in ("retried_total", "moved_total", "replaced_total"):
            self.assertEqual(self.plain.metric(name), 0)

    def test_one_connection_hangs(self):
        """Nothing says so but silence: what was sent there is asked for elsewhere, what comes after is not sent there."""
        self.late_by_less_than_a_deadline("a connection hangs", self.hung)
        self.assertEqual(pool_kit.struck(self.hung.rig), {"freeze": 1})
        self.assertGreater(self.hung.metric("hedged_total") + self.hung.metric("retried_total"), 0)

    def test_connections_are_told_to_go(self):
        """GOAWAY is no failure: what the peer has not looked at moves on, and a new connection is warmed."""
        self.late_by_less_than_a_deadline("connections told to go", self.told)
        self.assertEqual(pool_kit.struck(self.told.rig), {"goaway": 4})
        self.assertGreaterEqual(self.told.metric("goaways_total"), 2)
        self.assertGreaterEqual(self.told.metric("moved_total"), 2)
        self.assertEqual(self.told.metric("connections"), 4)

    def test_an_upstream_dies(self):
        self.late_by_less_than_a_deadline("an upstream dies", self.dead)
        self.assertGreater(self.dead.metric('upstream_answers_total{upstream="2"}'), 20)
        self.assertEqual(self.dead.metric('upstream_connections{upstream="2"}'), 0)
        self.assertEqual(self.dead.metric('upstream_connections{upstream="1"}'), 4)

    def test_connections_get_old(self):
        """Each of them several times, while everybody speaks: nobody notices."""
        self.late_by_less_than_a_deadline("connections get old", self.old)
        self.assertGreaterEqual(self.old.metric("replaced_total"), 4 * (SECONDS * 1000 // AGE_MS - 1))
        for name in ("retried_total", "moved_total"):
            self.assertEqual(self.old.metric(name), 0)

    def test_all_of_it(self):
        self.late_by_less_than_a_deadline("all of it", self.everything)


if __name__ == "__main__":
    unittest.main(verbosity=2)
