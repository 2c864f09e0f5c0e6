"""A backend of raw sockets that serves, or does what the header `X-Act` of a request says: see serving.py."""

import hashlib
import itertools
import json
import os
import socket
import struct
import time

from serving import ADDRESS, LONG_SECONDS, SEEN, WELL, kill, note, serve

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class Ended(Exception):
    pass


class Request:
    """One, whose body is read when it is asked for."""

    def __init__(self, stream):
        self.stream = stream
        line = self.line()
        self.method, self.target, _ = line.split(" ")
        self.lines = self.fields()
        self.headers = {name.lower(): value for name, value in self.lines}
        self.act, self.id = self.headers.get("x-act", "serve"), self.headers.get("x-id")
        note("head", id=self.id, method=self.method, target=self.target, act=self.act)

    def line(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise Ended
        return line[:-2].decode("latin-1")

    def fields(self):
        found = []
        while line := self.line():
            name, value = line.split(":", 1)
            found.append((name, value.strip()))
        return found

    def pieces(self):
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(self.line(), 16):
                yield self.exactly(size)
                self.line()
            self.trailers = self.fields()
        elif left := int(self.headers.get("content-length", "0")):
            while left:
                piece = self.exactly(min(left, 65536))
                left -= len(piece)
                yield piece

    def exactly(self, size):
        piece = self.stream.read(size)
        if len(piece) < size:
            raise Ended
        return piece

    def read(self):
        """Digest and length of the body."""
        if self.headers.get("expect") == "100-continue":
            raise ValueError("that is not for backends")
        self.trailers, digest, length = [], hashlib.sha256(), 0
        for piece in self.pieces():
            digest.update(piece)
            length += len(piece)
        note("body", id=self.id, length=length)
        return digest.hexdigest(), length


def response(body, head=b""):
    return OK + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunk(piece):
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def be_well(connection, request):
    digest, length = request.read()
    told = {
        "at": ADDRESS,
        "method": request.method,
        "target": request.target,
        "headers": request.lines,
        "sha256": digest,
        "length": length,
        "trailers": request.trailers,
    }
    connection.sendall(response(b"" if request.method == "HEAD" else json.dumps(told).encode()))


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    raise Ended


def dripping(pieces, seconds):
    def say(connection):
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(seconds)

    return say


def gate(connection):
    """Says the second part once there is the file that the test makes."""
    connection.sendall(CHUNKED + chunk(b"first\n"))
    end = time.monotonic() + LONG_SECONDS
    while not os.path.exists(SEEN + ".gate") and time.monotonic() < end:
        time.sleep(0.02)
    connection.sendall(chunk(b"second\n") + b"0\r\n\r\n")


def pour(first, again):
    def say(connection):
        connection.sendall(first)
        while True:
            connection.sendall(again)

    return say


def large(connection):
    """10 MB of which every part differs."""
    body = b"".join(b"%09d\n" % n for n in range(1_000_000))
    connection.sendall(response(body))


def octets(*said, ends=True):
    """Says that; then the connection ends, or is kept."""

    def say(connection):
        connection.sendall(b"".join(said))
        if ends:
            raise Ended

    return say


def killed(said):
    """The same, and the process is killed."""

    def say(connection):
        connection.sendall(said)
        # So that what was said is on its way.
        time.sleep(0.2)
        kill()

    return say


# What is done once the request has been read.
ACTS = {
    "killed-early": lambda connection: kill(),
    "killed-in-head": killed(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "killed-length": killed(OK + b"Content-Length: 1000\r\n\r\nthe first part"),
    "killed-chunked": killed(CHUNKED + chunk(b"the first part")),
    "killed-in-chunk": killed(CHUNKED + b"100\r\nthe first part"),
    "killed-text": killed(
        OK
        + b"Cache-Control: max-age=60\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunk(b"text " * 1000)
    ),
    "closed": octets(),
    "closed-if-kept": octets(),
    "reset": reset,
    "silent": lambda connection: time.sleep(LONG_SECONDS),
    "drips-head": dripping([bytes([octet]) for octet in OK + b"X: " + b"." * 100], 0.1),
    "stuck-body": dripping([OK + b"Content-Length: 1000\r\n\r\n", b"the first part"] + [b""] * LONG_SECONDS, 1),
    "slow-head": dripping([OK, b"Content-", b"Length: 4\r\n\r\nslow"], 0.3),
    "slow-body": dripping([OK + b"Content-Length: 5\r\n\r\n", *(b"%d" % n for n in range(5))], 0.3),
    "slow-chunks": dripping([CHUNKED, *(chunk(b"%d" % n) for n in range(5)), b"0\r\n\r\n"], 0.3),
    "gate": gate,
    "large": large,
    "short": octets(OK, b"Content-Length: 1000\r\n\r\nthe first part"),
    "short-chunked": octets(CHUNKED, chunk(b"the first part")),
    "long": octets(OK, b"Content-Length: 5\r\n\r\nrightHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", ends=False),
    "until-end": octets(OK, b"\r\nall of it"),
    "empty": octets(OK, b"\r\n"),
    "large-head": octets(OK, b"X: " + b"x" * 60_000 + b"\r\nContent-Length: 5\r\n\r\nsmall", ends=False),
    "interim": octets(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3, response(b"in the end"), ends=False),
    "interim-flood": pour(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "head-flood": pour(OK, b"X-Filler: filler\r\n" * 1000),
    "garbage": octets(b"\x16\x03\x01 no HTTP at all\r\n\r\n"),
    "huge-head": octets(OK, b"X: " + b"x" * 100_000 + b"\r\n\r\n"),
    "two-lengths": octets(OK, b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nwrong!"),
    "length-and-coding": octets(OK, b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "coding": octets(OK, b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "bad-chunk": octets(CHUNKED, b"4\r\nthe first part\r\n0\r\n\r\n"),
    "splitting": octets(OK, b"X: a\0b\r\nContent-Length: 0\r\n\r\n"),
    "switches": octets(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
    "trailers": octets(
        OK, b"Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n", chunk(b"body"), b"0\r\nX-Sum: 42\r\n\r\n", ends=False
    ),
}


def early(connection, request):
    """What answers before it has read the body, and ends."""
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
    connection.shutdown(socket.SHUT_WR)
    time.sleep(0.5)
    raise Ended


def one(connection):
    # What is to be reset with the request unread is not even read for its head.
    if not WELL and b"X-Act: unread" in (peeked := connection.recv(4096, socket.MSG_PEEK)):
        number = peeked.split(b"X-Id: ")[1].split(b"\r\n")[0].decode()
        note("head", id=number, method=peeked.split(b" ")[0].decode(), target="", act="unread")
        reset(connection)
    stream = connection.makefile("rb")
    for served in itertools.count():
        request = Request(stream)
        if WELL or request.act == "serve" or request.act == "closed-if-kept" and served == 0:
            be_well(connection, request)
        elif request.act == "early":
            early(connection, request)
        elif request.act == "killed-reading":
            next(request.pieces())
            kill()
        else:
            request.read()
            ACTS[request.act](connection)


serve(one)
