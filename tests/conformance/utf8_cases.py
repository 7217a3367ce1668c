"""Octet sequences at the borders of UTF-8 (RFC 3629), by what is special about them.

Whether one is valid is not written here: Python's strict decoder says so.
"""
import struct

GREEK = "κ\u1f79σμε".encode()  # the accented letter is the one of three octets
LONG = "Hello-µ@ßöäüàá-UTF-8!! 日本語 \U0001F600 κόσμε".encode()


def valid(data):
    try:
        data.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return False
    return True


def hexed(data):
    return data.hex(" ") if len(data) <= 12 else data[:12].hex(" ") + " …"


def packed(code, length):
    """A number in the scheme of UTF-8 in so many octets, also where that is too many or the number too large."""
    lead = {2: 0xc0, 3: 0xe0, 4: 0xf0, 5: 0xf8, 6: 0xfc}
    if length == 1:
        return bytes([code])
    tail = bytes(0x80 | code >> 6 * i & 0x3f for i in reversed(range(length - 1)))
    return bytes([lead[length] | code >> 6 * (length - 1)]) + tail


def largest(length):
    return 0x7f if length == 1 else (1 << (5 * length + 1)) - 1


def smallest(length):
    return 0 if length == 1 else largest(length - 1) + 1


HIGH, LOW = (0xd800, 0xdb7f, 0xdb80, 0xdbff), (0xdc00, 0xdf80, 0xdfff)
NOT_CHARACTERS = [plane << 16 | end for plane in range(17) for end in (0xfffe, 0xffff)]
INCOMPLETE = [packed(0, n)[:-1] for n in range(2, 7)] + [packed(largest(n), n)[:-1] for n in range(2, 7)]

SECTIONS = [
    ("valid", [b"hello" + word.encode() + b"world" for word in "$¢€"] + ["hello\U00024B62world".encode(), GREEK]),
    ("prefix", [GREEK[:n] for n in range(1, len(GREEK) + 1)]),
    ("first of its length", [packed(smallest(n), n) for n in range(1, 5)]),
    ("first of its length, too long", [packed(smallest(n), n) for n in (5, 6)]),
    ("last of its length", [packed(n, size) for n, size in ((0x7f, 1), (0x7ff, 2), (0xffff, 3), (0x10ffff, 4))]),
    ("last of its length, too large", [packed(largest(n), n) for n in (4, 5, 6)]),
    ("border", [packed(n, 3) for n in (0xd7ff, 0xe000, 0xfffd)] + [packed(n, 4) for n in (0x10ffff, 0x110000)]),
    ("continuation without a start", [b"\x80", b"\xbf"] + [(b"\x80\xbf" * 3)[:n] for n in range(2, 7)] +
     [bytes(range(0x80, 0xc0))]),
    ("starts without continuation", [b"".join(bytes([n, 0x20]) for n in range(first, last)) for first, last in (
        (0xc0, 0xe0), (0xe0, 0xf0), (0xf0, 0xf8), (0xf8, 0xfc), (0xfc, 0xfe))]),
    ("last octet missing", INCOMPLETE),
    ("incomplete ones in a row", [b"".join(INCOMPLETE)]),
    ("impossible octets", [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
    ("overlong slash", [packed(0x2f, n) for n in range(2, 7)]),
    ("largest overlong", [packed(largest(n - 1), n) for n in range(2, 7)]),
    ("overlong NUL", [packed(0, n) for n in range(2, 7)]),
    ("surrogate", [packed(n, 3) for n in HIGH + LOW]),
    ("pair of surrogates", [packed(high, 3) + packed(low, 3) for high in HIGH for low in (0xdc00, 0xdfff)]),
    ("not a character, but valid", [struct.pack(">I", n).decode("utf-32-be").encode() for n in NOT_CHARACTERS]),
    ("specials", [packed(n, 3) for n in range(0xfff9, 0x10000)]),
]
