"""The bench itself: a tiny `make bench` runs to its end, compare tells better from worse, capacity reads a live server."""
import copy
import csv
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import kit

RUN = os.path.join(kit.ROOT, "bench", "run.py")
COMPARE = os.path.join(kit.ROOT, "bench", "compare")
PLOTS = ("latency-100", "cost", "upstream", "ablations")


def call(*command, timeout=60):
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout * kit.SLOW, env=env,
                          stdin=subprocess.DEVNULL)


def bench(*args, timeout=60):
    # A busy machine makes runs void; here they count, because the programs are tested and not the machine.
    return call(sys.executable, RUN, "--bin", kit.BIN, "--count-void", "--repeats", 0, *args, timeout=timeout)


class Sweep(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.out = tempfile.mkdtemp(prefix="sotto-test-bench-")
        cls.made = bench("--sessions", "1 5", "--speaking", "1.0", "--without", "uring", "--ablation-sessions", 5,
                         "--seconds", 5, "--ramp", 1, "--warmup", 1, "--drain", 3, "--out", cls.out,
                         # Short utterances, so that some are spoken whole in a short window.
                         "--bench-arg=--cycle-ms=2500", "--bench-arg=--pause-ms=600")
        with open(os.path.join(cls.out, "results.json"), encoding="utf-8") as file:
            cls.results = json.load(file)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.out)

    def path(self, name):
        return os.path.join(self.out, name)

    def test_runs_to_the_end(self):
        self.assertEqual(self.made.returncode, 0, self.made.stdout + self.made.stderr)
        self.assertTrue(self.results["complete"])
        self.assertEqual([(run["sessions"], run["without"]) for run in self.results["runs"]],
                         [(1, None), (5, None), (5, "uring")])

    def test_figures_are_those_of_the_script(self):
        for run in self.results["runs"]:
            figures = run["figures"]
            self.assertGreater(figures["delivery"], 0, run)
            self.assertEqual((figures["lost"], figures["repeated"]), (0, 0), run)
            # The simulator takes 120 ms to hear and 150 ms to begin a translation; nobody is faster.
            self.assertGreater(figures["transcript_p50"], 120, run)
            self.assertGreater(figures["translation_p50"], figures["transcript_p50"] + 150, run)
            self.assertGreater(figures["requests_minute"], 20, run)
            self.assertGreater(figures["tokens_minute"], figures["requests_minute"], run)
            self.assertGreater(figures["cpu_percent"], 0, run)
            self.assertGreater(figures["rss_mb"], 5, run)

    def test_ablation_reaches_the_server(self):
        commands = [run["commands"]["sotto"] for run in self.results["runs"]]
        self.assertNotIn("--without", commands[1])
        self.assertIn("--without uring", commands[2])
        self.assertTrue(self.results["runs"][1]["result"]["probe"]["io_uring"] or not self.uring_allowed())
        self.assertFalse(self.results["runs"][2]["result"]["probe"]["io_uring"])

    def uring_allowed(self):
        with open(os.path.join(self.out, "logs", "5-sessions-speaking-1-1", "sotto.log"), encoding="utf-8") as file:
            return "io_uring is not available" not in file.read()

    def test_table_has_a_row_for_each_point(self):
        rows = [line.split() for line in self.made.stdout.splitlines()]
        self.assertEqual([row[0] for row in rows if len(row) > 14 and row[0].isdigit() and row[1][0].isdigit()], ["1", "5", "5", "5"],
                         "two points, the baseline again, the ablation: " + self.made.stdout)
        self.assertNotIn("\033", self.made.stdout, "colours without a terminal")

    def test_table_of_values_repeats_the_figures(self):
        with open(self.path("results.csv"), encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        self.assertEqual(len(table), len(self.results["runs"]))
        for line, run in zip(table, self.results["runs"]):
            self.assertEqual(int(line["sessions"]), run["sessions"])
            self.assertAlmostEqual(float(line["server_p99"]), run["figures"]["server_p99"])

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is only installed by make bench")
    def test_plots_are_drawn(self):
        for name in PLOTS:
            with open(self.path(name + ".png"), "rb") as file:
                head = file.read(24)
            self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
            self.assertEqual(struct.unpack(">II", head[16:24]), (1200, 750))
            with open(self.path(name + ".svg"), encoding="utf-8") as file:
                self.assertIn("</svg>", file.read())

    def test_capacity_is_told_from_the_results(self):
        made = call(os.path.join(kit.BIN, "sotto-bench"), "capacity", "--from", self.changed(lambda run: None), "--json")
        self.assertEqual(made.returncode, 0, made.stderr)
        answer = json.loads(made.stdout)
        self.assertIn("5 sessions", answer["source"])
        self.assertEqual(answer["costs"]["requests"]["origin"], "measured")
        self.assertAlmostEqual(answer["costs"]["requests"]["value"], self.results["runs"][1]["figures"]["requests_minute"],
                               delta=0.01)

    # -- compare --

    def changed(self, change, name="changed.json"):
        """Results with round figures, so that nothing here depends on how busy the machine was."""
        results = copy.deepcopy(self.results)
        for run in results["runs"]:
            run["void"] = None
            run["figures"].update(delivery=100.0, server_p99=2.0, cpu_ms=4.0, rss_session_kb=100.0)
            change(run)
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(results, file)
        return path

    def compare(self, change, *args):
        old = self.changed(lambda run: None, "old.json")
        return call(sys.executable, COMPARE, old, self.changed(change), *args)

    def test_the_same_is_no_regression(self):
        made = self.compare(lambda run: None)
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)

    def test_a_longer_tail_is_one(self):
        def slower(run):
            run["figures"]["server_p99"] = 4.0
        made = self.compare(slower)
        self.assertEqual(made.returncode, 1, made.stdout)
        self.assertIn("worse: ", made.stdout)
        self.assertIn("server p99", made.stdout)
        self.assertEqual(self.compare(slower, "--bound", 3).returncode, 0)

    def test_a_difference_below_noise_is_none(self):
        def noisy(run):
            run["figures"].update(server_p99=2.9, cpu_ms=5.9, rss_session_kb=800.0)
        self.assertEqual(self.compare(noisy).returncode, 0)

    def test_delivery_that_falls_is_one(self):
        def lossy(run):
            run["figures"]["delivery"] -= 1
        made = self.compare(lossy)
        self.assertEqual(made.returncode, 1, made.stdout)
        self.assertIn("delivery", made.stdout)

    def test_void_runs_do_not_compare(self):
        def void_and_slow(run):
            run["void"] = "stolen"
            run["figures"]["server_p99"] += 1000
        made = self.compare(void_and_slow)
        self.assertEqual(made.returncode, 2, made.stdout)
        self.assertIn("no point in common", made.stderr)
        self.assertEqual(self.compare(void_and_slow, "--count-void").returncode, 1)

    def test_what_holds_no_results_is_refused(self):
        made = call(sys.executable, COMPARE, self.path("results.json"), os.path.join(kit.ROOT, "CMakePresets.json"))
        self.assertEqual(made.returncode, 2, made.stdout)
        self.assertIn("CMakePresets.json", made.stderr)


class Trouble(unittest.TestCase):
    def test_part_that_does_not_exist_is_told_and_the_rest_runs(self):
        with tempfile.TemporaryDirectory(prefix="sotto-test-bench-") as out:
            made = bench("--sessions", "1", "--speaking", "1.0", "--without", "wheels", "--ablation-sessions", 1,
                         "--seconds", 1, "--ramp", 0, "--warmup", 0, "--drain", 1, "--no-plots", "--out", out)
            with open(os.path.join(out, "results.json"), encoding="utf-8") as file:
                runs = json.load(file)["runs"]
        self.assertEqual(made.returncode, 1, made.stdout + made.stderr)
        self.assertIn("wheels", runs[1]["error"])
        self.assertIsNone(runs[0]["error"])
        self.assertIn("wheels", made.stdout)

    def test_missing_programs_are_named(self):
        made = call(sys.executable, RUN, "--bin", "/nonexistent")
        self.assertEqual(made.returncode, 2)
        self.assertIn("make build", made.stderr)


class Capacity(unittest.TestCase):
    def capacity(self, *args):
        return call(os.path.join(kit.BIN, "sotto-bench"), "capacity", *args)

    def test_live_server(self):
        upstreams = kit.Upstreams(speech=["--latency-ms", "20"], chat=["--latency-ms", "20"])
        self.addCleanup(upstreams.stop)
        sotto = upstreams.sotto().wait_ready()
        self.addCleanup(sotto.stop)
        url = "http://127.0.0.1:%d" % sotto.port
        made = self.capacity("--metrics", url, "--seconds", 1)
        self.assertEqual(made.returncode, 1)
        self.assertIn("no session is live", made.stderr)
        sessions = [kit.WebSocket(sotto.port) for _ in range(3)]
        for session in sessions:
            session.start()
            session.audio(bytes(3200))
        made = self.capacity("--metrics", url, "--seconds", 1, "--json", "--speech-streams", 7, "--headroom", 1,
                             "--requests-minute", 1e9, "--tokens-minute", 1e12)
        for session in sessions:
            session.close()
        self.assertEqual(made.returncode, 0, made.stderr)
        answer = json.loads(made.stdout)
        self.assertIn("3 live sessions", answer["source"])
        self.assertEqual(answer["costs"]["descriptors"], {"value": 1.0, "unit": "", "origin": "measured"})
        self.assertEqual(answer["costs"]["streams"]["value"], 1.0)
        self.assertEqual((answer["first"], answer["sessions"]), ("speech streams", 7))

    def test_answer_for_people_names_the_first_bottleneck(self):
        made = self.capacity("--cores", 2, "--cost-cpu", 100, "--requests-minute", 1e9, "--tokens-minute", 1e12)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("20 sessions, 14 with headroom; CPU gives way first", made.stdout)
        self.assertIn("sotto_rss_bytes", made.stdout)

    def test_metrics_of_the_tripwires_exist(self):
        upstreams = kit.Upstreams()
        self.addCleanup(upstreams.stop)
        sotto = upstreams.sotto().wait_ready()
        self.addCleanup(sotto.stop)
        served = {line.split("{")[0].split(" ")[0] for line in sotto.get("/metrics")[1].splitlines()}
        answer = json.loads(self.capacity("--json").stdout)
        for row in answer["resources"]:
            for name in filter(lambda word: word.startswith("sotto_"), row["metric"].replace("[", " ").replace(
                    "(", " ").replace(")", " ").split()):
                self.assertIn(name, served, row["metric"])

    def test_wrong_usage(self):
        for args in (["--nope"], ["--cores", "many"], ["--headroom", "2"], ["--headroom", "0"], ["extra"],
                     ["--from", "a", "--metrics", "b"], ["--seconds", "0"]):
            made = self.capacity(*args)
            self.assertEqual(made.returncode, 2, args)
            self.assertIn("--help", made.stderr)
        made = self.capacity("--from", "/nonexistent.json")
        self.assertEqual(made.returncode, 1)
        self.assertIn("/nonexistent.json", made.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
