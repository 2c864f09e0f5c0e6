"""h2load and wrk, for a bounded number of requests: while nothing happens, while the configuration is read anew, and while the
server stops. Nothing is measured."""

import signal
import socket
import subprocess
import threading
import time

from forwarder import PLAIN, SERVER, TLS, Forwarder, configuration, curl, expect, reach, url
from h2_client import Client, asked, head
from world import WORK, check, eventually

REQUESTS = 4000


def h2load(*words, requests=REQUESTS, path="/nginx/small.txt", port=PLAIN):
    target = url(path, port).replace("peer.example", SERVER)
    return ["h2load", "--requests", str(requests), "--clients", "8", *words, target]


def wrong(said, requests=REQUESTS):
    """What h2load says that went wrong."""
    if (
        f"requests: {requests} total, {requests} started, {requests} done, {requests} succeeded, 0 failed, 0 errored, 0 timeout"
        not in said
    ):
        return said[-600:]
    return "" if f"status codes: {requests} 2xx, 0 3xx, 0 4xx, 0 5xx" in said else said[-600:]


def finished(words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def bounded():
    for name, words, port, path in [
        ("HTTP/2", ["-m", "10"], PLAIN, "/nginx/small.txt"),
        ("HTTP/1.1", ["--h1"], PLAIN, "/nginx/small.txt"),
        ("HTTP/2 over TLS", ["-m", "10"], TLS, "/nginx/small.txt"),
        ("HTTP/1.1 over TLS", ["--h1"], TLS, "/nginx/small.txt"),
        ("HTTP/2 to HTTP/2", ["-m", "10"], PLAIN, "/nginx-h2/small.txt"),
        ("HTTP/1.1 to TLS", ["--h1"], PLAIN, "/nginx-tls/small.txt"),
        ("HTTP/2, files", ["-m", "10"], PLAIN, "/files/small.txt"),
        ("HTTP/1.1, the cache", ["--h1"], PLAIN, "/cached/small.txt"),
    ]:
        check(f"h2load: {REQUESTS} requests, {name}", wrong(finished(h2load(*words, port=port, path=path))))
    body = WORK / "posted"
    body.write_bytes(b"x" * 20_000)
    # The backend that notes each request takes its time.
    check(
        "h2load: 200 bodies of 20 kB", wrong(finished(h2load("-m", "5", "-d", str(body), requests=200, path="/bad/")), 200)
    )
    for path in ["/nginx/small.txt", "/nginx-h2/small.txt"]:
        said = finished(["wrk", "--threads", "2", "--connections", "16", "--duration", "1s", url(path)])
        check(f"wrk: {path}", said if "Non-2xx" in said or "Socket errors" in said or " 0 requests in" in said else "")


def reloads(forwarder):
    """Which of the two texts is in force is said by a header; no request notices more than that."""
    texts = [
        configuration(),
        configuration().replace('path = "/nginx"\n', 'path = "/nginx"\nresponse_headers = { set = { x-other = "1" } }\n'),
    ]
    running = [
        subprocess.Popen(
            h2load(*words, requests=12_000, port=port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for words, port in [(["--h1"], PLAIN), (["-m", "4"], PLAIN), (["--h1"], TLS), (["-m", "4"], TLS)]
    ]
    mistakes, count = [], 0
    while any(each.poll() is None for each in running) and count < 50:
        count += 1
        mistakes.append(forwarder.reload(texts[count % 2]))
        found = curl("/nginx/small.txt").header("x-other")
        mistakes.append(expect(header=(found, "1" if count % 2 else None)))
    said = [each.communicate(timeout=60)[0] for each in running]
    for name, words in zip(["HTTP/1.1", "HTTP/2", "HTTP/1.1 over TLS", "HTTP/2 over TLS"], said):
        check(f"none of 12000 requests fails while the configuration is read anew, {name}", wrong(words, 12_000))
    check(
        "it was read anew in the middle of it, each time in force at once",
        "; ".join(filter(None, mistakes)) or ("" if count >= 3 else f"only {count} times"),
    )
    forwarder.reload(texts[0])


def connects():
    try:
        socket.create_connection((SERVER, PLAIN), timeout=1).close()
        return True
    except OSError:
        return False


def stops(forwarder):
    """Asked to stop, the server finishes what is under way, on all kinds of connections, and takes nothing else."""
    whole = (WORK / "www/slow.bin").read_bytes()
    replies = {}

    def ask(name, *words, port):
        replies[name] = curl("/nginx/slow.bin", *words, port=port)

    ways = {
        "HTTP/1.1": (["--http1.1"], PLAIN),
        "HTTP/2": (["--http2-prior-knowledge"], PLAIN),
        "HTTP/1.1 over TLS": (["--http1.1"], TLS),
        "HTTP/2 over TLS": (["--http2"], TLS),
    }
    clients = [
        threading.Thread(target=ask, args=[name, *words], kwargs={"port": port}) for name, (words, port) in ways.items()
    ]
    # Who has just connected, who has said a part of a request, and who waits for its next one.
    fresh = socket.create_connection((SERVER, PLAIN), timeout=10)
    partly = socket.create_connection((SERVER, PLAIN), timeout=10)
    partly.sendall(b"GET /bad/ HTTP/1.1\r\nHost: a\r\n")
    waiting = socket.create_connection((SERVER, PLAIN), timeout=10)
    waiting.sendall(b"GET /bad/ HTTP/1.1\r\nHost: a\r\n\r\n")
    waiting.recv(65536)
    idle = Client()
    asked(idle, head("/bad/"))
    for client in clients:
        client.start()
    # The heads have come; the bodies take two seconds.
    begun = lambda: [head for head in WORK.glob("*/head") if head.stat().st_size]
    check("four downloads are under way", eventually(lambda: "" if len(begun()) == 4 else f"{begun()}"))
    forwarder.send(signal.SIGTERM)
    time.sleep(0.2)
    partly.sendall(b"\r\n")
    heard = b""
    try:
        while piece := partly.recv(65536):
            heard += piece
    except OSError:
        pass
    check(
        "a request of which a part had come is answered, and told that it is the last",
        "" if heard.startswith(b"HTTP/1.1 200") and b"connection: close" in heard.lower() else f"{heard}",
    )
    check("a connection that waits for its next request is closed", expect(heard=(waiting.recv(10), b"")))
    check("so is one of HTTP/2, with GOAWAY", expect(code=(idle.goaway(), 0)))
    fresh.close()
    check("nobody else is taken", eventually(lambda: "it connects" if connects() else ""))
    for client in clients:
        client.join()
    for name in ways:
        found = replies[name]
        check(
            f"what is under way at the stop is finished, {name}",
            expect(exit=(found.exit, 0), status=(found.status, 200), same=(found.body == whole, True)),
        )
    check("the server ends", forwarder.wait())


def stops_under_load():
    """No response that has begun is lost when the server stops under load, and no request that a backend has answered."""
    forwarder = Forwarder("again")
    reach(SERVER, PLAIN)
    cut, whole, over = [], [], threading.Event()

    def client():
        """Asks on and on, over connections that are kept as long as the server keeps them."""
        while not over.is_set():
            try:
                stream = socket.create_connection((SERVER, PLAIN), timeout=5)
            except OSError:
                return
            with stream:
                heard = b"connection: keep-alive"
                while b"connection: close" not in heard.lower():
                    heard = b""
                    try:
                        stream.sendall(b"GET /nginx/small.txt HTTP/1.1\r\nHost: a\r\n\r\n")
                        while len(heard.partition(b"\r\n\r\n")[2]) < 1690 and (piece := stream.recv(65536)):
                            heard += piece
                    except OSError:
                        pass
                    if len(heard.partition(b"\r\n\r\n")[2]) == 1690:
                        whole.append(1)
                    else:
                        cut.append(heard) if heard else None
                        break

    clients = [threading.Thread(target=client) for _ in range(16)]
    for each in clients:
        each.start()
    time.sleep(1)
    forwarder.send(signal.SIGTERM)
    mistake = forwarder.wait()
    over.set()
    for each in clients:
        each.join()
    check("it ends under load", mistake)
    check("no response that had begun was cut off", f"{cut}" if cut else "")
    check("there was some load", "" if len(whole) > 200 else f"{len(whole)} responses")


def cases(forwarder, backends):
    bounded()
    reloads(forwarder)
    stops(forwarder)
    stops_under_load()
