#!/usr/bin/env python3
"""Attacks a server while 100 well-behaved sessions speak, and tells what they noticed; docs/benchmark.md tells more.

The attackers come from addresses of their own (127.0.0.2 and on) and run at the lowest priority: on their own machines
they would not take the server's processor either. Every refusal is counted and compared with what is documented.
"""
import argparse
import asyncio
import base64
import collections
import hashlib
import hmac
import json
import multiprocessing
import os
import secrets
import signal
import struct
import subprocess
import sys
import time

import chaos
import report
import run

ADDRESSES = 40  # the attackers have so many
SLOW_S = 1.0  # between two bytes of a slowloris
CLASS, OTHER = "a1", "b2"
KID = "attack"

# What each attack may be answered with; docs/protocol.md and docs/security.md say so. "closed": the socket just ended.
CLOSED = {"closed", "http 408", "http 400"}
EXPECTED = {
    "slowloris": CLOSED,
    "no start": {"start_required 1008"},
    "ping flood": {"one pong for many pings", "rate_limited 1008", "close 1008", "closed"},
    "fragment flood": {"frame_too_big 1009"},
    "oversize frame": {"frame_too_big 1009", "close 1009", "closed"},
    "compression offer": {"close 1002"},
    "invalid UTF-8": {"close 1007"},
    "no token": {"unauthorized 1008"},
    "forged token": {"unauthorized 1008"},
    "alg none": {"unauthorized 1008"},
    "expired token": {"unauthorized 1008"},
    "other's session": {"resume_refused 1008"},
    "other's transcript": {"http 403", "http 404"},
    "foreign origin": {"http 403"},
}
JUDGED = ("transcript_partial", "transcript_final", "translation_final")
# An address that does such things too often is refused before it can do them again.
REFUSED = {"http 429", "http 503", "over_capacity 1013", "rate_limited 1008", "closed"}


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="bench/attack.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=100, help="that behave (100)")
    parser.add_argument("--seconds", type=int, default=60, help="of each of the two runs (60)")
    parser.add_argument("--ramp", type=int, default=3, help="seconds before each (3)")
    parser.add_argument("--slow", type=int, default=2000, help="slowloris connections at a time (2000)")
    parser.add_argument("--each", type=int, default=4, help="attackers of every other kind (4)")
    parser.add_argument("--within", type=float, default=20, help="percent by which p99 may grow (20)")
    parser.add_argument("--grown-mb", type=float, default=300, help="the server's memory may grow by so much (300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server-arg", action="append", default=[], metavar="ARG", help="one more for sotto")
    parser.add_argument("--bin", default=os.path.join(run.ROOT, "build", "bin"), help="where the programs are")
    parser.add_argument("--out", help="default build/attack/DATE")
    args = parser.parse_args(argv)
    if args.out is None:
        args.out = os.path.join(run.ROOT, "build", "attack", time.strftime("%Y-%m-%d-%H%M%S"))
    return args


# -- tokens --


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret, alg="HS256", kid=KID, expires_s=3600, class_name=CLASS, subject="learner"):
    now = int(time.time())
    head = {"alg": alg, "typ": "JWT", "kid": kid}
    claims = {"sub": subject, "role": "learner", "class": class_name, "iat": now - 10, "exp": now + expires_s,
              "aud": "sotto"}
    text = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
    signature = b"" if alg == "none" else hmac.digest(secret, text.encode(), hashlib.sha256)
    return text + "." + encode(signature)


# -- the attackers, in a process of their own --


def frame(opcode, payload, fin=True, rsv=0):
    """The mask is nought: allowed, and the payload stays readable."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if len(payload) < 126:
        return head + bytes([0x80 | len(payload)]) + bytes(4) + payload
    if len(payload) < 65536:
        return head + b"\xfe" + struct.pack(">H", len(payload)) + bytes(4) + payload
    return head + b"\xff" + struct.pack(">Q", len(payload)) + bytes(4) + payload


class Refused(Exception):
    """The server's answer to what was done."""


class Attacker:
    """One connection at a time from one address."""

    def __init__(self, field, number):
        self.field = field
        self.address = "127.0.0.%d" % (2 + number % ADDRESSES)
        self.writer = None
        self.chunks = self.pongs = 0

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.field.port, local_addr=(self.address, 0))

    async def request(self, path, *headers):
        """Sends a request; the status of the answer and its head."""
        await self.connect()
        lines = ["GET %s HTTP/1.1" % path, "Host: 127.0.0.1:%d" % self.field.port, *headers]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
        return int(head.split()[1]), head

    async def upgrade(self, *headers):
        status, head = await self.request(
            "/v1/stream", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: sotto.v1", *headers)
        if status != 101:
            raise Refused("http %d" % status)
        return head

    def say(self, **message):
        self.writer.write(frame(1, json.dumps(message).encode()))

    def start(self, bearer, **more):
        self.say(type="session.start", source="en", targets=[], rate=16000, **more,
                 **({"token": bearer} if bearer else {}))

    async def message(self):
        """The next message: opcode and payload."""
        first, second = await self.reader.readexactly(2)
        length = second & 0x7f
        if length >= 126:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        return first & 0x0f, await self.reader.readexactly(length)

    async def until_closed(self):
        """What the server said at the end."""
        code = ""
        while True:
            opcode, payload = await self.message()
            self.pongs += opcode == 10
            if opcode == 8:
                raise Refused("%s %d" % (code or "close", int.from_bytes(payload[:2], "big")))
            if opcode == 1:
                event = json.loads(payload)
                if event["type"] == "error" and event.get("fatal"):
                    code = event["code"]

    async def started(self):
        while True:
            opcode, payload = await self.message()
            if opcode == 8:
                raise Refused("close %d" % int.from_bytes(payload[:2], "big"))
            event = json.loads(payload) if opcode == 1 else {}
            if event.get("type") == "session.started":
                return event
            if event.get("type") == "error" and event.get("fatal"):
                raise Refused("%s %d" % (event["code"], {"over_capacity": 1013}.get(event["code"], 1008)))

    async def flood(self, chunk):
        """Writes the chunk again and again, until the server ends it or the time is over."""
        async def write():
            while True:
                self.writer.write(chunk)
                self.chunks += 1
                await self.writer.drain()
        writing = asyncio.ensure_future(write())
        try:
            await self.until_closed()
        finally:
            writing.cancel()

    def close(self):
        if self.writer is not None:
            self.writer.transport.abort()
            self.writer = None

    # -- the attacks --

    async def slowloris(self):
        await self.connect()
        self.writer.write(b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        ended = asyncio.ensure_future(self.reader.read(200))
        while not ended.done():
            self.writer.write(b"X")
            await asyncio.wait([ended], timeout=SLOW_S)
        answer = ended.result()
        raise Refused("http " + answer.split()[1].decode() if answer.startswith(b"HTTP") else "closed")

    async def no_start(self):
        await self.upgrade()
        await self.until_closed()

    async def ping_flood(self):
        await self.upgrade()
        self.start(self.field.good)
        await self.started()
        try:
            await self.flood(frame(9, b"x" * 125) * 200)
        except asyncio.CancelledError:
            few = self.pongs * 10 < self.chunks * 200
            self.field.seen["ping flood", "one pong for many pings" if few else "as many pongs"] += 1
            raise

    async def fragment_flood(self):
        await self.upgrade()
        self.start(self.field.good)
        await self.started()
        self.writer.write(frame(1, b"{", fin=False))
        await self.flood(frame(0, b" ", fin=False) * 200)

    async def oversize_frame(self):
        await self.upgrade()
        self.start(self.field.good)
        await self.started()
        self.writer.write(b"\x82\xff" + struct.pack(">Q", 1 << 40) + bytes(4))
        await self.flood(bytes(65536))

    async def compression_offer(self):
        head = await self.upgrade("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
        if "sec-websocket-extensions" in head.lower():
            raise Refused("accepted it")
        self.writer.write(frame(1, b"\x00\x01", rsv=4))
        await self.until_closed()

    async def invalid_utf8(self):
        await self.upgrade()
        self.writer.write(frame(1, b'{"type":"\xff\xfe"}'))
        await self.until_closed()

    async def token_attack(self, bearer):
        await self.upgrade()
        self.start(bearer)
        await self.until_closed()

    async def no_token(self):
        await self.token_attack(None)

    async def forged_token(self):
        await self.token_attack(token(secrets.token_bytes(32)))

    async def alg_none(self):
        await self.token_attack(token(b"", alg="none"))

    async def expired_token(self):
        await self.token_attack(token(self.field.secret, expires_s=-3600))

    async def others_session(self):
        await self.upgrade()
        self.start(self.field.good, resume={"session": self.field.victim, "token": secrets.token_urlsafe(32), "seq": 0})
        await self.until_closed()

    async def others_transcript(self):
        status, _ = await self.request("/v1/sessions/%s/transcript.json" % self.field.victim,
                                       "Authorization: Bearer " + self.field.good)
        raise Refused("http %d" % status)

    async def foreign_origin(self):
        await self.upgrade("Origin: https://evil.example")
        raise Refused("accepted it")


ATTACKS = {name: getattr(Attacker, name.replace(" ", "_").replace("'", "").replace("-", "").replace("UTF8", "utf8"))
           for name in EXPECTED}


class Field:
    """What the attackers know: `good` is a token of one class, `victim` a session of another."""

    def __init__(self, port, secret, args):
        self.port, self.secret, self.args = port, secret, args
        self.good = token(secret, subject="attacker")
        self.victim = None
        self.seen = collections.Counter()
        self.open_most = 0
        self.open = 0

    async def attack(self, name, number):
        """One attacker's life: the same again and again."""
        attacker = Attacker(self, number)
        while True:
            self.open += 1
            self.open_most = max(self.open_most, self.open)
            try:
                await ATTACKS[name](attacker)
            except Refused as answer:
                self.seen[name, str(answer)] += 1
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                self.seen[name, "closed"] += 1
            finally:
                self.open -= 1
                attacker.close()
            await asyncio.sleep(0.5 if name != "slowloris" else 1)

    async def all(self, seconds):
        victim = Attacker(self, 0)
        await victim.upgrade()
        victim.start(token(self.secret, class_name=OTHER, subject="victim"))
        self.victim = (await victim.started())["session"]
        kinds = [(name, i) for name in EXPECTED
                 for i in range(self.args.slow if name == "slowloris" else self.args.each)]
        tasks = []
        for place, (name, i) in enumerate(kinds):
            tasks.append(asyncio.ensure_future(self.attack(name, place)))
            if place % 50 == 0:
                await asyncio.sleep(0.05)
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        victim.close()


def attackers(port, secret, args, seconds, path):
    os.nice(19)
    core = run.Pins().bench
    if core is not None:
        os.sched_setaffinity(0, [core])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    field = Field(port, secret, args)
    asyncio.run(field.all(seconds))
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"seen": [[*key, count] for key, count in field.seen.items()], "open": field.open_most}, file)


# -- the run --


class Rig(chaos.Rig):
    def pinned(self, program, command):
        """The server has a core to itself; who measures and who attacks share the other."""
        pins = run.Pins()
        return pins.command(pins.server if program == "sotto" else pins.bench, command)

    def start_bench(self, label):
        args = self.args
        return self.start("bench-" + label, "sotto-bench", "run", "--port", self.port, "--sessions", args.sessions,
                          "--speaking", 1, "--seed", args.seed, "--ramp", args.ramp, "--warmup", args.ramp,
                          "--seconds", args.seconds, "--drain", 15, "--token-file", self.path("token"),
                          "--json", self.path(label + ".json"))

    def load(self, label):
        """Well-behaved sessions for a while: their result."""
        bench = self.start_bench(label)
        status = bench.process.wait(self.args.seconds * 2 + 120)
        if status not in (0, run.BENCH_VOID):
            raise run.Failed("sotto-bench ended with status %d: %s" % (status, bench.tail()))
        with open(self.path(label + ".json"), encoding="utf-8") as file:
            return json.load(file)

    def keys(self):
        """A folder with one key, and the token of those who behave."""
        secret = secrets.token_bytes(48)
        os.makedirs(self.path("keys"), mode=0o700, exist_ok=True)
        for name, data in (("keys/%s.hs256" % KID, secret), ("token", token(secret).encode())):
            with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
        return secret

    def start_fresh(self):
        """A server that remembers no answers of the run before."""
        server = self.start_server("--auth-keys", self.path("keys"), "--peers-subject-sessions", "0",
                                   "--peers-loopback")
        server.wait_for(lambda: run.is_ready(self.port), "warm connections (GET /readyz)")
        return server

    def memory(self, server):
        self.rss_peak = 0
        self.note_memory(server)
        if server.process.poll() is not None:
            raise run.Failed("sotto ended with status %d: %s" % (server.process.returncode, server.tail()))
        return self.rss_peak

    def calm(self):
        server = self.start_fresh()
        result = self.load("calm")
        memory = self.memory(server)
        server.stop()
        return result, memory

    def attacked(self, secret):
        server = self.start_fresh()
        seen = self.path("seen.json")
        seconds = max(8, self.args.seconds + 4 * self.args.ramp)
        crowd = multiprocessing.Process(target=attackers, args=(self.port, secret, self.args, seconds, seen))
        crowd.start()
        try:
            time.sleep(self.args.ramp)  # they are there first
            result = self.load("attacked")
        finally:
            crowd.join(60)
            if crowd.is_alive():
                crowd.kill()
        memory = self.memory(server)
        with open(seen, encoding="utf-8") as file:
            return result, memory, json.load(file)

    def run(self):
        secret = self.keys()
        try:
            self.start_simulator()
            return (*self.calm(), *self.attacked(secret))
        finally:
            for child in reversed(self.children):
                child.stop()


class Verdict:
    def __init__(self, args, paint):
        self.args, self.paint, self.ok = args, paint, True

    def mark(self, good, text):
        self.ok = self.ok and good
        return self.paint.good(text) if good else self.paint.bad(text)

    def latencies(self, calm, attacked):
        print(self.paint.head("%-20s%12s%12s%12s%12s" % ("ms", "p50 calm", "attacked", "p99 calm", "attacked")))
        for kind in ("started", "transcript_partial", "transcript_final", "translation_final"):
            before, after = (chaos.quantile(r, kind, "p99") for r in (calm, attacked))
            # A few milliseconds are the clock's and the scheduler's.
            good = kind not in JUDGED or after <= before * (1 + self.args.within / 100) + 5
            print("%-20s%12.1f%12.1f%12.1f%s" % (
                kind, chaos.quantile(calm, kind, "p50"), chaos.quantile(attacked, kind, "p50"), before,
                self.mark(good, "%12.1f" % after)))

    def behaved(self, attacked):
        for name, count in (("words lost", attacked["words"]["lost"]), ("sessions lost", attacked["sessions"]["lost"]),
                            ("sessions refused", attacked["sessions"]["refused"])):
            print("%-20s%s" % (name, self.mark(count == 0, "%12d" % count)))

    def refusals(self, seen):
        print(self.paint.head("\n%-20s%s" % ("attack", "answered")))
        for name in EXPECTED:
            answers = {answer: count for kind, answer, count in seen["seen"] if kind == name}
            told = ", ".join(self.mark(answer in EXPECTED[name] | REFUSED, "%s x %d" % (answer, count))
                             for answer, count in sorted(answers.items(), key=lambda item: -item[1]))
            right = any(answer in EXPECTED[name] for answer in answers)
            print("%-20s%s" % (name, told if right else told + self.mark(False, " (never as documented)")))
        print("%d connections of attackers at a time" % seen["open"])

    def memory(self, before, after):
        print("server's memory at most %.0f MB, attacked %s" % (
            before / 1e6, self.mark(after - before <= self.args.grown_mb * 1e6, "%.0f MB" % (after / 1e6))))


def main(argv):
    args = parse_arguments(argv)
    run.raise_descriptors()
    paint = report.Paint(sys.stdout)
    rig = Rig(args, "attack", ("", ""))
    try:
        calm, calm_memory, attacked, memory, seen = rig.run()
    except (run.Failed, OSError, ValueError, subprocess.SubprocessError) as problem:
        print("bench/attack.py: %s; logs are in %s" % (problem, args.out), file=sys.stderr)
        return 1
    verdict = Verdict(args, paint)
    verdict.latencies(calm, attacked)
    verdict.behaved(attacked)
    verdict.refusals(seen)
    verdict.memory(calm_memory, memory)
    print("Logs and results: " + os.path.relpath(args.out))
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # both stop in order
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
