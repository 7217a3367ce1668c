"""The cases: groups 1 to 7, 9 and 10, numbered as WebSocket servers are usually tested, derived from RFC 6455.

Each group is a function that gives its cases in order. What is sent "in chops" leaves the client in so many bytes a
segment; "frame-wise" is a segment a frame.
"""
import struct

import utf8_cases
from case import Case, Send, Trips, Wait
from peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, fragments, frame

PROTOCOL = (1002,)
HELLO = b"Hello, world!"


def join(*parts):
    return [Send(b"".join(parts))]


def apart(*parts):
    return [Send(part) for part in parts]


def octets(*parts):
    return [Send(b"".join(parts), chop=1)]


def group_1():
    """Messages of many sizes come back as they were."""
    sizes = [0, 125, 126, 127, 128, 65535, 65536]
    for kind, (opcode, name, letter) in enumerate(((TEXT, "text", b"*"), (BINARY, "binary", b"\xfe")), 1):
        for i, size in enumerate(sizes + [65536], 1):
            chop = 997 if i == len(sizes) + 1 else None
            about = "%s of %d bytes%s" % (name, size, ", in chops of 997" if chop else "")
            data = letter * size
            yield Case("1.%d.%d" % (kind, i), about, [Send(frame(opcode, data), chop)], ok=[(name, data)])


def group_2():
    """Pings are answered in order, with their payload; pongs nobody asked for are not."""
    binary = bytes([0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff])
    full = b"\xfe" * 125
    ten = [b"payload-%d" % i for i in range(10)]
    ten_pings = b"".join(frame(PING, payload) for payload in ten)
    ten_pongs = [("pong", payload) for payload in ten]
    yield Case("2.1", "ping, empty", join(frame(PING)), ok=[("pong", b"")])
    yield Case("2.2", "ping, text", join(frame(PING, HELLO)), ok=[("pong", HELLO)])
    yield Case("2.3", "ping, binary", join(frame(PING, binary)), ok=[("pong", binary)])
    yield Case("2.4", "ping of 125 bytes", join(frame(PING, full)), ok=[("pong", full)])
    yield Case("2.5", "ping of 126 bytes", join(frame(PING, full + b"x")), ok=[], fails=True, codes=PROTOCOL)
    yield Case("2.6", "ping of 125 bytes, in octets", octets(frame(PING, full)), ok=[("pong", full)])
    yield Case("2.7", "pong, empty, not asked for", join(frame(PONG)), ok=[])
    yield Case("2.8", "pong, not asked for", join(frame(PONG, b"unasked")), ok=[])
    yield Case("2.9", "pong, not asked for, then ping", join(frame(PONG, b"unasked"), frame(PING, b"asked")),
               ok=[("pong", b"asked")])
    yield Case("2.10", "ten pings", join(ten_pings), ok=ten_pongs)
    yield Case("2.11", "ten pings, in octets", octets(ten_pings), ok=ten_pongs)


def group_3():
    """Reserved bits without an extension fail the connection."""
    good = frame(TEXT, HELLO)
    echo = [("text", HELLO)]

    def case(n, about, steps, ok=()):
        return Case("3.%d" % n, about, steps, ok=list(ok), lax=[[]] if ok else None, fails=True, codes=PROTOCOL)
    yield case(1, "text with RSV 1", join(frame(TEXT, HELLO, rsv=1)))
    for n, rsv, how, send in ((2, 2, "", join), (3, 3, ", frame-wise", apart), (4, 4, ", in octets", octets)):
        yield case(n, "text, text with RSV %d, ping%s" % (rsv, how),
                   send(good, frame(TEXT, HELLO, rsv=rsv), frame(PING)), echo)
    yield case(5, "binary with RSV 5", join(frame(BINARY, bytes(8), rsv=5)))
    yield case(6, "ping with RSV 6", join(frame(PING, HELLO, rsv=6)))
    yield case(7, "close with RSV 7", join(frame(CLOSE, struct.pack(">H", 1000), rsv=7)))


def group_4():
    """Reserved opcodes fail the connection."""
    for kind, first in ((1, 3), (2, 11)):
        for n in range(5):
            opcode = first + n
            bad = frame(opcode, b"" if n in (0, 2) else HELLO)
            alone = n < 2
            send = octets if n == 4 else join
            steps = send(bad) if alone else send(frame(TEXT, HELLO), bad, frame(PING))
            yield Case("4.%d.%d" % (kind, n + 1), "opcode %d%s%s" % (
                opcode, "" if alone else " between text and ping", ", in octets" if n == 4 else ""), steps,
                ok=[] if alone else [("text", HELLO)], lax=None if alone else [[]], fails=True, codes=PROTOCOL)


def group_5():
    """Fragments: control frames have none, messages may, and their order is fixed."""
    one, two = b"fragment1", b"fragment2"
    first, rest = frame(TEXT, one, fin=False), frame(CONTINUATION, two)
    whole = ("text", one + two)
    ping, pong = frame(PING, b"ping payload"), ("pong", b"ping payload")
    ways = ((join, ""), (apart, ", frame-wise"), (octets, ", in octets"))

    def bad(n, about, steps, ok=()):
        return Case("5.%d" % n, about, steps, ok=list(ok), lax=[[]] if ok else None, fails=True, codes=PROTOCOL)
    for n, opcode, name in ((1, PING, "ping"), (2, PONG, "pong")):
        yield bad(n, name + " in 2 fragments", join(frame(opcode, one, fin=False), frame(CONTINUATION, two)))
    for n, (send, how) in enumerate(ways, 3):
        yield Case("5.%d" % n, "text in 2 fragments" + how, send(first, rest), ok=[whole])
    for n, (send, how) in enumerate(ways, 6):
        yield Case("5.%d" % n, "text in 2 fragments, ping between" + how, send(first, ping, rest), ok=[pong, whole])
    text = frame(TEXT, HELLO)
    for start, fin in ((9, True), (12, False)):
        for n, (send, how) in enumerate(ways, start):
            yield bad(n, "continuation of nothing, FIN %d, then text%s" % (fin, how),
                      send(frame(CONTINUATION, b"non-continuation payload", fin=fin), text))
    lost = frame(CONTINUATION, b"non-continuation payload", fin=False)
    yield bad(15, "text in 2 fragments, continuation of nothing, FIN 0, text", join(first, rest, lost, text), [whole])
    for n, fin in ((16, False), (17, True)):
        yield bad(n, "twice: continuation of nothing, FIN %d, text in 2 fragments" % fin,
                  join(*[frame(CONTINUATION, b"fragment0", fin=fin), first, rest] * 2))
    yield bad(18, "text in 2 fragments, both with opcode 1", join(first, frame(TEXT, two)))
    five = [b"fragment%d" % i for i in range(1, 6)]
    for n, chop, how in ((19, None, ""), (20, 1, ", in octets")):
        yield Case("5.%d" % n, "text in 5 fragments, pings between, pauses of 0.5 s" + how, [
            Send(frame(TEXT, five[0], fin=False) + frame(CONTINUATION, five[1], fin=False) + frame(PING, b"one"), chop),
            Wait(0.5),
            Send(b"".join(frame(CONTINUATION, five[i], fin=False) for i in (2, 3)) + frame(PING, b"two"), chop),
            Wait(0.5),
            Send(frame(CONTINUATION, five[4]), chop)],
            ok=[("pong", b"one"), ("pong", b"two"), ("text", b"".join(five))])


def group_6():
    """Text is UTF-8, and what is not fails the connection."""
    def text(name, about, data, steps):
        return utf8_case(name, about, data, steps)
    yield text("6.1.1", "empty text", b"", join(frame(TEXT)))
    yield text("6.1.2", "three empty fragments", b"", join(
        frame(TEXT, fin=False), frame(CONTINUATION, fin=False), frame(CONTINUATION)))
    yield text("6.1.3", "three fragments, first and last empty", b"middle", join(
        frame(TEXT, fin=False), frame(CONTINUATION, b"middle", fin=False), frame(CONTINUATION)))
    long, greek = utf8_cases.LONG, utf8_cases.GREEK
    at = len(long) // 2
    while long[at] & 0xc0 == 0x80:
        at += 1
    yield text("6.2.1", "valid text", long, join(frame(TEXT, long)))
    yield text("6.2.2", "valid text in 2 fragments, between code points", long,
               join(frame(TEXT, long[:at], fin=False), frame(CONTINUATION, long[at:])))
    yield text("6.2.3", "valid text in fragments of one octet", long, join(fragments(TEXT, long, 1)))
    yield text("6.2.4", "valid Greek in fragments of one octet", greek, join(fragments(TEXT, greek, 1)))
    wrong = greek + b"\xed\xa0\x80" + b"edited"
    yield text("6.3.1", "a surrogate within text", wrong, join(frame(TEXT, wrong)))
    yield text("6.3.2", "a surrogate within text, in fragments of one octet", wrong, join(fragments(TEXT, wrong, 1)))
    yield from group_6_early()
    for section, (about, sequences) in enumerate(utf8_cases.SECTIONS, 5):
        for n, data in enumerate(sequences, 1):
            name = "6.%d.%d" % (section, n)
            yield text(name, "%s: %s" % (about, utf8_cases.hexed(data)), data, join(frame(TEXT, data)))


def utf8_case(name, about, data, steps):
    if utf8_cases.valid(data):
        return Case(name, about, steps, ok=[("text", data)])
    return Case(name, about, steps, ok=[], fails=True, codes=(1007,))


def group_6_early():
    """Past U+10FFFF: the first octet that makes the text invalid is noticed before what follows has been sent."""
    greek, far, rest = utf8_cases.GREEK, b"\xf4\x90\x80\x80", b"edited"
    cuts = ((greek, far, rest), (greek + far[:1], far[1:2], far[2:] + rest))
    for n, parts in enumerate(cuts, 1):
        frames = [frame(TEXT, parts[0], fin=False), frame(CONTINUATION, parts[1], fin=False),
                  frame(CONTINUATION, parts[2])]
        yield early("6.4.%d" % n, "invalid from the 2nd of 3 fragments on, cut %d" % n, frames)
    for n, parts in enumerate(cuts, 3):
        data = frame(TEXT, b"".join(parts))
        head = len(data) - sum(map(len, parts))
        ends = [head + len(parts[0]), head + len(parts[0]) + len(parts[1])]
        yield early("6.4.%d" % n, "invalid from the 2nd of 3 chops on, cut %d" % (n - 2),
                    [data[:ends[0]], data[ends[0]:ends[1]], data[ends[1]:]])


def early(name, about, parts):
    steps = [Send(parts[0]), Wait(0.3), Send(parts[1]), Wait(0.7), Send(parts[2])]
    return Case(name, about, steps, ok=[], fails=True, codes=(1007,), late=True)


def group_7():
    """Close: what may stand in it, and that nothing follows it."""
    text, bye, echo = frame(TEXT, HELLO), close_frame(), [("text", HELLO)]

    def ended(name, about, data, ok=(), codes=(1000, 1005), **more):
        return Case(name, about, [Send(data)], ok=list(ok), closes=True, codes=codes, **more)

    def wrong(name, about, payload, codes=PROTOCOL, **more):
        return ended(name, about, frame(CLOSE, payload), codes=codes, fails=True, **more)
    yield ended("7.1.1", "text, close", text + bye, echo)
    yield ended("7.1.2", "close, close", bye + bye)
    yield ended("7.1.3", "close, ping", bye + frame(PING))
    yield ended("7.1.4", "close, text", bye + text)
    yield ended("7.1.5", "fragment, close, fragment", frame(TEXT, HELLO, fin=False) + bye + frame(CONTINUATION, HELLO))
    big = b"BAsd7&jh23" * 26215
    yield ended("7.1.6", "text of 256 KiB, text, close, ping", frame(TEXT, big[:1 << 18]) + text + bye + frame(PING),
                [("text", big[:1 << 18]), ("text", HELLO)], informational=True)
    yield ended("7.3.1", "close, empty", close_frame(None))
    yield wrong("7.3.2", "close of one byte", b"a")
    yield ended("7.3.3", "close with a code", bye)
    yield ended("7.3.4", "close with a code and a reason", close_frame(1000, HELLO))
    yield ended("7.3.5", "close with a reason of 123 bytes", close_frame(1000, b"*" * 123))
    yield wrong("7.3.6", "close with a reason of 124 bytes", struct.pack(">H", 1000) + b"*" * 124)
    yield wrong("7.5.1", "close with a reason that is not UTF-8",
                struct.pack(">H", 1000) + utf8_cases.GREEK + b"\xed\xa0\x80edited", codes=(1007,))
    for n, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1):
        yield ended("7.7.%d" % n, "close with code %d" % code, close_frame(code), codes=(code, 1000))
    for n, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield wrong("7.9.%d" % n, "close with code %d" % code, struct.pack(">H", code))
    for n, code in enumerate((5000, 65535), 1):
        yield wrong("7.13.%d" % n, "close with code %d" % code, struct.pack(">H", code), informational=True)


def group_9():
    """Large messages, in one frame, in many, in many segments; and many small ones."""
    def kinds():
        return enumerate(((TEXT, "text", b"*"), (BINARY, "binary", b"\xfe")), 1)
    for kind, (opcode, name, letter) in kinds():
        for n, size in enumerate((1 << 16, 1 << 18, 1 << 20, 4 << 20, 8 << 20, 16 << 20), 1):
            data = letter * size
            yield large("9.%d.%d" % (kind, n), "%s of %s" % (name, sized(size)), (name, data),
                        lambda opcode=opcode, data=data: Send(frame(opcode, data)))
    for kind, (opcode, name, letter) in kinds():
        data = letter * (4 << 20)
        for n, size in enumerate((64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20), 1):
            yield large("9.%d.%d" % (kind + 2, n), "%s of 4 MiB in fragments of %s" % (name, sized(size)), (name, data),
                        lambda opcode=opcode, data=data, size=size: Send(fragments(opcode, data, size)))
    for kind, (opcode, name, letter) in kinds():
        data = letter * (1 << 20)
        for n, size in enumerate((64, 128, 256, 512, 1024, 2048), 1):
            yield large("9.%d.%d" % (kind + 4, n), "%s of 1 MiB in chops of %s" % (name, sized(size)), (name, data),
                        lambda opcode=opcode, data=data, size=size: Send(frame(opcode, data), chop=size))
    for kind, (opcode, name, letter) in kinds():
        for n, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
            data = letter * size
            yield Case("9.%d.%d" % (kind + 6, n), "1,000 times %s of %s, one after the other" % (name, sized(size)),
                       [Trips(frame(opcode, data), 1000)], ok=[(name, data)] * 1000, heavy=True)


def large(name, about, event, make):
    return Case(name, about, lambda: [make()], ok=[event], heavy=True)


def sized(count):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit and count % unit == 0:
            return "%d %s" % (count // unit, name)
    return "%d bytes" % count


def group_10():
    """A message as a library cuts it into frames by itself."""
    data = b"*" * 65536
    yield Case("10.1.1", "text of 64 KiB in fragments of 1,300", [Send(fragments(TEXT, data, 1300))],
               ok=[("text", data)])


GROUPS = {1: group_1, 2: group_2, 3: group_3, 4: group_4, 5: group_5, 6: group_6, 7: group_7, 9: group_9, 10: group_10}
COUNTS = {1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1}
