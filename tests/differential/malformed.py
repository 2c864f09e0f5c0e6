#!/usr/bin/python3
"""What do Meridian, NSD and BIND say to what is no proper query?

Sends messages made of right and wrong parts to all three by UDP, and to Meridian by TCP, too. Meridian has to say
nothing, or what belongs to the question; it has to answer the next proper query; what the others say is printed
beside it, for information.

    tests/differential/malformed.py [--seed N] [--messages N] [--port N]
"""

import argparse
import collections
import random
import sys
import tempfile
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

import questions
import servers
import zones

TEXT = "@ 300 SOA ns hostmaster 1 7200 900 86400 60\n@ 300 NS ns\nns 300 A 192.0.2.1\n"
ZONE = zones.Zone(dns.name.from_text("example.test."), TEXT)
NAMES = [b"\7example\4test\0"] * 6 + [b"\2ns\7EXAMPLE\4test\0", b"\1x\7example\4test\0", b"\0", b"\3www\7example\3net\0"]
NO_NAMES = [
    b"\xc0\x0c",  # a pointer to itself
    b"\xc0\x0e\xc0\x0c",  # two in a circle
    b"\1a\xc0\x0c",  # to the label before it
    b"\xc0\x00",  # into the header
    b"\xff\xff",  # past the end
    b"\x41\x08abcdefgh\0",  # a label of a kind that nobody has (RFC 6891, 5)
    b"\x80\0",
    b"\x3fabc",  # a label past the end
    (b"\x3f" + b"x" * 63) * 4 + b"\0",  # 257 octets
    b"\1x" * 128 + b"\0",
]
TYPES = [1, 6, 2, 41, 249, 250, 251, 252, 253, 254, 255, 0, 65280]
CLASSES = [1] * 6 + [0, 3, 4, 254, 255, 256]
OPTIONS = [b"\0\3\0\0", b"\0\x0a\0\x08abcdefgh", b"\0\x0a\0\1a", b"\0\x08\0\4\0\1\x21\0", b"\0\x64\0\1", b"\xfd", b"\0\x0b\0\0"]


def message(rng):
    """A message of right and wrong parts, whose ID is 1."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randint(0, 11))
    opcode = rng.randrange(16) if rng.random() < 0.2 else 0
    is_response = rng.random() < 0.05
    counts = [1, 0, 0, rng.choice([0, 1, 1, 2])]
    if rng.random() < 0.15:
        counts[rng.randrange(4)] = rng.randint(0, 3)
    body = b"".join(question(rng) for _ in range(counts[0])) + b"".join(record(rng) for _ in range(sum(counts[1:])))
    if rng.random() < 0.1:
        counts[rng.randrange(4)] += rng.choice([1, 2, 255, 65533])
    header = bytes([0, 1, is_response << 7 | opcode << 3 | rng.choice([0, 1, 1, rng.randrange(8)]), rng.choice([0, 0x10, 0x20, rng.randrange(256)])])
    octets = header + b"".join((count % 65536).to_bytes(2, "big") for count in counts) + body
    octets += rng.randbytes(rng.randint(1, 9)) if rng.random() < 0.07 else b""
    return octets[: rng.randint(0, len(octets))] if rng.random() < 0.07 else octets


def name(rng):
    return rng.choice(NO_NAMES if rng.random() < 0.1 else NAMES)


def question(rng):
    return name(rng) + rng.choice(TYPES).to_bytes(2, "big") + rng.choice(CLASSES).to_bytes(2, "big")


def record(rng):
    owner = b"\0" if rng.random() < 0.7 else name(rng)
    rtype = 41 if rng.random() < 0.6 else rng.choice([250, 1, 6, 65280])
    ttl = rng.choice([0, 0, 0x8000, 0x10000, 0x00FF0000])
    data = b"".join(rng.choice(OPTIONS) for _ in range(rng.choice([0, 0, 1, 2])))
    length = len(data) + (rng.choice([1, 255, 65000]) if rng.random() < 0.05 else 0)
    return owner + rtype.to_bytes(2, "big") + b"\4\xd0" + ttl.to_bytes(4, "big") + (length % 65536).to_bytes(2, "big") + data


PROBE = questions.Question(ZONE.apex, dns.rdatatype.SOA).to_wire(0xFFFF)


def ask(server, octets, is_tcp):
    """The answer, or None: then the query behind it is answered, or TCP is closed before."""
    if is_tcp:
        return ask_tcp(server, octets)
    server.udp.send(octets)
    server.udp.send(PROBE)
    first = server.udp.recv(65535)
    if first[:2] == PROBE[:2]:
        return None
    assert server.udp.recv(65535)[:2] == PROBE[:2]
    return first


def ask_tcp(server, octets):
    try:
        first = server.ask_tcp(octets + len(PROBE).to_bytes(2, "big") + PROBE, len(octets))
        if first[:2] == PROBE[:2]:
            return None
        # Answers may come in any order.
        second = server.exactly(int.from_bytes(server.exactly(2), "big"))
        return first if second[:2] == PROBE[:2] else second
    except ConnectionError:
        return None
    finally:
        server.hang_up()


def as_query(octets):
    """As if the opcode were QUERY: dnspython reads no others that it does not know."""
    return octets[:2] + bytes([octets[2] & 0x87]) + octets[3:]


def wrong(octets, reply):
    """What is wrong with what Meridian said."""
    may_be_answered = len(octets) >= 12 and not octets[2] & 0x80
    if reply is None or not may_be_answered:
        return "answered" if reply else "not answered" if may_be_answered else None
    if reply[:2] != octets[:2] or reply[2] & 0xF8 != 0x80 | octets[2] & 0x78:
        return "not the query's ID, QR and opcode"
    try:
        said = dns.message.from_wire(as_query(reply))
    except dns.exception.DNSException as error:
        return f"not to be read: {error!r}"
    try:
        asked = dns.message.from_wire(as_query(octets), question_only=True).question if octets[4:6] == b"\0\1" else None
    except dns.exception.DNSException:
        asked = None
    if said.question and said.question != asked or asked and not said.question and octets[12] < 0xC0 and b"\xc0" not in octets:
        return "not the query's question"
    return None


def outcome(reply):
    if reply is None:
        return "dropped"
    try:
        return dns.rcode.to_text(dns.message.from_wire(as_query(reply), ignore_trailing=True).rcode())
    except dns.exception.DNSException:
        return dns.rcode.to_text(reply[3] & 15)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--port", type=int, default=53)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    rng = random.Random(arguments.seed)
    failures = 0
    said = collections.Counter()
    examples = {}
    with tempfile.TemporaryDirectory() as folder:
        running = []
        try:
            for configure in (servers.meridian, servers.nsd, servers.bind):
                running.append(servers.Server(configure, Path(folder), arguments.port, [ZONE]))
            for server in running:
                server.wait_for(PROBE)
            for number in range(arguments.messages):
                octets = message(rng)
                told = [ask(server, octets, False) for server in running]
                outcomes = tuple(outcome(reply) for reply in told)
                said[outcomes] += 1
                examples.setdefault(outcomes, octets.hex())
                by_tcp = ask(running[0], octets, True) if number % 4 == 0 and octets else told[0]
                for reply in (told[0], by_tcp):
                    if why := wrong(octets, reply):
                        failures += 1
                        print(f"FAIL {why}: {octets.hex()} got {reply and reply.hex()}")
        finally:
            for server in running:
                server.stop()
    print(f"{'':7} {'meridian':9} {'nsd':9} {'bind':9} for example")
    for outcomes, count in said.most_common():
        print(f"{count:6}  {outcomes[0]:9} {outcomes[1]:9} {outcomes[2]:9} {examples[outcomes][:80]}")
    print(f"{arguments.messages} messages, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
