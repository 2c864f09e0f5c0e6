"""Backends that are killed, hang, drip, reset and lie, behind the forwarder.

Each request has a number of its own, by which backends count it: whatever happens, what may have been done is not sent again,
and what was not, or does nothing more the second time, is answered by the one that is well.
"""

import hashlib
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from forwarder import GOOD, PLAIN, TLS, act, expect
from world import WORK, check, eventually

HTTP_1_1, H2 = "--http1.1", "--http2-prior-knowledge"
# curl's exits: a body that is not whole, HTTP/2 stream not closed cleanly, receive error (reset).
CUT = (18, 92, 56)

# What a backend does before anything of a response has gone to the client, and the status if nobody else is there.
NO_RESPONSE = {
    "bad": {
        "killed-early": 502,
        "killed-in-head": 502,
        "killed-reading": 502,
        "closed": 502,
        "reset": 502,
        "unread": 502,
        "silent": 504,
        "drips-head": 504,
        "garbage": 502,
        "huge-head": 502,
        "head-flood": 502,
        "interim-flood": 502,
        "two-lengths": 502,
        "length-and-coding": 502,
        "coding": 502,
        "splitting": 502,
        "switches": 502,
    },
    "bad-h2": {"killed-early": 502, "silent": 504, "reset": 502, "garbage": 502, "connection": 502, "uppercase": 502},
}
# What is broken off when some of it has gone to the client.
BROKEN_OFF = {
    "bad": ["killed-length", "killed-chunked", "killed-in-chunk", "short", "short-chunked", "stuck-body", "bad-chunk"],
    "bad-h2": ["killed", "killed-length", "reset-later", "short", "long", "stuck-body"],
}
# What is strange, and whole.
WHOLE = {
    "bad": {
        "slow-head": b"slow",
        "slow-body": b"01234",
        "slow-chunks": b"01234",
        "long": b"right",
        "until-end": b"all of it",
        "interim": b"in the end",
        "large-head": b"small",
        "empty": b"",
    },
    "bad-h2": {},
}
BODY = ["--data-binary", "once"]


def together(look, cases):
    """Each at the same time, as most of them take time; what comes of it in order. Those that end a connection of HTTP/2,
    which requests share, one after the other."""
    with ThreadPoolExecutor(16) as pool:
        alone = [case for case in cases if case[0] == "bad" or case[1] in ("silent", "stuck-body")]
        return [*pool.map(look, alone), *(look(case) for case in cases if case not in alone)]


def counts(known, backends, kind):
    """How often the two of a pair had the request."""
    both = (backends.bad_h2, backends.good_h2) if kind == "bad-h2" else (backends.bad, backends.good)
    return tuple(len(backend.seen(known)) for backend in both)


def no_response(backends):
    def look(case):
        kind, what, status = case
        pair = kind.replace("bad", "pair")
        _, alone = act(f"/{kind}/", what, "--request", "GET")
        known_get, got = act(f"/{pair}/", what)
        known_put, put = act(f"/{pair}/", what, "--request", "PUT")
        known_post, posted = act(f"/{pair}/", what, *BODY)
        return [
            (f"{kind} {what}: {status}", expect(status=(alone.status, status), exit=(alone.exit, 0))),
            (
                f"{kind} {what}: GET is sent again",
                expect(status=(got.status, 200), exit=(got.exit, 0), counts=(counts(known_get, backends, kind), (1, 1))),
            ),
            (
                f"{kind} {what}: so is PUT without a body",
                expect(status=(put.status, 200), counts=(counts(known_put, backends, kind), (1, 1))),
            ),
            (
                f"{kind} {what}: POST is not",
                expect(status=(posted.status, status), counts=(counts(known_post, backends, kind), (1, 0))),
            ),
        ]

    cases = [(kind, what, status) for kind, acts in NO_RESPONSE.items() for what, status in acts.items()]
    for found in together(look, cases):
        for name, mistake in found:
            check(name, mistake)


def broken_off(backends):
    def look(case):
        kind, what, way, port = case
        known, found = act(f"/{kind.replace('bad', 'pair')}/", what, way, port=port)
        seen = counts(known, backends, kind)
        # What the backend has said comes, and that this is not all.
        # Over HTTP/2, the end of a stream goes ahead of what waits to be sent, even of the head.
        heads = (200,) if "1.1" in way else (200, 0)
        mistake = expect(cut=(found.exit in CUT, True), status=(found.status in heads, True), counts=(seen, (1, 0)))
        return f"{kind} {what}: no client takes it for whole, {way} {port}", mistake and f"{mistake}: {found}"

    ways = [(HTTP_1_1, PLAIN), (H2, PLAIN), (HTTP_1_1, TLS), ("--http2", TLS)]
    for name, mistake in together(
        look, [(kind, what, *way) for kind, acts in BROKEN_OFF.items() for what in acts for way in ways]
    ):
        check(name, mistake)


def broken_off_behind_others():
    """What compresses a response and what keeps it know that it is not whole, too."""
    for route in ["/squeezed/", "/kept/"]:
        for way in [HTTP_1_1, H2]:
            for _ in range(2):
                _, found = act(route, "killed-text", way, "--header", "Accept-Encoding: gzip")
                check(f"{route}: no client takes it for whole, {way}", expect(cut=(found.exit in CUT, True)))


def whole():
    def look(case):
        kind, what, body = case
        return [
            (
                f"{kind} {what}: is whole, {way}",
                expect(exit=(found.exit, 0), status=(found.status, 200), body=(found.body, body)),
            )
            for way in [HTTP_1_1, H2]
            for _, found in [act(f"/{kind}/", what, way)]
        ]

    for found in together(look, [(kind, what, body) for kind, acts in WHOLE.items() for what, body in acts.items()]):
        for name, mistake in found:
            check(name, mistake)


def not_sent(backends):
    """What certainly was not done by anybody is sent elsewhere, whatever it is."""
    for way in [HTTP_1_1, H2]:
        known, found = act("/refused/", "serve", way, *BODY)
        check(
            f"POST that nobody took a connection for is sent again, {way}",
            expect(
                status=(found.status, 200),
                at=(found.json().get("at"), GOOD),
                counts=(counts(known, backends, "bad"), (0, 1)),
                digest=(found.json()["sha256"], hashlib.sha256(b"once").hexdigest()),
            ),
        )
        for what in ["refused", "goes-away"]:
            known, found = act("/pair-h2/", what, way)
            check(
                f"GET that an HTTP/2 backend says it did not look at ({what}) is sent again, {way}",
                expect(status=(found.status, 200), counts=(counts(known, backends, "bad-h2"), (1, 1))),
            )
            known, found = act("/pair-h2/", what, way, *BODY)
            check(
                f"POST of the same is answered, and not done twice ({what}), {way}",
                "" if found.status in (200, 502) and counts(known, backends, "bad-h2") in ((1, 0), (1, 1)) else f"{found}",
            )


def kept_connections(backends):
    """A backend that ends connections which were kept: the next request finds out, and is not lost."""
    for kind, backend in [("bad", backends.bad), ("bad-h2", backends.bad_h2)]:
        for method in ["GET", "POST"]:
            words = BODY if method == "POST" else []
            statuses = []
            for _ in range(6):
                act(f"/{kind}/", "serve")
                for process in {line["process"] for line in backend.seen()}:
                    kill(process)
                statuses.append(act(f"/{kind}/", "serve", *words)[1].status)
            check(f"{method} after kept connections of {kind} were killed", expect(statuses=(statuses, [200] * 6)))


def kept_too_long(backends):
    """A backend that ends kept connections at the very moment when a request comes, as if it had no time for another."""
    for path in ["/bad/", "/pair/"]:
        statuses, twice = [], []
        # A client may come to a thread that has no connection yet, and is served.
        for _ in range(4):
            act(path, "serve")
            statuses.append(act(path, "closed-if-kept")[1].status)
            act(path, "serve")
            known, posted = act(path, "closed-if-kept", *BODY)
            twice += [posted] if counts(known, backends, "bad") != (1, 0) else []
        check(f"{path}: GETs over connections that end meanwhile are sent again", expect(statuses=(statuses, [200] * 4)))
        check(f"{path}: POSTs are not", f"{twice}" if twice else "")


def kill(process):
    """And waits for its end."""
    try:
        while True:
            os.kill(process, signal.SIGKILL)
            time.sleep(0.001)
    except ProcessLookupError:
        pass


def stopped(backends):
    """SIGSTOP: the kernel takes connections for a process that says nothing."""
    backends.stopped.process.send(signal.SIGSTOP)
    known, got = act("/stopped/", "serve")
    check("stopped: GET is sent again", expect(status=(got.status, 200), counts=(counts(known, backends, "bad"), (0, 1))))
    known, posted = act("/stopped/", "serve", *BODY)
    check("stopped: POST is not", expect(status=(posted.status, 504), counts=(counts(known, backends, "bad"), (0, 0))))
    backends.stopped.process.send(signal.SIGCONT)
    done = eventually(lambda: "" if len(backends.stopped.seen(known)) == 1 else "nothing")
    check("when it goes on, it has the POST once", done)
    check("and serves", expect(at=(act("/stopped/", "serve")[1].json().get("at"), backends.stopped.address)))


def mixed(backends):
    """Everything at once from many clients, while a backend is killed and started again: each request is accounted for."""
    acts = ["serve", "closed", "reset", "unread", "killed-early", "killed-length", "short-chunked", "slow-body", "large"]
    outcomes, over = [], threading.Event()

    def client(begin):
        for n in range(25):
            what, post = acts[(begin + n) % len(acts)], n % 3 == 0
            path = "/killed/" if n % 2 else "/pair/"
            known, found = act(path, what, *(BODY if post else []))
            outcomes.append((known, what, post, found))

    def killer():
        while not over.wait(0.5):
            backends.killed.process.end()
            over.wait(0.3)
            backends.killed.start()

    killing = threading.Thread(target=killer)
    killing.start()
    clients = [threading.Thread(target=client, args=[n]) for n in range(8)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    over.set()
    killing.join()
    heads = {}
    for backend in [backends.bad, backends.good, backends.killed]:
        for line in backend.seen():
            heads.setdefault(line["id"], []).append(line["act"] if backend is not backends.good else "serve")
    twice = [known for known, _, post, _ in outcomes if post and len(heads.get(known, [])) > 1]
    check(f"of {len(outcomes)} requests, no POST was at two backends", f"{twice}" if twice else "")
    broken = {"killed-length", "short-chunked"}
    lost = [
        (known, what, found)
        for known, what, post, found in outcomes
        if not post
        and what not in broken
        and "large" != what
        and "slow-body" != what
        and (found.status != 200 or found.exit)
    ]
    check("no GET was lost that could be sent again", f"{lost}" if lost else "")
    false = [
        (known, what)
        for known, what, _, found in outcomes
        if found.exit == 0 and found.status == 200 and found.body in (b"", b"the first part")
    ]
    check("none that was broken off was taken for whole", f"{false}" if false else "")
    answered = [(known, what, found) for known, what, post, found in outcomes if found.status not in (200, 502)]
    check("each has a response that says what happened", f"{answered}" if answered else "")


def said(forwarder):
    """The access log tells of each what came of it."""
    lines = [json.loads(line) for line in (WORK / "access.json").read_text().splitlines()]
    check("lines tell which responses were not whole", expect(some=({line["whole"] for line in lines}, {True, False})))
    check("and who was tried", expect(tries=({1, 2} <= {line.get("tries") for line in lines}, True)))


def cases(forwarder, backends):
    no_response(backends)
    broken_off(backends)
    broken_off_behind_others()
    whole()
    not_sent(backends)
    kept_connections(backends)
    kept_too_long(backends)
    stopped(backends)
    mixed(backends)
    said(forwarder)
