"""Ten minutes of fifty speakers with chat connections that live fifteen seconds, some told to go and one that hangs now and
then: no request waits for a handshake, every final comes. Prints what happened."""
import os
import unittest

import pool_kit
import sim_kit

SECONDS = int(os.environ.get("SOTTO_SOAK_SECONDS", "600"))
AGE_MS = 15000
TROUBLE_EVERY_S = 20


def faults_at(rig, at_s):
    """Two connections in turn are told to go, the third hangs."""
    fault = "freeze@first:1" if at_s // TROUBLE_EVERY_S % 3 == 2 else "goaway@first:1"
    return at_s, lambda: rig.faults(chat=fault)


class Soak(unittest.TestCase):
    def run_with(self, trouble):
        rig = sim_kit.Rig(sim=pool_kit.SIM, sotto=(*pool_kit.SOTTO, "--chat-age-ms", AGE_MS))
        steps = [faults_at(rig, at_s) for at_s in range(10, SECONDS, TROUBLE_EVERY_S)] if trouble else []
        heard = pool_kit.Heard(rig, SECONDS, steps, sessions=50)
        names = ("connects_total", "replaced_total", "goaways_total", "moved_total", "retried_total", "hedged_total",
                 "hedges_won_total", "handshakes_late_total", "done_total", "failed_total")
        print({name: int(heard.metric(name)) for name in names}, heard.p99_ms(), heard.result["delivery"])
        heard.check(self)
        # A life is three quarters of the age at least; the first one half.
        self.assertGreaterEqual(heard.metric("replaced_total"), 4 * (SECONDS * 1000 // AGE_MS - 1))
        self.addCleanup(rig.stop)
        return heard

    def test_rotation_alone(self):
        heard = self.run_with(trouble=False)
        for name in ("retried_total", "moved_total"):
            self.assertEqual(heard.metric(name), 0)

    def test_rotation_and_trouble(self):
        self.run_with(trouble=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
