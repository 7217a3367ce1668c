"""Coming back where the new socket is mostly another front's: the session moves there."""
import unittest

import kit
import test_resume


class ResumeOnFronts(test_resume.Resume):
    more = ("--fronts", "4")

    def test_it_moves_again_and_again(self):
        client = self.client(6, 6)
        for at_ms in range(300, 5700, 300):
            client.run(until_sample=at_ms * kit.RATE // 1000)
            if at_ms % 600 == 0:
                client.drop()
            client.connect()
        self.assertTrue(client.run())
        self.check(client)


if __name__ == "__main__":
    unittest.main(verbosity=2)
