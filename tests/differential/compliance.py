#!/usr/bin/python3
"""Has ISC's compliance report, or RFC 8906, section 8, a remark on Meridian? On NSD and BIND it has none.

Sends the report's queries with dig, as its option -D prints them and as the RFC has them, to all three; the rules
are those of the report (https://gitlab.isc.org/isc-projects/DNS-Compliance-Testing).

    tests/differential/compliance.py [--port N]

Needs dig, nsd and named; named listens only at addresses that an interface has: `ip address add 127.0.0.4/8 dev lo`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dns.name
import dns.rdatatype

import questions
import servers
import zones

ZONE = "example.test"
TEXT = "@ 300 SOA ns hostmaster 1 7200 900 86400 60\n@ 300 NS ns\nns 300 A 192.0.2.1\n"

COOKIE = "+cookie=0102030405060708"
OPTIONS = f"+nsid +subnet=0.0.0.0/0 +expire {COOKIE}"
PLAIN, EDNS, EDNS1 = "+noedns +noad +norec", "+edns=0 +nocookie +noad +norec", "+edns=1 +noednsneg +nocookie +noad +norec"
# Name of the test -> dig's arguments before the zone's name.
REPORT = {
    "dns": f"{PLAIN} SOA",
    "aa": f"{PLAIN} +aaflag SOA",
    "ad": "+noedns +ad +norec SOA",
    "cd": f"{PLAIN} +cd SOA",
    "ra": f"{PLAIN} +raflag SOA",
    "rd": "+noedns +noad +rec SOA",
    "tc": f"{PLAIN} +tcflag SOA",
    "zflag": f"{PLAIN} +zflag SOA",
    "opcode": f"{PLAIN} +header-only +opcode=15",
    "opcodeflg": "+noedns +header-only +opcode=15 +rec +raflag +cd +ad +aaflag +zflag",
    "type666": f"{PLAIN} TYPE666",
    "tcp": f"{PLAIN} +tcp SOA",
    "edns": f"{EDNS} SOA",
    "edns1": f"{EDNS1} SOA",
    "edns@512": f"{EDNS} +dnssec +ignore +bufsize=512 DNSKEY",
    "ednsopt": f"{EDNS} +ednsopt=100 SOA",
    "edns1opt": f"{EDNS1} +ednsopt=100 SOA",
    "do": f"{EDNS} +dnssec SOA",
    "docd": f"{EDNS} +dnssec +cd SOA",
    "edns1do": f"{EDNS1} +dnssec SOA",
    "ednsflags": f"{EDNS} +ednsflags=0x0080 SOA",
    "optlist": f"+edns=0 +noad +norec {OPTIONS} SOA",
    "ednsnsid": f"{EDNS} +nsid SOA",
    "ednscookie": f"+edns=0 +noad +norec {COOKIE} SOA",
    "ednsexpire": f"{EDNS} +expire SOA",
    "ednssubnet": f"{EDNS} +subnet=0.0.0.0/0 SOA",
    "edns1nsid": f"{EDNS1} +nsid SOA",
    "edns1cookie": f"+edns=1 +noednsneg +noad +norec {COOKIE} SOA",
    "edns1expire": f"{EDNS1} +expire SOA",
    "edns1subnet": f"{EDNS1} +subnet=0.0.0.0/0 SOA",
    "ednstcp": f"{EDNS} +dnssec +bufsize=512 +tcp DNSKEY",
    "bind11": f"+edns=0 {COOKIE} +noad +norec +dnssec SOA",
    "dig11": f"+edns=0 {COOKIE} +ad +rec SOA",
}
RFC_8906 = {
    "8.1.1": f"{PLAIN} soa",
    "8.1.2": f"{PLAIN} type1000",
    "8.1.3.1": f"{PLAIN} +cd soa",
    "8.1.3.2": "+noedns +norec +ad soa",
    "8.1.3.3": f"{PLAIN} +zflag soa",
    "8.1.3.4": "+noedns +noad +rec soa",
    "8.1.4": f"{PLAIN} +opcode=15 +header-only",
    "8.1.5": f"{PLAIN} +tcp soa",
    "8.2.1": f"{EDNS} soa",
    "8.2.2": f"{EDNS1} soa",
    "8.2.3": f"{EDNS} +ednsopt=100 soa",
    "8.2.4": f"{EDNS} +ednsflags=0x40 soa",
    "8.2.5": f"{EDNS1} +ednsflags=0x40 soa",
    "8.2.6": f"{EDNS1} +ednsopt=100 soa",
    "8.2.7": f"{EDNS} +dnssec +bufsize=512 +ignore dnskey",
    "8.2.8": f"{EDNS} +dnssec soa",
    "8.2.9": f"{EDNS1} +dnssec soa",
    "8.2.10": f"+edns=0 +noad +norec {OPTIONS} soa",
}
# Known, and none of the report's EDNS part: NSD sends such a header back as it is, with NOTIMP.
NSD_EXCEPT = {"opcodeflg"}


def remarks(asked, said):
    """What the report would say of dig's output; nothing, if all is well."""
    asked = asked.lower()
    header = re.search(r"opcode: (\S+), status: (\S+), id", said)
    if not header:
        return ["timeout"]
    opcode, status = header.groups()
    flags = re.search(r"flags:([^;]*);", said).group(1).split()
    edns = re.search(r"; EDNS: version: (\d+), flags:([^;]*);", said)
    is_query = "+opcode" not in asked
    is_edns, is_version_1 = "+edns=" in asked, "+edns=1" in asked
    has_soa = bool(re.search(r"^[^;].*\tSOA\t", said.split("AUTHORITY SECTION")[0], re.M))
    right = "NOERROR" if is_query else "NOTIMP"
    right = "BADVERS" if is_version_1 else right
    # A server may insist on its cookie (RFC 7873, 5.2.3).
    right = "BADCOOKIE" if "+cookie" in asked and "; COOKIE: " in said and status == "BADCOOKIE" else right
    found = {
        opcode: opcode != ("QUERY" if is_query else "RESERVED15"),
        status: status != right,
        "noopt": is_edns and not edns,
        "opt": bool(edns) and not is_edns,
        "version-not-zero": bool(edns) and edns.group(1) != "0",
        "nosoa": asked.endswith("soa") and not is_version_1 and not has_soa,
        "soa": has_soa and not (asked.endswith("soa") and not is_version_1),
        "noaa": is_query and not is_version_1 and "aa" not in flags,
        "aa": not is_query and "aa" in flags,
        "ra": "ra" in flags,
        "rd": "rd" in flags and not (is_query and "+rec" in asked),
        "nord": "rd" not in flags and is_query and "+rec" in asked,
        "ad": "ad" in flags and not (is_query and ("+ad" in asked or "+dnssec" in asked)),
        "cd": "cd" in flags and not (is_query and "+cd" in asked),
        "z": "MBZ: 0x4" in said,
        "mbz": "MBZ: 0x" in said,
        "nodo": "+dnssec" in asked and bool(edns) and not is_version_1 and "do" not in edns.group(2).split(),
        "echoed": "OPT=100" in said,
        "malformed": "malformed" in said or "WARNING" in said.replace("WARNING: recursion requested", ""),
    }
    return [remark for remark, is_made in found.items() if is_made]


def dig(server, arguments):
    """Verbatim, but for how long it waits."""
    address, port = server.where
    zone = [] if "+header-only" in arguments else [ZONE]
    command = ["dig", "+tries=2", "+time=3", "-p", str(port), *arguments.split(), *zone, f"@{address}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=53)
    port = parser.parse_args().port
    zone = zones.Zone(dns.name.from_text(ZONE), TEXT)
    failures = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(4) as pool:
        running = []
        try:
            for configure in (servers.meridian, servers.nsd, servers.bind):
                running.append(servers.Server(configure, Path(folder), port, [zone]))
            for server in running:
                server.wait_for(questions.Question(zone.apex, dns.rdatatype.SOA).to_wire(1))
            for title, tests in (("ISC's compliance report", REPORT), ("RFC 8906, section 8", RFC_8906)):
                for server in running:
                    names = [name for name in tests if server.name != "nsd" or name not in NSD_EXCEPT]
                    outputs = pool.map(lambda name: dig(server, tests[name]), names)
                    told = {name: remarks(tests[name], said) for name, said in zip(names, outputs)}
                    bad = {name: remarks for name, remarks in told.items() if remarks}
                    failures += len(bad)
                    print(f"{title}: {server.name}: {len(told) - len(bad)} of {len(told)} ok {bad or ''}")
        finally:
            for server in running:
                server.stop()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
