"""What a connection and a session cost while nobody speaks."""
import resource
import unittest

import kit

WAITING = 2000  # connections that have not started a session
STARTED = 1000
SESSION_KB = 16


@unittest.skipIf(kit.SLOW > 1, "a sanitizer's shadow memory is not ours")
class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.upstreams = kit.Upstreams()

    @classmethod
    def tearDownClass(cls):
        cls.upstreams.stop()

    def setUp(self):
        # Each starts with a process that has freed nothing yet.
        self.sotto = self.upstreams.sotto().wait_ready()

    def tearDown(self):
        self.assertEqual(self.sotto.stop(), 0, self.sotto.text()[-3000:])

    def sockets(self, count, start):
        """Opens that many; returns what one costs in KB."""
        before = self.sotto.rss_kb()
        for _ in range(count):
            ws = kit.WebSocket(self.sotto.port)
            self.addCleanup(ws.close)
            self.assertEqual(ws.status, 101, ws.head)
            if start:
                ws.start(targets=["es", "fr"])
        return (self.sotto.rss_kb() - before) / count

    def test_silent(self):
        self.sockets(50, True)  # what is made once
        session = self.sockets(STARTED, True)
        print("KB a silent session: %.1f" % session)
        self.assertLess(session, SESSION_KB)

    def test_waiting(self):
        self.sockets(50, False)
        connection = self.sockets(WAITING, False)
        print("KB a connection: %.1f" % connection)
        self.assertLess(connection, SESSION_KB)


if __name__ == "__main__":
    unittest.main(verbosity=2)
