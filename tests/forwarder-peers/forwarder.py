"""The forwarder, its backends, and clients of it."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from world import HERE, MERIDIAN, SUITE, WORK, Process, eventually

SERVER = "127.0.0.53"
# Who does what a request says, who is always well, where nobody listens, who is stopped, who is killed.
BAD, GOOD, NOBODY, STOPPED, KILLED = "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24", "127.0.0.25"
PLAIN, PROXIED, SMALL, TLS, CLIENTS = 8000, 8001, 8002, 8443, 8444
# Times that a test can wait for. Nobody is ejected: each case is to find its backends as they are.
PATIENCE = (
    'connect_timeout = "1s", response_timeout = "2s", body_timeout = "1s", outliers = false, retries_per_second = 1000'
)
HTTP_1, HTTP_2, WEBSOCKET = 9000, 9100, 9200


def configuration():
    """The text of meridian.toml, with a route for each pool."""
    text = (SUITE / "meridian.toml").read_text()
    pools = re.findall(r"\[pool\.([^\].]+)\]", text)
    route = '[[forwarder.route]]\npath = "/{0}"\nrewrite = {{ strip_prefix = "/{0}" }}\nto = "{0}"\n'
    marks = {
        "WORK": WORK,
        "SERVER": SERVER,
        "HERE": HERE,
        "BAD": BAD,
        "GOOD": GOOD,
        "NOBODY": NOBODY,
        "STOPPED": STOPPED,
        "KILLED": KILLED,
        "PATIENCE": PATIENCE,
        "ROUTES": "\n".join(map(route.format, pools)),
    }
    for mark, value in marks.items():
        text = text.replace(f"@{mark}@", str(value))
    return text


class Forwarder:
    """The server, until its end."""

    def __init__(self, name="meridian"):
        self.config = WORK / f"{name}.toml"
        self.config.write_text(configuration())
        self.log = WORK / f"{name}.log"
        ready = WORK / f"{name}.ready"
        ready.unlink(missing_ok=True)
        words = [MERIDIAN, "serve", "--config", self.config, "--ready-file", ready, "--log", "json"]
        self.process = Process(name, *words, env={**os.environ, "XDG_RUNTIME_DIR": str(WORK)})
        eventually(lambda: "" if ready.exists() or self.process.has_ended() else "not ready")
        if not ready.exists():
            raise RuntimeError(self.log.read_text()[-2000:])

    def reload(self, text):
        """Has it read another configuration. What is wrong with that."""
        before = len(self.log.read_text())
        self.config.write_text(text)
        self.send(signal.SIGHUP)
        done = eventually(lambda: "" if "reload" in self.log.read_text()[before:] else "nothing is said of a reload")
        said = self.log.read_text()[before:]
        return done or (said if '"ERROR"' in said else "")

    def send(self, number):
        self.process.process.send_signal(number)

    def wait(self):
        """What is wrong with its end, which somebody asked for."""
        try:
            status = self.process.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            return "it does not end"
        return f"exit status {status}" if status else ""


class Backend:
    """A Python server of this suite, and what it saw."""

    def __init__(self, name, address, *words):
        self.name, self.address, self.words = name, address, words
        self.seen_in = WORK / f"{name}.seen"
        self.seen_in.touch()
        self.start()

    def start(self):
        program, port, *rest = self.words
        self.process = Process(
            self.name, "/usr/bin/python3", "-B", SUITE / program, self.address, str(port), self.seen_in, *rest
        )
        reach(self.address, port)

    def seen(self, number=None, event="head"):
        """What it has seen of requests, or of the one with that number."""
        lines = [json.loads(line) for line in self.seen_in.read_text().splitlines()]
        return [line for line in lines if line["event"] == event and number in (None, line["id"])]


def reach(address, port):
    """Waits until somebody listens there."""

    def look():
        try:
            socket.create_connection((address, port), timeout=5).close()
            return ""
        except OSError as error:
            return str(error)

    if mistake := eventually(look):
        raise RuntimeError(f"{address}:{port}: {mistake}")


class Reply(NamedTuple):
    """What curl says of a response. `exit` is not 0 where it did not come whole."""

    exit: int
    status: int
    version: str
    head: str
    body: bytes
    words: str

    def json(self):
        return json.loads(self.body)

    def header(self, name):
        found = re.findall(rf"^{name}: *(.*?)\r?$", self.head, re.I | re.M)
        return found[-1] if found else None


def url(path, port=PLAIN):
    scheme, host = ("https", "peer.example") if port in (TLS, CLIENTS) else ("http", SERVER)
    return f"{scheme}://{host}:{port}{path}"


def curl(path, *words, port=PLAIN, **options):
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        body, head = Path(folder, "body"), Path(folder, "head")
        done = subprocess.run(
            [
                "curl",
                "--silent",
                "--show-error",
                "--max-time",
                "30",
                "--output",
                body,
                "--dump-header",
                head,
                "--write-out",
                "%{http_code} %{http_version}",
                "--cacert",
                WORK / "ca.pem",
                "--resolve",
                f"peer.example:{port}:{SERVER}",
                *words,
                url(path, port),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=40,
            **options,
        )
        status, version = (done.stdout.split(" ") + ["", ""])[:2]
        read = lambda file: file.read_bytes() if file.exists() else b""
        return Reply(
            done.returncode, int(status or 0), version, read(head).decode("latin-1"), read(body), done.stderr.strip()
        )


number = 0


def new_id():
    """A number that a request is known by at backends."""
    global number
    number += 1
    return f"r{number}"


def act(path, what, *words, **options):
    """A request for that backend to do something: its number, and the reply."""
    known = new_id()
    return known, curl(path, "--header", f"X-Act: {what}", "--header", f"X-Id: {known}", *words, **options)


def expect(**wanted):
    """What differs, as a mistake: pairs of what was found and what was wanted."""
    wrong = [f"{name}: {found!r}, not {right!r}" for name, (found, right) in wanted.items() if found != right]
    return "; ".join(wrong)
