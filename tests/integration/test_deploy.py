"""What stands in deploy/ fits the programs: unit, system calls, packages, alerts, kernel settings, the installation.

`test_deploy.py --write` writes deploy/runtime-packages.txt anew.
"""
import ctypes
import functools
import json
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import kit

DEPLOY = os.path.join(kit.ROOT, "deploy")
PACKAGES = os.path.join(DEPLOY, "runtime-packages.txt")
PROGRAMS = ("sotto", "sotto-admin", "sotto-local", "sotto-say", "sotto-sim", "sotto-bench")
# What programs open by name, or need without linking to it: package, what for.
OPENED = {
    "sotto": {"libwebsockets-evlib-uv": "the libuv plugin of libwebsockets",
              "ca-certificates": "trusted roots for the APIs"},
    "sotto-local": {"pocketsphinx-en-us": "English model of the recogniser",
                    "apertium-eng-spa": "English and Spanish data of the translator",
                    "link-grammar-dictionaries-en": "English dictionary of the corrector"},
}


def read(name):
    with open(os.path.join(DEPLOY, name), encoding="utf-8") as file:
        return file.read()


# --- system calls ---

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2
ALLOW, REFUSE = 0x7fff0000, 0x00050001  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EPERM
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def numbers():
    """System calls of this machine, by name."""
    text = subprocess.run(["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-"], input="", text=True,
                          capture_output=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}


def filter_of(names):
    """A classic BPF program that lets these calls through and refuses the others with EPERM."""
    known = numbers()
    code = [(0x20, 0, 0, 4), (0x15, 1, 0, ARCHITECTURES[platform.machine()]), (0x06, 0, 0, REFUSE), (0x20, 0, 0, 0)]
    for number in sorted(known[name] for name in names if name in known):
        code += [(0x15, 0, 1, number), (0x06, 0, 0, ALLOW)]
    code.append((0x06, 0, 0, REFUSE))
    return b"".join(struct.pack("HBBI", *each) for each in code)


def under(names):
    """A preexec function that confines what is started to these calls."""
    program = filter_of(names)
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(program)

    def confine():
        fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)))
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.prctl(PR_SET_SECCOMP, FILTER, fprog, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")
    return confine


def systemd_group(name):
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True,
                          check=True).stdout
    found = set()
    for line in text.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            found |= systemd_group(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def unit_calls():
    """What SystemCallFilter= of the unit leaves, as systemd reads it: line by line."""
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", read("sotto.service"), re.M):
        names = set()
        for word in line.lstrip("~").split():
            names |= systemd_group(word) if word.startswith("@") else {word}
        allowed = allowed - names if line.startswith("~") else allowed | names
    # systemd adds these by itself.
    return allowed | systemd_group("@default")


def image_calls():
    return {name for each in json.loads(read("seccomp.json"))["syscalls"] for name in each["names"]}


@unittest.skipIf(kit.SLOW > 1, "sanitizers need calls of their own")
@unittest.skipUnless(platform.machine() in ARCHITECTURES, "no architecture of the profile")
class SystemCalls(unittest.TestCase):
    def run_under(self, names):
        upstreams = kit.Upstreams(speech=("--latency-ms", "20", "--final-every-ms", "500"), chat=("--latency-ms", "20"))
        self.addCleanup(upstreams.chat.kill)
        self.addCleanup(upstreams.speech.kill)
        sotto = upstreams.sotto(preexec=under(names)).wait_ready()
        self.addCleanup(sotto.kill)
        events, code = kit.run_session(sotto.port, kit.tone(1.5), speed=2)
        self.assertEqual(code, 1000)
        kit.check_rules(events)
        self.assertGreater(len(kit.finals(events, "translation")), 0)
        backend = re.search(r'sotto_loop_backend\{backend="(\w+)"', sotto.get("/metrics")[1])[1]
        self.assertEqual(sotto.stop(), 0)
        return backend

    def offered(self):
        """The loop that this machine gives a program without any filter."""
        upstreams = kit.Upstreams()
        self.addCleanup(upstreams.chat.kill)
        self.addCleanup(upstreams.speech.kill)
        sotto = upstreams.sotto()
        self.addCleanup(sotto.kill)
        return re.search(r'sotto_loop_backend\{backend="(\w+)"', sotto.get("/metrics")[1])[1]

    def test_image(self):
        """The container's profile lets everything through that a session takes, io_uring too."""
        self.assertEqual(self.run_under(image_calls()), self.offered())

    def test_image_without_io_uring(self):
        """Docker's own profile refuses io_uring: the loop falls back."""
        calls = {name for name in image_calls() if not name.startswith("io_uring")}
        self.assertEqual(self.run_under(calls), "epoll")

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd here")
    def test_unit(self):
        self.assertEqual(self.run_under(unit_calls()), self.offered())

    def test_filter_confines(self):
        """The filter of these tests is one: what is not on it is refused."""
        answer = subprocess.run(["mkdir", tempfile.gettempdir() + "/sotto-never"], capture_output=True,
                                preexec_fn=under(image_calls() - {"mkdir", "mkdirat"}))
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn(b"not permitted", answer.stderr)

    def test_profile_is_well_formed(self):
        profile = json.loads(read("seccomp.json"))
        self.assertEqual((profile["defaultAction"], profile["defaultErrnoRet"]), ("SCMP_ACT_ERRNO", 1))
        self.assertEqual({each["architecture"] for each in profile["archMap"]},
                         {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"})
        names = []
        for each in profile["syscalls"]:
            self.assertEqual(set(each), {"comment", "action", "names"})
            self.assertEqual(each["action"], "SCMP_ACT_ALLOW")
            names += each["names"]
        self.assertEqual(len(names), len(set(names)))
        if platform.machine() == "x86_64":
            self.assertEqual(set(names) - set(numbers()), set())
        self.assertTrue({"io_uring_setup", "io_uring_enter", "io_uring_register"} <= set(names))
        self.assertFalse({"ptrace", "bpf", "mount", "setns", "unshare", "keyctl", "process_vm_readv"} & set(names))


@unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd here")
class Unit(unittest.TestCase):
    def analyze(self, *args):
        with tempfile.TemporaryDirectory() as folder:
            # The program is looked for where the unit says; here it is elsewhere.
            path = os.path.join(folder, "sotto.service")
            with open(path, "w", encoding="utf-8") as file:
                file.write(read("sotto.service").replace("/usr/local/bin/sotto", "/bin/true"))
            return subprocess.run(["systemd-analyze", *args, path], capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})

    def test_verifies(self):
        answer = self.analyze("verify")
        self.assertNotIn("sotto.service:", answer.stderr)

    def test_exposure(self):
        answer = self.analyze("security", "--offline=true", "--no-pager")
        if "unrecognized option" in answer.stderr:
            self.skipTest("this systemd-analyze reads no files")
        self.assertLessEqual(float(re.search(r"exposure level for \S+: ([\d.]+)", answer.stdout)[1]), 1.2)

    def test_there_is_time_to_stop(self):
        seconds = int(re.search(r"^TimeoutStopSec=(\d+)$", read("sotto.service"), re.M)[1])
        shown = subprocess.run([os.path.join(kit.BIN, "sotto"), "--print-config"], capture_output=True, text=True,
                               env={"PATH": os.environ["PATH"]}, cwd="/").stdout
        self.assertGreater(seconds * 1000, int(re.search(r"^stop_ms = (\d+)", shown, re.M)[1]))


# --- packages ---

@functools.lru_cache(None)
def package_of(place):
    """The package that holds a library; dpkg knows it by one of its names."""
    real = os.path.realpath(place)
    for candidate in (place, real, real.replace("/usr/lib/", "/lib/", 1)):
        answer = subprocess.run(["dpkg", "-S", candidate], capture_output=True, text=True)
        if answer.returncode == 0:
            return answer.stdout.split(":")[0]
    raise AssertionError("no package holds " + real)


def linked(program):
    """Debian packages of the libraries that a program names itself."""
    path = os.path.join(kit.BIN, program)
    text = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", text)
    text = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    places = dict(re.findall(r"^\s*(\S+) => (\S+)", text, re.M))
    # The loader itself has no place.
    return {package_of(places[name]) for name in needed if os.path.exists(places.get(name, ""))}


def package_table(programs):
    rows = ["# Debian 12 packages that the programs of a release build need to run: program, package, what for.",
            "# Written by tests/integration/test_deploy.py --write; a test compares."]
    for program in programs:
        for package in sorted(linked(program) | set(OPENED.get(program, {}))):
            rows.append(("%-12s%-30s%s" % (program, package, "# " + OPENED[program][package]
                                           if package in OPENED.get(program, {}) else "")).rstrip())
    return "\n".join(rows) + "\n"


def built():
    return [name for name in PROGRAMS if os.path.exists(os.path.join(kit.BIN, name))]


@unittest.skipIf(kit.SLOW > 1, "of a release build")
@unittest.skipUnless(shutil.which("dpkg") and shutil.which("readelf"), "no Debian here")
class Packages(unittest.TestCase):
    def test_table_is_true(self):
        def rows(text):
            return [line for line in text.splitlines() if line.split()[0] in built()]
        self.maxDiff = None
        self.assertEqual(rows(read("runtime-packages.txt")), rows(package_table(built())))


# --- alerts ---

class Alerts(unittest.TestCase):
    def test_metrics_exist(self):
        upstreams = kit.Upstreams()
        self.addCleanup(upstreams.chat.kill)
        self.addCleanup(upstreams.speech.kill)
        sotto = upstreams.sotto()
        self.addCleanup(sotto.kill)
        served = sotto.get("/metrics")[1]
        types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", served, re.M))
        expressions = re.findall(r"expr:(?: >-)?\s+(.+(?:\n {10}.+)*)", read("alerts.yml"))
        self.assertGreater(len(expressions), 10)
        for expression in expressions:
            names = re.findall(r"\bsotto_\w+", expression)
            self.assertTrue(names or "up{" in expression, expression)
            for name in names:
                base = re.sub(r"_(bucket|count|sum)$", "", name)
                self.assertIn(base if types.get(base) == "histogram" else name, types, expression)
            for name, labels in re.findall(r"\b(sotto_\w+)\{([^}]*)\}", expression):
                samples = re.findall(r"^%s\{(.*)\} " % name, served, re.M)
                for label in re.findall(r"(\w+)=~?\"", labels):
                    self.assertTrue(any(label + '="' in sample for sample in samples), expression)

    def test_well_formed(self):
        text = read("alerts.yml")
        names = re.findall(r"- alert: (\w+)", text)
        self.assertEqual(len(names), len(set(names)))
        for part in ("expr:", "labels: {severity:", "summary:"):
            self.assertEqual(text.count(part), len(names), part)
        with open(os.path.join(kit.ROOT, "docs/operations.md"), encoding="utf-8") as file:
            documented = file.read()
        self.assertEqual([name for name in names if "`%s`" % name not in documented], [])


class Kernel(unittest.TestCase):
    def test_settings_exist(self):
        keys = re.findall(r"^([\w.]+) = ", read("sysctl.conf"), re.M)
        self.assertGreater(len(keys), 5)
        for key in keys:
            path = "/proc/sys/" + key.replace(".", "/")
            if key.startswith("net.") or os.path.exists(path):
                self.assertTrue(os.path.exists(path), key)

    def test_limits(self):
        for line in read("limits.conf").splitlines():
            self.assertRegex(line, r"^(#.*|sotto (hard|soft) \w+ \d+)$")


class Install(unittest.TestCase):
    def test_destdir(self):
        build = os.path.dirname(kit.BIN)
        if len(built()) < len(PROGRAMS) or not os.path.exists(os.path.join(build, "cmake_install.cmake")):
            self.skipTest("not everything is built")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cmake", "--install", build, "--prefix", "/opt/sotto"], check=True, timeout=120,
                           stdout=subprocess.DEVNULL, env={**os.environ, "DESTDIR": folder})
            root = folder + "/opt/sotto/"
            for path in ["bin/" + name for name in built()] + [
                    "share/sotto/sotto.ini.example", "share/sotto/sysctl.conf", "share/sotto/limits.conf",
                    "share/sotto/alerts.yml", "share/sotto/seccomp.json", "share/doc/sotto/operations.md"]:
                self.assertTrue(os.path.exists(root + path), path)
            for name in ("sotto.service", "sotto@.service"):
                with open(root + "lib/systemd/system/" + name, encoding="utf-8") as file:
                    self.assertIn("ExecStart=/opt/sotto/bin/sotto\n", file.read())
            self.assertEqual(os.listdir(folder), ["opt"])


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        with open(PACKAGES, "w", encoding="utf-8") as out:
            out.write(package_table(built()))
    else:
        unittest.main(verbosity=2)
