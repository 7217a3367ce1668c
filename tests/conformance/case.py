"""What a case is, how one is run, and how it is judged.

A case sends its steps and expects events in order; then either side closes. The verdicts are those that servers are
usually compared by: OK, NON-STRICT (tolerable, but not what the RFC would rather have), INFORMATIONAL (nothing is
required), FAILED. The end of the connection is judged apart from what was answered.
"""
import dataclasses
import time

from peer import Peer

OK, NON_STRICT, INFORMATIONAL, FAILED = "OK", "NON-STRICT", "INFORMATIONAL", "FAILED"
# The end: BARE is one without a Close frame where the server had to fail the connection, which RFC 6455 §7.1.7 allows;
# LATE one where it kept its side of TCP open for longer than LATE_S after both Close frames.
BARE, LATE, WRONG_CODE, UNCLEAN = "BARE", "LATE", "WRONG CODE", "UNCLEAN"
LATE_S = 1.5
EVENTS_S, HEAVY_S, END_S = 4, 30, 6


@dataclasses.dataclass
class Send:
    data: bytes
    chop: int = None


@dataclasses.dataclass
class Wait:
    """Goes on at once when the server closes."""
    seconds: float


@dataclasses.dataclass
class Trips:
    """The same message again and again, each sent when the one before has come back."""
    data: bytes
    count: int


@dataclasses.dataclass
class Case:
    name: str
    about: str
    steps: list                   # or a function that gives it: large ones are made when they are sent
    ok: list                      # events, (name, payload)
    lax: list = None              # NON-STRICT: lists of events
    fails: bool = False           # the server has to close, not the client
    codes: tuple = (1000,)        # of the server's Close; 1005: an empty one
    informational: bool = False
    closes: bool = False          # the step holds the client's Close
    late: bool = False            # closing only after all steps is NON-STRICT
    heavy: bool = False           # runs by itself


@dataclasses.dataclass
class Result:
    name: str
    about: str
    verdict: str
    close: str
    code: int = None
    fin_first: str = ""           # "server", "client", "server reset"
    clean: bool = False           # Close both ways, then the end, by the server
    end_ms: int = None            # from the first Close to the end of TCP
    ms: int = 0
    why: str = ""
    known: str = ""               # why it differs, when that is known


class Run:
    def __init__(self, case, target):
        self.case = case
        self.peer = Peer(*target)
        self.sent_all = True
        self.events_s = HEAVY_S if case.heavy else EVENTS_S

    def steps(self):
        peer = self.peer
        for step in self.case.steps() if callable(self.case.steps) else self.case.steps:
            if peer.close_at is not None or peer.ended:
                self.sent_all = False
                return
            if isinstance(step, Send):
                peer.send(step.data, step.chop)
                if self.case.closes:
                    peer.sent_close_at = time.monotonic()
            elif isinstance(step, Wait):
                peer.wait_close(step.seconds)
            else:
                for n in range(step.count):
                    peer.send(step.data)
                    if not peer.wait(lambda: len(peer.events) > n, self.events_s):
                        return

    def finish(self):
        """Whoever has to close does; the other side answers; the server ends TCP, or the client after END_S."""
        peer, case = self.peer, self.case
        if not case.fails and not case.closes:
            peer.wait(lambda: len(peer.events) >= len(case.ok), self.events_s)
            if peer.close_at is None and not peer.ended:
                peer.send_close()
        peer.wait_close(HEAVY_S if case.heavy else END_S)
        if peer.close_at is not None and peer.sent_close_at is None and not peer.ended:
            if case.late and not self.sent_all:
                peer.send(case.steps[-1].data)  # a frame is sent to its end, whatever comes
            peer.send_close(peer.close_code if peer.close_code != 1005 else None)
        peer.wait_end(0 if peer.close_at is None else END_S)
        peer.shut()

    def events_verdict(self):
        if self.peer.events == self.case.ok:
            return NON_STRICT if self.case.late and self.sent_all else OK
        if self.peer.events in (self.case.lax or []):
            return NON_STRICT
        return FAILED

    def close_verdict(self):
        peer, case = self.peer, self.case
        if peer.close_at is None:
            return BARE if case.fails and peer.ended == "fin" else UNCLEAN
        if peer.close_code not in case.codes:
            return WRONG_CODE
        if peer.ended == "reset":
            return OK if case.fails else UNCLEAN
        began = max(peer.close_at, peer.sent_close_at or 0)
        if peer.ended is None or peer.ended_at - began > LATE_S:
            return LATE
        return OK

    def result(self, begun):
        peer, case = self.peer, self.case
        verdict, close = self.events_verdict(), self.close_verdict()
        if case.fails and peer.close_at is None and peer.ended is None:
            verdict = FAILED
        informational = case.informational and not any(name == "broken" for name, _ in peer.events)
        if informational:
            verdict = INFORMATIONAL
            close = OK if close == WRONG_CODE else close
        began = min((at for at in (peer.close_at, peer.sent_close_at) if at is not None), default=begun)
        return Result(
            case.name, case.about, verdict, close, peer.close_code,
            {"fin": "server", "reset": "server reset", None: "client"}[peer.ended],
            peer.close_at is not None and peer.sent_close_at is not None and peer.ended == "fin",
            round((peer.ended_at - began) * 1000) if peer.ended_at else None,
            round((time.monotonic() - begun) * 1000),
            "" if verdict in (OK, NON_STRICT) else "got " + shown(peer.events) + ", expected " + shown(case.ok))


def shown(events):
    """Events for people: long payloads by their length."""
    parts = ["%s %s" % (name, ("%r" % payload)[1:] if len(payload) <= 40 else "of %d bytes" % len(payload))
             for name, payload in events[:6]]
    if len(events) > 6:
        parts.append("%d more" % (len(events) - 6))
    return "; ".join(parts) or "nothing"


def run(case, target):
    """target: host, port, path, subprotocol."""
    begun = time.monotonic()
    try:
        one = Run(case, target)
        one.steps()
        one.finish()
        return one.result(begun)
    except OSError as error:
        return Result(case.name, case.about, FAILED, UNCLEAN, ms=round((time.monotonic() - begun) * 1000),
                      why="%s: %s" % (type(error).__name__, error))
