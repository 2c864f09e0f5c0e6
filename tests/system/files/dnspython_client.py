#!/usr/bin/python3
"""Asks a server by dnspython, which refuses what is not well-formed; says "ok", or what is wrong."""

import socket
import struct
import sys

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

SERVER = sys.argv[1]
ZONE = "gslb.example.com."


def both(name, rtype, **edns):
    """By UDP and by TCP: the same, unless UDP truncates."""
    query = dns.message.make_query(name, rtype, **edns)
    by_udp = dns.query.udp(query, SERVER, timeout=5)
    by_tcp = dns.query.tcp(query, SERVER, timeout=5)
    assert by_tcp.rcode() == by_udp.rcode() and not by_tcp.flags & dns.flags.TC
    if not by_udp.flags & dns.flags.TC and "www" not in name:
        assert by_udp.answer == by_tcp.answer and by_udp.authority == by_tcp.authority
    return by_tcp


def several_in_one_segment(count):
    """The answers to queries that come together may come in any order (RFC 7766, 6.2.1.1)."""
    queries = [dns.message.make_query(f"n{n}.{ZONE}", "A") for n in range(count)]
    octets = b"".join(struct.pack("!H", len(q.to_wire())) + q.to_wire() for q in queries)
    with socket.create_connection((SERVER, 53), 5) as connection:
        connection.sendall(octets)
        waiting = {query.id: query for query in queries}
        while waiting:
            (length,) = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))
            answer = dns.message.from_wire(connection.recv(length, socket.MSG_WAITALL))
            assert waiting.pop(answer.id).is_response(answer)


def main():
    for rtype in ("SOA", "NS", "A", "AAAA", "MX", "DS", "DNSKEY", "ANY", "TYPE65280", "HTTPS", "CAA"):
        for name in (ZONE, f"www.{ZONE}", f"alias.{ZONE}", f"large.{ZONE}", f"nothing.{ZONE}", f"a.app.{ZONE}"):
            both(name, rtype)
            both(name, rtype, use_edns=0, payload=512, want_dnssec=True)
    assert both("www.example.org.", "A").rcode() == dns.rcode.REFUSED
    subnet = dns.edns.ECSOption("8.8.8.0", 24)
    answer = both(f"www.{ZONE}", "A", use_edns=0, options=[subnet])
    assert [(option.address, option.srclen) for option in answer.options if option.otype == 8] == [("8.8.8.0", 24)]
    unknown = dns.edns.GenericOption(65001, b"octets")
    assert not both(ZONE, "SOA", use_edns=0, options=[unknown]).options
    several_in_one_segment(50)


try:
    main()
    print("ok")
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    raise
