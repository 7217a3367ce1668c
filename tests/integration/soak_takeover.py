"""Ten rolling restarts each, with one front, three, and epoll, under a storm of connects (test_takeover.py)."""
import unittest

import test_takeover


class Takeover(test_takeover.Takeover):
    def test_one_front(self):
        self.roll(10)

    def test_three_fronts(self):
        self.roll(10, "--fronts", "3")

    def test_epoll(self):
        self.roll(10, "--loop", "epoll", "--fronts", "2")


if __name__ == "__main__":
    unittest.main(verbosity=2)
