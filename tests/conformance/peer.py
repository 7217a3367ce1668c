"""A WebSocket client that does what a case tells it, right or wrong, and notes what comes back and how it ends.

Python's standard library only; RFC 6455 by hand, because a library would refuse to send most of this.
"""
import base64
import hashlib
import os
import select
import socket
import struct
import time

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NAMES = {TEXT: "text", BINARY: "binary", PING: "ping", PONG: "pong"}
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(opcode, payload=b"", fin=True, rsv=0, key=None):
    """A masked frame as a client sends it."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack(">BH", 0x80 | 126, len(payload))
    else:
        head += struct.pack(">BQ", 0x80 | 127, len(payload))
    key = os.urandom(4) if key is None else key
    repeated = (key * (len(payload) // 4 + 1))[:len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + key + masked.to_bytes(len(payload), "big")


def close_frame(code=1000, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


def fragments(opcode, payload, size):
    """A message in frames of `size` bytes."""
    pieces = [payload[at:at + size] for at in range(0, len(payload), size)] or [b""]
    return b"".join(frame(opcode if i == 0 else CONTINUATION, piece, fin=i == len(pieces) - 1)
                    for i, piece in enumerate(pieces))


class Peer:
    """One connection. `events` holds (name, payload) of what came, in order; what breaks the protocol is one too."""

    def __init__(self, host, port, path, protocol=None, timeout_s=10):
        self.events = []
        self.close_code = None      # of the server's Close: 1005 when it was empty, None when there was none
        self.close_at = None        # when it came
        self.sent_close_at = None
        self.ended = None           # "fin" or "reset", by the server; None while it is open
        self.ended_at = None
        self._buffer = bytearray()
        self._message = None        # opcode and bytes of a fragmented message
        self.sock = socket.create_connection((host, port), timeout=timeout_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._handshake(host, port, path, protocol)
        self.sock.setblocking(False)

    def _handshake(self, host, port, path, protocol):
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET %s HTTP/1.1" % path, "Host: %s:%d" % (host, port), "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key]
        if protocol:
            lines.append("Sec-WebSocket-Protocol: " + protocol)
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self._buffer:
            data = self.sock.recv(4096)
            if not data:
                raise ConnectionError("the handshake was not answered")
            self._buffer += data
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray(rest)
        fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if b" 101 " not in head.split(b"\r\n")[0] or fields.get("sec-websocket-accept") != accept.lower():
            raise ConnectionError("refused: %r" % head)

    # --- out ---

    def send(self, data, chop=None):
        """Sends all of `data`, `chop` bytes at a time, and reads meanwhile. What the server no longer takes is dropped:
        how it ended is told by `ended`."""
        step = chop or 1 << 18
        view = memoryview(data)
        for at in range(0, len(view), step):
            piece = view[at:at + step]
            while piece:
                if self.ended:
                    return
                readable, writable, _ = select.select([self.sock], [self.sock], [], 30)
                if readable:
                    self._receive()
                if writable and not self.ended:
                    try:
                        piece = piece[self.sock.send(piece):]
                    except BlockingIOError:
                        pass
                    except OSError:
                        self._end("reset")
                elif not readable:
                    raise TimeoutError("the server has taken nothing for 30 s")

    def send_close(self, code=1000, reason=b""):
        self.sent_close_at = time.monotonic()
        self.send(close_frame(code, reason))

    # --- in ---

    def wait(self, done, wait_s):
        """Reads until done() or the end or for `wait_s`; whether done()."""
        end = time.monotonic() + wait_s
        while not done() and not self.ended:
            left = end - time.monotonic()
            if left <= 0:
                break
            if select.select([self.sock], [], [], left)[0]:
                self._receive()
        return done()

    def wait_close(self, wait_s):
        return self.wait(lambda: self.close_at is not None, wait_s)

    def wait_end(self, wait_s):
        self.wait(lambda: False, wait_s)
        return self.ended

    def shut(self):
        self.sock.close()

    def _end(self, how):
        self.ended = how
        self.ended_at = time.monotonic()

    def _receive(self):
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            self._end("reset")
            return
        if not data:
            if self._buffer or self._message:
                self.events.append(("broken", b"the stream ends within a message"))
            self._end("fin")
            return
        self._buffer += data
        while self._take_frame():
            pass

    def _take_frame(self):
        if len(self._buffer) < 2:
            return False
        first, second = self._buffer[0], self._buffer[1]
        length, at = second & 0x7f, 2
        if length >= 126:
            at = 4 if length == 126 else 10
            if len(self._buffer) < at:
                return False
            length = int.from_bytes(self._buffer[2:at], "big")
            if length < (126 if at == 4 else 65536):
                self.events.append(("broken", b"a length is not in its shortest form"))
        if len(self._buffer) < at + length:
            return False
        payload = bytes(self._buffer[at:at + length])
        del self._buffer[:at + length]
        self._on_frame(first, second, payload)
        return True

    def _on_frame(self, first, second, payload):
        opcode, fin = first & 0x0f, bool(first & 0x80)
        if second & 0x80 or first & 0x70:
            self.events.append(("broken", b"a frame of a server is masked, or has reserved bits"))
        if self.close_at is not None:
            self.events.append(("broken", b"a frame after Close"))
        elif opcode in (CLOSE, PING, PONG):
            self._on_control(opcode, fin, payload)
        elif opcode > BINARY or (opcode == CONTINUATION) != (self._message is not None):
            self.events.append(("broken", b"opcode %d" % opcode))
        else:
            if self._message is None:
                self._message = [opcode, []]
            self._message[1].append(payload)
            if fin:
                opcode, pieces = self._message
                self._message = None
                self.events.append((NAMES[opcode], b"".join(pieces)))

    def _on_control(self, opcode, fin, payload):
        if not fin or len(payload) > 125:
            self.events.append(("broken", b"a control frame in pieces, or too long"))
        if opcode != CLOSE:
            self.events.append((NAMES[opcode], payload))
            return
        self.close_at = time.monotonic()
        self.close_code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
        if len(payload) == 1:
            self.events.append(("broken", b"a Close of one byte"))
        try:
            payload[2:].decode("utf-8")
        except UnicodeDecodeError:
            self.events.append(("broken", b"the reason of a Close is not UTF-8"))
