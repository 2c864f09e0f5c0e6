"""Runs in namespaces of its own: see `run`."""

import os
import re
import signal
import sys
import time
import traceback

import hostile
from cases import CASES, PAIR, PING_CASE, PING_V6_CASE, SAME, UP
from world import BROKEN, HERE, WORK, Meridian, certificates, check, dig, eventually, run, start_peers
import world


def said(target):
    """What was said of it last, failures of this machine and all."""
    words = [target["why"]] + [observed["words"] for observed in target["observations"][-1:]]
    return "; ".join(words)


def mistake(target, expected):
    """What is wrong with what is known of a target."""
    verdict = "up" if expected == UP else "down"
    if target["verdict"] == verdict and (expected == UP or re.search(expected, said(target))):
        return ""
    return f"expected {verdict}, {expected}; found {target['verdict']}, {said(target)}"


def look_at_all(meridian, cases, state):
    """Waits until each case is as it must be in this state of the peers, and says so of each."""
    wanted = {case.name: getattr(case, state) for case in cases if getattr(case, state) != SAME}

    def wrong():
        targets = meridian.targets()
        return {name: found for name, expected in wanted.items() if (found := mistake(targets[name], expected))}

    left = eventually(wrong)
    for name, expected in wanted.items():
        check(f"{state}: {name} ({expected})", left.get(name, "") if left else "")


def served(path):
    """The requests for it that nginx has logged: connection, who asked, whom the PROXY header named, version, method."""
    lines = (WORK / "access.log").read_text().splitlines()
    return [words[1:] for line in lines if (words := line.split(" "))[0] == path]


def whatever_nginx_saw():
    """What its log says by and by: a target may be up for fewer probes than are wanted here, and nginx writes them late."""

    def look(path, name, wrong):
        """`wrong` is given the requests for that path."""
        check(f"{path}: {name}", eventually(lambda: str(saw) if wrong(saw := served(path)) else ""))

    for path in ["/kept", "/kept2"]:
        look(path, "more than two requests, one connection", lambda saw: len(saw) <= 2 or len({each[0] for each in saw}) != 1)
    look("/unkept", "more than two requests, each with its own",
         lambda saw: len(saw) <= 2 or len({each[0] for each in saw}) != len(saw))
    for path, at, expected in [
        ("/from", 1, "127.0.0.9"), ("/from-v6", 1, "::1"), ("/proxied-v1", 2, "127.0.0.9"), ("/proxied-v1", 3, "HTTP/1.1"),
        ("/kept2", 3, "HTTP/2.0"), ("/token", 4, "HEAD"),
    ]:
        look(path, f"nginx saw {expected}", lambda saw, at=at, expected=expected: expected not in {each[at] for each in saw})


def prepare():
    run("ip", "link", "set", "lo", "up")
    certificates()
    (WORK / "root").mkdir()
    (WORK / "root/slow.txt").write_text("." * 100_000 + "the end\n")
    (WORK / "example.net.zone").write_text(
        "$TTL 60\n@ SOA ns1 a 1 1 1 1 1\n@ NS ns1\n@ MX 10 mail\nns1 A 192.0.2.9\nwww A 192.0.2.1\nwww AAAA 2001:db8::1\n"
    )
    scripts = {
        "hanging": "sleep 4242 & sleep 4242",
        "lying": "printf '\\033[2J up\\rOK\\nsecond line\\n'; exit 1",
    }
    for name, text in scripts.items():
        (WORK / name).write_text(f"#!/bin/sh\n{text}\n")
        (WORK / name).chmod(0o755)
    (WORK / "checks").write_text(f"# by other monitoring\n{HERE} up\n{BROKEN} down disk full\n")
    (WORK / "folder").mkdir()
    (WORK / "folder" / HERE).write_text("up\n")
    (WORK / "folder" / BROKEN).write_text("down too hot\n")
    (WORK / "silent").write_text(f"{HERE} up\n")
    os.utime(WORK / "silent", (time.time() - 3600,) * 2)


def pings(meridian, expected):
    def wrong():
        targets = meridian.targets()
        looked = [(targets[name]["verdict"], said(targets[name])) for name in ["ping", "ping-v6"]]
        return "" if all(re.search(expected, f"{verdict}: {words}") for verdict, words in looked) else str(looked)

    return eventually(wrong)


def sleepers():
    """How many of the children of the command that hangs are there."""
    count = 0
    for process in os.listdir("/proc"):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as words:
                count += words.read() == b"sleep\x004242\x00"
        except OSError:
            pass
    return count


def real_peers():
    peers = start_peers()
    meridian = Meridian("meridian", [*CASES, PAIR, PING_CASE, PING_V6_CASE])
    # In a new network namespace, nobody may ping.
    check("echo requests are not allowed, and it is said why",
          pings(meridian, r"unknown: .*cannot probe from here: .*net\.ipv4\.ping_group_range"))
    warned = meridian.checked()
    check("so it is by `check`", "" if "net.ipv4.ping_group_range" in warned else warned)
    run("sysctl", "-w", "net.ipv4.ping_group_range=0 0")
    check("once they are, echoes come", pings(meridian, "^up:"))
    look_at_all(meridian, CASES, "well")
    check("of two, clients get the one that is well",
          eventually(lambda: "" if (found := dig("pair.test")) == [HERE] else str(found)))
    whatever_nginx_saw()
    check("no more children of the command than of one run", "" if sleepers() <= 2 else str(sleepers()))
    for peer in peers:
        peer.send(signal.SIGSTOP)
    look_at_all(meridian, CASES, "stopped")
    for peer in peers:
        peer.send(signal.SIGCONT)
    look_at_all(meridian, CASES, "well")
    for peer in peers:
        peer.end()
    look_at_all(meridian, CASES, "gone")
    check("where all are gone, clients get all", "" if (found := dig("pair.test")) == [HERE, BROKEN] else str(found))
    peers = start_peers()
    look_at_all(meridian, CASES, "well")
    check("commands end with the server", meridian.stopped() or eventually(lambda: f"{count}" if (count := sleepers()) else ""))


def main():
    begun = time.monotonic()
    try:
        prepare()
        real_peers()
        hostile.servers(look_at_all)
    except Exception:
        check("the suite comes to its end", traceback.format_exc())
        for log in sorted(WORK.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text()[-1500:]}")
    print(f"\n{world.passed} passed, {world.failed} failed, in {time.monotonic() - begun:.0f} s")
    sys.exit(0 if world.failed == 0 and world.passed > 0 else 1)


main()
