"""Requests that two readers could cut up differently: refused, and the backend never sees the second one."""

import socket

from forwarder import PLAIN, SERVER, new_id
from world import check

HIDDEN = "GET /{pool}/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
POST, END = "POST /{pool}/outer HTTP/1.1\r\nHost: a\r\nX-Id: {id}\r\n", "\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"

# What stands behind the first lines of a request, and whether a part of it may have been forwarded before it was seen.
REFUSED = {
    "length and coding": "Content-Length: 6\r\n" + CHUNKED + END + "0\r\n\r\n" + HIDDEN,
    "coding and length": CHUNKED + "Content-Length: 4\r\n" + END + "5c\r\n" + HIDDEN + "0\r\n\r\n",
    "two lengths": "Content-Length: 0\r\nContent-Length: 44\r\n" + END + HIDDEN,
    "two equal lengths": "Content-Length: 4\r\nContent-Length: 4\r\n" + END + "body" + HIDDEN,
    "a list of lengths": "Content-Length: 4, 44\r\n" + END + "body" + HIDDEN,
    "a length with a sign": "Content-Length: +4\r\n" + END + "body" + HIDDEN,
    "a length in hexadecimal": "Content-Length: 0x4\r\n" + END + "body" + HIDDEN,
    "a negative length": "Content-Length: -1\r\n" + END + HIDDEN,
    "an unknown coding": "Transfer-Encoding: xchunked\r\n" + END + "0\r\n\r\n" + HIDDEN,
    "chunked twice": "Transfer-Encoding: chunked, chunked\r\n" + END + "0\r\n\r\n" + HIDDEN,
    "two codings": CHUNKED + "Transfer-Encoding: identity\r\n" + END + "0\r\n\r\n" + HIDDEN,
    "a coding with a tab in it": "Transfer-Encoding: chun\tked\r\n" + END + "0\r\n\r\n" + HIDDEN,
    "a vertical tab in front of the coding": "Transfer-Encoding: \x0bchunked\r\n" + END + "0\r\n\r\n" + HIDDEN,
    "a folded coding": "Transfer-Encoding:\r\n chunked\r\n" + END + "0\r\n\r\n" + HIDDEN,
    "a folded header": "X: a\r\n Content-Length: 44\r\n" + END + HIDDEN,
    "space in front of the colon": "Content-Length : 44\r\n" + END + HIDDEN,
    "a tab in front of the colon": "Transfer-Encoding\t: chunked\r\n" + END + "0\r\n\r\n" + HIDDEN,
    "a line that ends with LF": "X: a\nContent-Length: 44\r\n" + END + HIDDEN,
    "a head that ends with LF": "X: a\r\n\n" + HIDDEN,
    "a line that ends with CR": "X: a\rContent-Length: 44\r\n" + END + HIDDEN,
    "NUL in a value": "X: a\0b\r\n" + END + HIDDEN,
    "NUL in a name": "X\0: a\r\n" + END + HIDDEN,
    "a name of other octets": "Content-Length\xa0: 44\r\n" + END + HIDDEN,
}
# The head of these is well, so that the outer request may have begun.
BROKEN_OFF = {
    "a chunk longer than it says": "1\r\nbody\r\n0\r\n\r\n",
    "a chunk's size with a sign": "+4\r\nbody\r\n0\r\n\r\n",
    "a chunk's size with 0x": "0x4\r\nbody\r\n0\r\n\r\n",
    "a chunk's size past 64 bits": "10000000000000004\r\nbody\r\n0\r\n\r\n",
    "a negative size": "-1\r\nbody\r\n0\r\n\r\n",
    "a size with space": "4 \x0b\r\nbody\r\n0\r\n\r\n",
    "a chunk's line that ends with LF": "4\nbody\r\n0\r\n\r\n",
    "a chunk that ends with LF": "4\r\nbody\n0\r\n\r\n",
    "a bare LF in an extension": "4;a=\nb\r\nbody\r\n0\r\n\r\n",
    "a long extension": f"4;{'a' * 10_000}\r\nbody\r\n0\r\n\r\n",
    "many long extensions": "".join(f"1;{'a' * 250}\r\nb\r\n" for _ in range(100)) + "0\r\n\r\n",
    "a NUL in an extension": "4;a=\0\r\nbody\r\n0\r\n\r\n",
    "a trailer folded": "0\r\nX: a\r\n b\r\n\r\n",
    "a trailer with space in front of the colon": "0\r\nX : a\r\n\r\n",
    "the end with LF": "0\n\n",
}
LINES = [
    "POST /{pool}/outer HTTP/1.1\nHost: a\r\nX-Id: {id}\r\n\r\n",
    "POST  /{pool}/outer HTTP/1.1\r\nHost: a\r\nX-Id: {id}\r\n\r\n",
    "POST /{pool}/outer HTTP/1.1 \r\nHost: a\r\nX-Id: {id}\r\n\r\n",
    "POST /{pool}/outer HTTP/1.1 HTTP/1.1\r\nHost: a\r\nX-Id: {id}\r\n\r\n",
    "POST\t/{pool}/outer\tHTTP/1.1\r\nHost: a\r\nX-Id: {id}\r\n\r\n",
    "POST /{pool}/out\0er HTTP/1.1\r\nHost: a\r\nX-Id: {id}\r\n\r\n",
    "POST /{pool}/outer\r\nHost: a\r\nX-Id: {id}\r\n\r\n",
    "\0POST /{pool}/outer HTTP/1.1\r\nHost: a\r\nX-Id: {id}\r\n\r\n",
    "POST /{pool}/outer HTTP/1.0\r\nHost: a\r\nX-Id: {id}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
]


def talk(octets, cut):
    """All that is said to it, in one piece or cut at each of `cut` octets, until the connection ends."""
    with socket.create_connection((SERVER, PLAIN), timeout=5) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        heard = b""
        try:
            for begin in range(0, len(octets), cut):
                stream.sendall(octets[begin : begin + cut])
            while piece := stream.recv(65536):
                heard += piece
        except ConnectionError:
            pass
        except TimeoutError:
            heard += b" (and the connection stays)"
        return heard


def refuse(backends, name, request, may_begin=False):
    for pool in ["bad", "bad-h2"]:
        backend = backends.bad_h2 if pool == "bad-h2" else backends.bad
        for cut in [10_000_000, 7] if len(request) < 1000 else [10_000_000]:
            known = new_id()
            before = len(backend.seen(event="head"))
            heard = talk(request.replace("{pool}", pool).replace("{id}", known).encode("latin-1"), cut)
            count = heard.count(b"HTTP/1.1 ")
            status = int(heard.split(b" ")[1]) if count else 0
            seen = backend.seen()[before:]
            hidden = [each for each in seen if "smuggled" in each["target"]]
            outer = [each for each in seen if each["id"] == known]
            mistake = "" if count == 1 and status in (400, 501) else f"answered {count} times: {heard[:300]}"
            mistake = mistake or (f"{hidden}" if hidden else "")
            mistake = mistake or (f"it was forwarded: {outer}" if outer and not may_begin else "")
            whole = [each for each in backend.seen(known, "body")]
            mistake = mistake or (f"as a whole one: {whole}" if whole else "")
            check(f"{name} is refused, to {pool}{', in small pieces' if cut == 7 else ''}", mistake)


def cases(forwarder, backends):
    for name, request in REFUSED.items():
        refuse(backends, name, POST + request)
    for name, body in BROKEN_OFF.items():
        refuse(backends, name, POST + CHUNKED + END + body + HIDDEN, may_begin=True)
    for n, line in enumerate(LINES):
        refuse(backends, f"request line {n}", line + HIDDEN)
    # It is clear where this one ends, and so the next one is answered.
    heard = talk(
        "GET /bad/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET /bad/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode(),
        1000,
    )
    check(
        "two hosts are refused",
        "" if heard.startswith(b"HTTP/1.1 400") and heard.count(b"HTTP/1.1 200") == 1 else f"{heard}",
    )
    # What is well beside all of that.
    for cut in [10_000_000, 3]:
        known = new_id()
        body = '4;name="value"\r\nbody\r\n0\r\nX-Trailer: y\r\n\r\n'
        well = (POST + CHUNKED + "Connection: close\r\n" + END + body).replace("{pool}", "bad").replace("{id}", known)
        heard = talk(well.encode(), cut)
        check(
            f"chunks with extensions and trailers are taken{', in small pieces' if cut == 3 else ''}",
            "" if heard.startswith(b"HTTP/1.1 200") and len(backends.bad.seen(known, "body")) == 1 else f"{heard}",
        )
    pipelined = "".join(
        f"GET /bad/p{n} HTTP/1.1\r\nHost: a\r\n{'Connection: close' if n == 9 else 'X: y'}\r\n\r\n" for n in range(10)
    )
    heard = talk(pipelined.encode(), 11)
    order = [heard.find(f'"target": "/p{n}"'.encode()) for n in range(10)]
    check(
        "ten requests in a pipeline are answered in their order",
        "" if -1 not in order and order == sorted(order) else f"{heard}",
    )
