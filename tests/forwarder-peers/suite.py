"""Runs in namespaces of its own: see `run`."""

import importlib
import sys
import time
import traceback

import world
from forwarder import BAD, GOOD, HTTP_1, HTTP_2, KILLED, PLAIN, SERVER, STOPPED, WEBSOCKET, Backend, Forwarder, reach
from world import HERE, SUITE, WORK, Process, certificates, check, from_template, run

# The last ends the server.
GROUPS = ["with_curl", "with_nginx", "faults", "smuggling", "with_h2", "with_chromium", "under_load"]


def prepare():
    run("ip", "link", "set", "lo", "up")
    certificates()
    root = WORK / "www"
    root.mkdir()
    (root / "small.txt").write_text("".join(f"line {n}\n" for n in range(200)))
    (root / "large.bin").write_bytes(b"".join(b"%09d\n" % n for n in range(1_000_000)))
    (root / "slow.bin").write_bytes(b"slow" * 100_000)
    (root / "websocket.html").write_text((SUITE / "websocket.html").read_text())


class Backends:
    def __init__(self):
        self.nginx = Process("nginx", "nginx", "-p", WORK, "-c", from_template("nginx.conf"))
        self.bad = Backend("bad", BAD, "backend.py", HTTP_1)
        self.good = Backend("good", GOOD, "backend.py", HTTP_1, "well")
        self.stopped = Backend("stopped", STOPPED, "backend.py", HTTP_1)
        self.killed = Backend("killed", KILLED, "backend.py", HTTP_1)
        self.bad_h2 = Backend("bad-h2", BAD, "backend_h2.py", HTTP_2)
        self.good_h2 = Backend("good-h2", GOOD, "backend_h2.py", HTTP_2, "well")
        self.websocket = Backend("websocket", GOOD, "backend_websocket.py", WEBSOCKET)
        reach(HERE, 8446)


def main():
    begun = time.monotonic()
    try:
        prepare()
        backends, forwarder = Backends(), Forwarder()
        reach(SERVER, PLAIN)
        for group in GROUPS:
            if sys.argv[1:] and group not in sys.argv[1:]:
                continue
            print(f"--- {group}, after {time.monotonic() - begun:.0f} s", flush=True)
            importlib.import_module(group).cases(forwarder, backends)
    except Exception:
        check("the suite comes to its end", traceback.format_exc())
    if world.failed:
        for log in sorted(WORK.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text()[-1500:]}")
    print(f"\n{world.passed} passed, {world.failed} failed, in {time.monotonic() - begun:.0f} s")
    sys.exit(0 if world.failed == 0 and world.passed > 0 else 1)


main()
