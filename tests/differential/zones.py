"""Which zones are served? Random ones, that every server under test must accept, and those in `zones/`."""

import base64
import random
from dataclasses import dataclass, field
from pathlib import Path

import dns.name
import dns.rdatatype

LABELS = ["a"] * 6 + ["b"] * 6 + ["c"] * 3 + ["ns"] * 2 + ["*"] * 3 + ["_tcp", "B", "\\042"]
# Octets that need escapes, the longest label, one that looks like a pointer.
ODD_LABELS = ["\\000", "q\\.r", "\\200\\255", "\\@", "x" * 63, "\\092", "\\192\\012", "sp\\032ace", "\\;"]
OUTSIDE = ["www.example.net.", "a.example.", "."]
TTLS = [0, 1, 60, 300, 86400, 2147483647]

# Where in the data of which types the name is.
NAMING = {"NS": 0, "CNAME": 0, "DNAME": 0, "PTR": 0, "MX": 1, "SVCB": 1, "HTTPS": 1, "SRV": 3}


@dataclass
class Zone:
    """A zone as text, and its names for those who ask."""

    apex: dns.name.Name
    text: str
    # What stands at a name: types as text.
    owners: dict[dns.name.Name, set[str]] = field(default_factory=dict)
    # Names that data mention.
    targets: list[dns.name.Name] = field(default_factory=list)

    def note(self, owner, rtype, targets=()):
        self.owners.setdefault(dns.name.from_text(owner, self.apex), set()).add(rtype)
        self.targets += [dns.name.from_text(target, self.apex) for target in targets]


def read(apex, text):
    """A zone of one record a line, of owner, TTL, type and data."""
    zone = Zone(dns.name.from_text(apex), text)
    for line in text.splitlines():
        if line and not line.startswith((";", "$")):
            owner, _, rtype, *data = line.split()
            zone.note(owner, rtype, [data[NAMING[rtype]]] if rtype in NAMING else [])
    return zone


def handmade(folder: Path):
    """The files of a folder; their names are those of the zones."""
    paths = sorted(folder.glob("*.zone"))
    return [read(path.name.removesuffix(".zone").removeprefix("root"), path.read_text()) for path in paths]


def large():
    """RRsets at and past the limits of 512 and 1232 octets, and answers that only TCP carries."""
    lines = ["@ 300 SOA ns hostmaster 1 7200 900 86400 60", "@ 300 NS ns", "ns 300 A 192.0.2.1"]
    for count in (28, 29, 30, 31, *range(70, 77), 300):
        lines += [f"a{count} 300 A 10.0.{n // 256}.{n % 256}" for n in range(count)]
    for octets in (400, *range(440, 475, 5), *range(1150, 1200, 5)):
        strings = ['"' + "t" * min(255, octets - at) + '"' for at in range(0, octets, 256)]
        lines.append(f"t{octets} 300 TXT {' '.join(strings)}")
    for n in range(30):
        lines += [f"mx 300 MX {n} host{n}", f"host{n} 300 A 192.0.2.{n + 10}"]
    for length in range(0, 40, 4):
        lines += [f"edge{'x' * length} 300 MX {n} host{n}" for n in range(12, 24)]
    lines += [f"host{n} 300 AAAA 2001:db8::{n}" for n in range(4)]
    lines += ["alias 300 CNAME t1190", "wide-alias 300 CNAME a300"]
    for n in range(14):
        server = f"ns{n}.a-rather-long-label-to-fill-the-message-soon.cut"
        lines += [f"cut 300 NS {server}", f"{server} 300 AAAA 2001:db8::{n}"]
    return read("large.example.", "\n".join(lines) + "\n")


def random_zones(rng, count):
    """Independent zones, some of which have another one below them."""
    zones = []
    while len(zones) < count:
        apex = dns.name.from_text(rng.choice(["z%d.test.", "Z%d.Sub.Test."]) % len(zones))
        parent = RandomZone(rng, apex).zone
        zones.append(parent)
        if rng.random() < 0.4:
            plain = [name for name in parent.owners if name != apex and b"*" not in name.labels]
            # NSD refuses what one of the two has below a DNAME of the other.
            dnames = [name for name in parent.owners if "DNAME" in parent.owners[name]]
            below = rng.choice([name for name in plain if not any(dname.is_subdomain(name) for dname in dnames)])
            zones.append(RandomZone(rng, below, dnames=0).zone)
    return zones


class RandomZone:
    def __init__(self, rng, apex, dnames=0.06):
        self.rng = rng
        self.zone = Zone(apex, "")
        self.lines = []
        names = [self.relative() for _ in range(rng.randint(3, 28))]
        self.names = sorted({self.key(name): name for name in names}.values())
        # Decided before any record is: what is below a cut or a DNAME depends on them.
        is_plain = lambda name: "*" not in name and "\\042" not in name
        self.cuts = [name for name in self.names if is_plain(name) and rng.random() < 0.12]
        self.dnames = [n for n in self.names if is_plain(n) and n not in self.cuts and rng.random() < dnames]
        self.write()

    def relative(self):
        count = self.rng.choice([1, 1, 2, 2, 3, 4])
        pools = [ODD_LABELS if self.rng.random() < 0.06 else LABELS for _ in range(count)]
        return ".".join(self.rng.choice(pool) for pool in pools)

    def write(self):
        negative, soa = self.rng.choice(TTLS), self.rng.choice(TTLS)
        self.add("@", soa, "SOA", f"ns hostmaster.example.net. 1 7200 900 86400 {negative}")
        self.rrset("@", "NS", ["ns.a", "ns.example.net."])
        self.some("@", ["MX", "TXT", "A", "AAAA", "CAA", "TYPE65280", "HTTPS"])
        self.rrset("host-a", "A", ["192.0.2.70"])
        self.rrset("host-b", "AAAA", ["2001:db8::70"])
        for name in self.names:
            if not any(self.is_below(name, dname) for dname in self.dnames):
                self.node(name)
        self.zone.text = "\n".join(self.lines) + "\n"

    def node(self, name):
        if name in self.cuts:
            return self.delegation(name)
        if name in self.dnames:
            self.rrset(name, "DNAME", [self.target()])
            return self.some(name, ["A", "TXT", "MX"])
        kind = self.rng.random()
        if kind < 0.2:
            return self.rrset(name, "CNAME", [self.target()])
        if kind < 0.26:
            texts = [f'"{i} ' + "t" * self.rng.randint(100, 250) + '"' for i in range(self.rng.randint(2, 25))]
            return self.rrset(name, "TXT", texts)
        return self.some(name, list(DATA))

    def delegation(self, name):
        top = min([cut for cut in self.cuts if name == cut or self.is_below(name, cut)], key=len)
        glue = f"glue.{top}"
        servers = {self.target() for _ in range(self.rng.randint(1, 3))}
        # A server at or below the cut must have an address: without, the zone is refused.
        servers = {glue if self.key(s) == self.key(top) or self.is_below(s, top) else s for s in servers}
        self.rrset(name, "NS", sorted(servers - {"."}) or [glue])
        if self.rng.random() < 0.4:
            self.rrset(name, "DS", ["1 13 2 " + "5f" * 32])
        if top == name and glue not in self.names:
            self.rrset(glue, "A", ["192.0.2.99", "192.0.2.98"][: self.rng.randint(1, 2)])
            if self.rng.random() < 0.6:
                self.rrset(glue, "AAAA", ["2001:db8::99"])

    def some(self, name, types):
        for rtype in self.rng.sample(types, self.rng.randint(1, min(4, len(types)))):
            self.rrset(name, rtype, DATA[rtype](self))

    def rrset(self, owner, rtype, data):
        ttl = self.rng.choice(TTLS)
        for value in data:
            self.add(owner, ttl, rtype, value)

    def add(self, owner, ttl, rtype, data):
        self.lines.append(f"{owner} {ttl} IN {rtype} {data}")
        self.zone.note(owner, rtype, [data.split()[NAMING[rtype]]] if rtype in NAMING else [])

    def target(self):
        place = self.rng.random()
        if place < 0.1:
            return self.rng.choice(OUTSIDE)
        if place < 0.14:
            return "@"
        if place < 0.6:
            return self.rng.choice(self.names)
        return self.relative()

    def key(self, name):
        return dns.name.from_text(name, self.zone.apex)

    def is_below(self, name, above):
        name, above = self.key(name), self.key(above)
        return name != above and name.is_subdomain(above)


# What services name: hosts without services, since Knot 3.2.6 dies of some circles of SVCB records.
HOSTS = [".", "www.example.net.", "host-a", "host-b", "host-c"]


def several(make):
    def data(zone):
        values = [make(zone, zone.rng) for _ in range(zone.rng.choice([1, 1, 2, 5]))]
        # Names that differ in case only are the same data.
        return list({value.lower(): value for value in values}.values())

    return data


DATA = {
    "A": several(lambda z, r: f"192.0.2.{r.randint(1, 40)}"),
    "AAAA": several(lambda z, r: f"2001:db8::{r.randint(1, 40):x}"),
    "TXT": several(lambda z, r: f'"{"t" * r.randint(0, 255)}" "\\000\\"{r.randint(0, 99)}"'),
    "MX": several(lambda z, r: f"{r.randint(0, 3)} {z.target()}"),
    "SRV": several(lambda z, r: f"{r.randint(0, 3)} 1 53 {z.target()}"),
    "PTR": several(lambda z, r: z.target()),
    "CAA": several(lambda z, r: f'0 issue "ca{r.randint(0, 9)}.example.net"'),
    "HTTPS": several(lambda z, r: f"{r.randint(1, 3)} {r.choice(HOSTS)}"),
    "SVCB": several(lambda z, r: f'{r.randint(1, 3)} {r.choice(HOSTS)} port=53'),
    "SSHFP": several(lambda z, r: f"4 2 {r.randbytes(32).hex()}"),
    "TLSA": several(lambda z, r: f"3 1 1 {r.randbytes(32).hex()}"),
    "NAPTR": several(lambda z, r: f'{r.randint(0, 9)} 2 "u" "s" "" {z.target()}'),
    "HINFO": several(lambda z, r: f'"cpu{r.randint(0, 9)}" "os"'),
    "LOC": several(lambda z, r: f"{r.randint(0, 89)} 30 1.5 N 8 {r.randint(0, 59)} 0 W {r.randint(-99, 999)}m 10m 100m 2m"),
    "URI": several(lambda z, r: f'{r.randint(0, 9)} 1 "https://example.net/{r.randint(0, 9)}"'),
    "EUI48": several(lambda z, r: "-".join(f"{octet:02x}" for octet in r.randbytes(6))),
    "OPENPGPKEY": several(lambda z, r: base64.b64encode(r.randbytes(30)).decode()),
    "CDS": several(lambda z, r: f"{r.randint(0, 9)} 13 2 {r.randbytes(32).hex()}"),
    "RP": several(lambda z, r: f"{z.target()} {z.target()}"),
    "TYPE65280": several(lambda z, r: f"\\# 5 c00c{r.randbytes(3).hex()}"),
}
