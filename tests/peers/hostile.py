"""Servers that mean harm, beside one that is well: what Meridian makes of them, and how much memory that takes."""

import gzip
import socket
import ssl
import threading
import time

from cases import NO_ANSWER, alone, http, tls
from world import HERE, WORK, Meridian, check, eventually

# Of each kind, so many are probed at a time.
COPIES = 3
# Kilobytes of memory above what the server had with one target: all that its probes may hold at a time, several times over.
MEMORY_MAX_KB = 40_000

HEAD = b"HTTP/1.1 200 OK\r\n"
PREFACE_END, SETTINGS = b"SM\r\n\r\n", b"\0\0\0\4\0\0\0\0\0"


def frame(kind, content=b"", stream=0, flags=0):
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


# Port: until what it waits, what it says once, and what it says without end.
POURING = {
    9001: (b"\r\n\r\n", HEAD, b"X-Filler: filler\r\n" * 1000),
    9002: (b"\r\n\r\n", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    9003: (b"\r\n\r\n", HEAD + b"\r\n", b"." * 65536),
    9004: (b"\r\n\r\n", HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"\0" * 100_000_000), b"\0" * 1000),
    9005: (b"\r\n\r\n", b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /" + b"x" * 30_000 + b"\r\n\r\n", b""),
    9006: (b"\r\n\r\n", b"HTTP/1.1 302 \x1b[2J\r\nContent-Length: 0\r\nLocation: //a\xc2\x9b\xe2\x80\xae/\r\n\r\n", b""),
    9007: (PREFACE_END, SETTINGS, frame(6, b"\0" * 8) * 1000),
    9008: (PREFACE_END, SETTINGS, SETTINGS * 1000),
    9009: (PREFACE_END, SETTINGS + frame(1, b"\x88", 1), frame(9, b"\0\1a\1b" * 1000, 1)),
    9010: (PREFACE_END, SETTINGS + frame(1, b"\x88", 1, 4), frame(0, b"", 1) * 1000),
    9011: (b"", b"", b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"\0" * 16380),
    9012: (b"", b"", b"." * 65536),
}
WELL, DRIPPING, LONG_CHAIN = 9000, 9020, 9021
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nstatus: ok"


def listen(port, serve):
    """Hands each connection to `serve` on a thread of its own."""
    listener = socket.create_server((HERE, port), backlog=128)

    def one(stream):
        with stream:
            try:
                serve(stream)
            except OSError:
                pass

    def accept():
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=one, args=[stream], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def wait_for(stream, end):
    read = b""
    while end not in read and (piece := stream.recv(4096)):
        read += piece


def pour(end, first, again):
    def serve(stream):
        wait_for(stream, end)
        # Nobody is to wait for who does not listen.
        threading.Thread(target=drain, args=[stream], daemon=True).start()
        stream.sendall(first)
        while again:
            stream.sendall(again)

    return serve


def drain(stream):
    try:
        while stream.recv(65536):
            pass
    except OSError:
        pass


def drip(stream):
    for octet in HEAD + b"X: " + b"." * 1000:
        stream.sendall(bytes([octet]))
        time.sleep(0.01)


def answer(stream):
    wait_for(stream, b"\r\n\r\n")
    stream.sendall(OK)


def long_chain():
    """A TLS server with 300 certificates, which are all the same."""
    certificate = (WORK / "good.pem").read_text() + (WORK / "ca.pem").read_text() * 300
    (WORK / "long.pem").write_text(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(WORK / "long.pem", WORK / "good.key")

    def serve(stream):
        with context.wrap_socket(stream, server_side=True) as secure:
            answer(secure)

    return serve


def cases():
    wanted, two = 'expect_body = "the end"\n', 'http_version = "2"\n'
    failing = [
        http("headers", "/", port=9001, well="bad answer"),
        http("interim", "/", port=9002, well=r"bad answer: more than \d+ octets came"),
        http("body", "/", wanted, 9003, 'body lacks "the end" in its first 65536 octets'),
        http("bomb", "/", wanted, 9004, 'body lacks "the end" in its first 65536 octets'),
        http("redirects", "/", "redirects = 5\n", 9005, "redirected to .*xxx"),
        http("splitting", "/", "redirects = 5\n", 9006, "bad answer|redirected to"),
        http("pings", "/", two, 9007, "bad answer"),
        http("settings", "/", two, 9008, "bad answer"),
        http("continuations", "/", two, 9009, "bad answer"),
        http("nothing", "/", two + wanted, 9010, "bad answer"),
        tls("records", 9011, "", "TLS|bad answer"),
        http("pouring", "/", two, 9012, "bad answer"),
        http("dripping", "/", "", DRIPPING, NO_ANSWER + "|bad answer"),
        tls("chain", LONG_CHAIN, "", "TLS: "),
        alone("shouting", f'command = ["{WORK}/shouting"]', r"timed out|exit status"),
    ]
    # What is the same of the same is asked once.
    return [case._replace(name=f"{case.name}-{n}", monitor=f"{case.monitor}\njitter = 0.{n}")
            for case in failing for n in range(COPIES)]


def servers(look_at_all):
    for port, says in POURING.items():
        listen(port, pour(*says))
    listen(WELL, answer)
    listen(DRIPPING, drip)
    listen(LONG_CHAIN, long_chain())
    (WORK / "shouting").write_text("#!/bin/sh\nexec yes 'all is well'\n")
    (WORK / "shouting").chmod(0o755)
    # Later than in a second, nobody waits for a Python server that pours.
    well = http("well", "/", 'expect_body = "status: ok"\ninterval = "1s"\ntimeout = "900ms"\n', WELL)
    alone_kb = memory_of([well], look_at_all, "beside nobody")
    with_all_kb = memory_of([well, *cases()], look_at_all, "beside hostile servers")
    more = with_all_kb - alone_kb
    check(f"hostile servers take {more} KB of memory, less than {MEMORY_MAX_KB}", "" if more < MEMORY_MAX_KB else "more")


def memory_of(cases, look_at_all, what):
    meridian = Meridian(f"meridian-{len(cases)}", cases)
    look_at_all(meridian, cases, "well")
    told = meridian.log.read_bytes()
    hidden = [octets for octets in [b"\x1b", b"\xc2\x9b", b"\xe2\x80\xae", b"\r"] if octets in told]
    check(f"{what}, nothing in the log is obeyed", f"{hidden}" if hidden else "")

    def asked():
        observations = meridian.targets()["well"]["observations"]
        return "" if len(observations) >= 5 and all(o["success"] for o in observations[-5:]) else str(observations)

    check(f"{what}, the one that is well is asked on and answers", eventually(asked))
    memory_kb = meridian.memory_kb()
    check(f"{what}, the server ends as it should", meridian.stopped())
    return memory_kb
