"""Python's h2, and frames by hand: the corners of HTTP/2 (RFC 9113)."""

import json
import os
import time

import h2.events
import h2.settings
import hpack
from forwarder import SERVER, SMALL, curl, expect, new_id
from h2_client import CALM, CANCEL, NO_ERROR, PROTOCOL_ERROR, Client, asked, head
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
)
from world import WORK, check, eventually


def frames():
    """What may be sent in other frames than usual."""
    client = Client()
    client.h2.send_headers(1, head("/bad/", "POST", ("x-long", "".join(f"{n}" for n in range(500)))))
    # As h2 would send it in one frame. (More than a few would be too many.)
    block = client.h2.data_to_send()[9:]
    pieces = [HeadersFrame(1, block[:500]), *(ContinuationFrame(1, block[n : n + 500]) for n in range(500, len(block), 500))]
    pieces[-1].flags.add("END_HEADERS")
    client.raw(b"".join(frame.serialize() for frame in pieces))
    client.h2.send_data(1, b"padded", end_stream=True, pad_length=200)
    client.flush()
    status, _, body, _, _ = client.response(1)
    check(
        "a head in CONTINUATION frames, and padded data",
        expect(status=(status, 200), length=(status == 200 and json.loads(body)["length"], 6)),
    )
    client.raw(PriorityFrame(3, depends_on=1, stream_weight=7, exclusive=True).serialize())
    client.raw(b"\0\0\4\x99\0\0\0\0\0odd!")
    status, *_ = asked(client, head("/bad/"), priority_weight=16, priority_depends_on=0, priority_exclusive=False)
    check("priorities and unknown frames are passed over", expect(status=(status, 200)))
    client.raw(PingFrame(0, b"12345678").serialize())
    pong = client.until(h2.events.PingAckReceived)
    check("PING is answered", expect(data=(pong and pong.ping_data, b"12345678")))
    client.close()


def trailers(backends):
    for pool in ["bad", "bad-h2"]:
        client = Client()
        stream = client.h2.get_next_available_stream_id()
        client.h2.send_headers(stream, head(f"/{pool}/", "POST", ("te", "trailers"), ("trailer", "x-check")))
        client.h2.send_data(stream, b"body")
        client.h2.send_headers(stream, [("x-check", "7")], end_stream=True)
        client.flush()
        status, _, body, _, _ = client.response(stream)
        came = {name.lower(): value for name, value in json.loads(body)["trailers"]} if status == 200 else {}
        check(f"trailers of a client come to {pool}", expect(status=(status, 200), trailers=(came, {"x-check": "7"})))
        status, _, body, found, _ = asked(client, head(f"/{pool}/", "GET", ("te", "trailers"), ("x-act", "trailers")))
        check(
            f"and those of {pool} to the client",
            expect(status=(status, 200), body=(body, b"body"), trailers=(found, {"x-sum": "42"})),
        )
        client.close()


def malformed(backends):
    """Refused on their stream, or with the connection; no backend hears of them (RFC 9113, 8.1.1)."""
    good = {":method": "GET", ":scheme": "http", ":authority": SERVER, ":path": "/bad/"}
    without = lambda name: [pair for pair in good.items() if pair[0] != name]
    cases = {
        "connection": head("/bad/", "GET", ("connection", "close")),
        "keep-alive": head("/bad/", "GET", ("keep-alive", "timeout=5")),
        "proxy-connection": head("/bad/", "GET", ("proxy-connection", "close")),
        "transfer-encoding": head("/bad/", "GET", ("transfer-encoding", "chunked")),
        "upgrade": head("/bad/", "GET", ("upgrade", "websocket")),
        "TE other than trailers": head("/bad/", "GET", ("te", "gzip")),
        "a name in capitals": head("/bad/", "GET", ("X-Upper", "1")),
        "a name with a space": head("/bad/", "GET", ("x a", "1")),
        "a name with a colon": head("/bad/", "GET", ("x:a", "1")),
        "LF in a value": head("/bad/", "GET", ("x", "a\nb: c")),
        "CR and LF in a value": head("/bad/", "GET", ("x", "a\r\n\r\nGET /bad/smuggled HTTP/1.1\r\nhost: a")),
        "NUL in a value": head("/bad/", "GET", ("x", "a\0b")),
        "CR and LF in the path": [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/bad/ HTTP/1.1\r\nx: y"),
        ],
        "a space in the path": [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/bad/ x")],
        "a space in the method": [(":method", "GET /bad/smuggled HTTP/1.1"), *without(":method")],
        "no method": without(":method"),
        "no scheme": without(":scheme"),
        "no path": without(":path"),
        "an empty path": [*without(":path"), (":path", "")],
        "two methods": [(":method", "POST"), *good.items()],
        "two paths": [(":path", "/"), *good.items()],
        "an unknown pseudo-header": [(":odd", "x"), *good.items()],
        "a response's pseudo-header": [(":status", "200"), *good.items()],
        "a pseudo-header behind a header": [("x", "y"), *good.items()],
        "an authority and another host": head("/bad/", "GET", ("host", "other.example")),
        "a relative path": [*without(":path"), (":path", "bad/")],
        "a user in the authority": [*without(":authority"), (":authority", "user@a")],
        "two lengths": head("/bad/", "GET", ("content-length", "0"), ("content-length", "1")),
        "a length that is none": head("/bad/", "GET", ("content-length", "+0")),
        "a length and no body": head("/bad/", "GET", ("content-length", "4")),
        "CONNECT": [(":method", "CONNECT"), (":authority", "a:1")],
        "TRACE": head("/bad/", "TRACE"),
    }
    for name, fields in cases.items():
        for pool in ["bad", "bad-h2"]:
            backend = backends.bad_h2 if pool == "bad-h2" else backends.bad
            known, client, before = new_id(), Client(), len(backend.seen())
            stream = client.ask([(key, value.replace("/bad/", f"/{pool}/")) for key, value in fields] + [("x-id", known)])
            status, _, _, _, reset = client.response(stream)
            refused = (
                400 <= status < 600 and status != 404 or reset is not None or client.ended or client.goaway(0) is not None
            )
            seen = backend.seen()[before:]
            check(
                f"{name} is refused, and {pool} hears nothing of it",
                ("" if refused else f"status {status}, reset {reset}") or (f"{seen}" if seen else ""),
            )
            client.close()


def lengths(backends):
    """Bodies that are not as long as they are said to be: no backend takes one for whole."""
    for pool in ["bad", "bad-h2"]:
        for name, length, body in [("longer", "3", b"body"), ("shorter", "5", b"body"), ("none", "5", b"")]:
            known, client = new_id(), Client()
            stream = client.ask(head(f"/{pool}/", "POST", ("content-length", length), ("x-id", known)), body)
            status, _, _, _, reset = client.response(stream)
            backend = backends.bad_h2 if pool == "bad-h2" else backends.bad
            whole = backend.seen(known, "body")
            ok = (reset is not None or status == 400 or client.ended) and not whole
            check(
                f"a body that is {name} than its length is refused, {pool}",
                "" if ok else f"status {status}, reset {reset}, {whole}",
            )
            client.close()


def limits():
    client = Client()
    for name, more in [("octets", [("x", "y" * 20_000)]), ("fields", [(f"x-{n}", "y") for n in range(150)])]:
        status, *_, reset = asked(client, head("/bad/", "GET", *more))
        check(
            f"too many {name}: 431",
            expect(status=(status, 431)) and f"status {status}, reset {reset}, goaway {client.goaway(0)}",
        )
    status, *_ = asked(client, head("/bad/"))
    check("the connection goes on", expect(status=(status, 200)))
    client.close()
    # The window is what h2 gives at first; the limit is less.
    for name, more in [("its length known", [("content-length", "11000")]), ("its length unknown", [])]:
        client = Client(SMALL)
        status, *_ = asked(client, head("/bad/", "POST", *more), b"x" * 11_000)
        check(f"a body that is too long, {name}: 413", expect(status=(status, 413)))
        client.close()


def cancels(backends):
    """A stream that is reset in the middle is given up towards the backend, too; others go on."""
    for pool in ["bad", "bad-h2"]:
        backend = backends.bad_h2 if pool == "bad-h2" else backends.bad
        gate = WORK / f"{backend.name}.seen.gate"
        gate.unlink(missing_ok=True)
        client, known = Client(), new_id()
        silent = client.ask(head(f"/{pool}/", "GET", ("x-act", "silent"), ("x-id", known)))
        eventually(lambda: "" if backend.seen(known) else "nothing")
        client.h2.reset_stream(silent, CANCEL)
        client.flush()
        if pool == "bad-h2":
            done = eventually(lambda: "" if backend.seen(known, "reset") else "nothing")
            check("bad-h2: a request that is cancelled is cancelled there", done)
        else:
            process = backend.seen(known)[0]["process"]
            done = eventually(lambda: "" if is_closed_to(process) else f"{process} has its connection")
            check("bad: a request that is cancelled loses its connection", done)
        status, *_ = asked(client, head(f"/{pool}/"))
        check(f"{pool}: others go on", expect(status=(status, 200)))
        # In the middle of a body, too.
        known = new_id()
        stream = client.h2.get_next_available_stream_id()
        client.h2.send_headers(stream, head(f"/{pool}/", "POST", ("x-id", known)))
        client.h2.send_data(stream, b"the first part")
        client.flush()
        eventually(lambda: "" if backend.seen(known) else "nothing")
        client.h2.reset_stream(stream, CANCEL)
        client.flush()
        time.sleep(0.3)
        check(f"{pool}: a body that is broken off is not taken for whole", expect(bodies=(backend.seen(known, "body"), [])))
        client.close()


def is_closed_to(process):
    """Whether the other side of a backend's connection has gone (CLOSE-WAIT, 8)."""
    with open("/proc/net/tcp") as table:
        states = {line.split()[9]: line.split()[3] for line in table.readlines()[1:]}
    try:
        links = [os.readlink(f"/proc/{process}/fd/{fd}") for fd in os.listdir(f"/proc/{process}/fd")]
    except OSError:
        return True
    inodes = [link[8:-1] for link in links if link.startswith("socket:[")]
    return all(states.get(inode, "08") == "08" for inode in inodes)


def windows(forwarder):
    """A client that takes nothing holds its backend back, and gets all of it when it does."""
    for path, words in [
        ("/bad/", ("x-act", "large")),
        ("/bad-h2/", ("x-act", "large")),
        ("/files/large.bin", ("x", "y")),
        ("/nginx/large.bin", ("x", "y")),
    ]:
        client = Client(window=False)
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        client.flush()
        client.until(h2.events.SettingsAcknowledged)
        stream = client.ask(head(path, "GET", words))
        begun = client.until(h2.events.ResponseReceived, stream)
        before = memory_kb(forwarder)
        client.read(1.5)
        got = sum(len(event.data) for event in client.events if isinstance(event, h2.events.DataReceived))
        grown = memory_kb(forwarder) - before
        check(
            f"{path}: a window of 0 lets the head through, no body, and little is kept meanwhile",
            expect(begun=(begun is not None, True), octets=(got, 0), small=(grown < 4096, True))
            and f"{begun} {got} {grown} KB",
        )
        client.opens_windows = True
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1_000_000})
        client.flush()
        status, _, body, _, reset = client.response(stream)
        check(
            f"{path}: all of it comes once there is a window",
            expect(status=(status, 200), length=(len(body), 10_000_000), reset=(reset, None)),
        )
        client.close()


def memory_kb(forwarder):
    with open(f"/proc/{forwarder.process.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def settings():
    client = Client()
    for changes in [{4: 10}, {5: 20_000}, {1: 0}, {1: 4096}, {4: 65535}, {3: 1}, {6: 100_000}]:
        client.raw(SettingsFrame(0, changes).serialize())
    status, _, body, _, _ = asked(client, head("/bad/"))
    client.read(0.2)
    check("settings that change are taken", expect(status=(status, 200)))
    client.close()
    for name, frame in [
        ("a window that is too large", SettingsFrame(0, {4: 1 << 31})),
        ("frames that are too small", SettingsFrame(0, {5: 100})),
        ("push that is neither on nor off", SettingsFrame(0, {2: 2})),
    ]:
        client = Client()
        client.raw(frame.serialize())
        code = client.goaway()
        check(f"{name} ends the connection", "" if code not in (None, NO_ERROR) else f"{code}")
        client.close()


def frames_out_of_place():
    """What a connection or its stream ends with (RFC 9113, 5.1 and 6)."""
    data = DataFrame(1, b"nothing is open").serialize()
    big = b"\0\x80\1" + b"\0\0" + (1).to_bytes(4, "big") + b"x" * 0x8001
    for name, octets in [
        ("DATA without a stream", data),
        ("a frame that is too large", big),
        ("DATA on stream 0", b"\0\0\1\0\0\0\0\0\0x"),
        (
            "HEADERS on an even stream",
            HeadersFrame(2, hpack.Encoder().encode(head()), flags=["END_HEADERS", "END_STREAM"]).serialize(),
        ),
        ("CONTINUATION without a head", ContinuationFrame(1, b"").serialize()),
        ("a head that is interrupted", HeadersFrame(1, b"\x82").serialize() + PingFrame(0, b"12345678").serialize()),
        ("RST_STREAM of an idle stream", RstStreamFrame(5, 8).serialize()),
        ("a window of more than 2^31", b"\0\0\4\x08\0\0\0\0\0\x7f\xff\xff\xff"),
        ("a window of 0", b"\0\0\4\x08\0\0\0\0\0\0\0\0\0"),
        (
            "a head that hpack cannot read",
            HeadersFrame(1, b"\xff\xff\xff\xff\xff\xff\xff", flags=["END_HEADERS", "END_STREAM"]).serialize(),
        ),
        ("PING of 4 octets", b"\0\0\4\6\0\0\0\0\0four"),
        ("padding that is longer than its frame", b"\0\0\2\0\x08\0\0\0\1\xff\0"),
    ]:
        client = Client()
        client.raw(octets)
        code = client.goaway()
        check(f"{name} ends the connection", "" if code not in (None, NO_ERROR) else f"{code}")
        client.close()


def floods(forwarder):
    encoder = hpack.Encoder()
    block = encoder.encode(head("/bad/"))

    def reset(n):
        return (
            HeadersFrame(2 * n + 1, encoder.encode(head("/bad/")), flags=["END_HEADERS", "END_STREAM"]).serialize()
            + RstStreamFrame(2 * n + 1, CANCEL).serialize()
        )

    for name, each, count in [
        ("streams that are reset at once", reset, 20_000),
        (
            "a head without an end",
            lambda n: HeadersFrame(1, block).serialize() if n == 0 else ContinuationFrame(1, b"\0\1a\1b" * 1000).serialize(),
            5_000,
        ),
        (
            "empty CONTINUATION frames",
            lambda n: HeadersFrame(1, block).serialize() if n == 0 else ContinuationFrame(1, b"").serialize(),
            100_000,
        ),
    ]:
        client, before = Client(), memory_kb(forwarder)
        for n in range(count):
            client.raw(each(n))
            if client.ended:
                break
            if n % 100 == 0:
                client.read(0)
        code = client.goaway(5)
        check(f"{name}: the connection ends", "" if code in (CALM, PROTOCOL_ERROR, "ended", 2) else f"after {n}: {code}")
        grown = memory_kb(forwarder) - before
        check(f"{name}: little memory is taken", "" if grown < 16_384 else f"{grown} KB")
        client.close()
    check("the forwarder serves on", expect(status=(curl("/bad/").status, 200)))


def many():
    """As many as a server lets, and more in turn."""
    client = Client()
    client.until(h2.events.RemoteSettingsChanged)
    limit = client.h2.remote_settings.max_concurrent_streams
    streams = [client.ask(head("/bad/", "GET", ("x-act", "slow-head"))) for _ in range(40)]
    found = [client.response(stream)[0] for stream in streams]
    check("40 requests at a time", expect(limit=(limit, 128), statuses=(set(found), {200})))
    client.close()


def cases(forwarder, backends):
    frames()
    trailers(backends)
    malformed(backends)
    lengths(backends)
    limits()
    cancels(backends)
    windows(forwarder)
    settings()
    frames_out_of_place()
    floods(forwarder)
    many()
