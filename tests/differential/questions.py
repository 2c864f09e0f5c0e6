"""What is asked of a zone: names that are there, between, below, beside and outside; types that are there and not."""

from dataclasses import dataclass

import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype

TYPES = """A AAAA NS SOA CNAME DNAME MX TXT SRV PTR DS ANY CAA HTTPS SVCB NAPTR DNSKEY RRSIG NSEC NSEC3PARAM
           CDS TLSA SSHFP HINFO RP LOC TYPE65280 TYPE999""".split()
BESIDE = ["x.y", "*", "www"]
# What everyone is told to send at most.
PAYLOAD_MAX = 1232


@dataclass(frozen=True)
class Question:
    name: dns.name.Name
    rtype: int
    is_tcp: bool = True
    # Octets that EDNS says; None without EDNS.
    payload: int | None = None
    do: bool = False
    flags: int = 0

    def to_wire(self, id):
        """As octets; built here, since a message of dnspython would take as long as the rest."""
        flags = self.flags.to_bytes(2, "big")
        additional = 0 if self.payload is None else 1
        header = id.to_bytes(2, "big") + flags + bytes([0, 1, 0, 0, 0, 0, 0, additional])
        question = self.name.to_wire() + self.rtype.to_bytes(2, "big") + b"\0\1"
        return header + question + self.opt()

    def opt(self):
        if self.payload is None:
            return b""
        return b"\0\0\x29" + self.payload.to_bytes(2, "big") + b"\0\0" + bytes([self.do << 7, 0, 0, 0])

    @property
    def limit(self):
        """Octets that an answer may have, of servers that are told to send no more than PAYLOAD_MAX."""
        if self.is_tcp:
            return 65535
        return 512 if self.payload is None else min(max(self.payload, 512), PAYLOAD_MAX)

    def __str__(self):
        """As one types it for dig."""
        edns = "+noedns" if self.payload is None else f"+bufsize={self.payload}"
        options = [edns, "+norec", "+ignore"] + ["+tcp"] * self.is_tcp + ["+dnssec"] * self.do
        return f"{self.name} {dns.rdatatype.to_text(self.rtype)} {' '.join(options)}"


def names(zone):
    """All names worth asking, and why not: owners, what lies above, below and beside them, targets."""
    found = set(zone.owners) | {name for name in zone.targets if len(name) > 1}
    for name in list(found):
        above = name
        while above != zone.apex and above.is_subdomain(zone.apex):
            found.add(above)
            above = above.parent()
        for labels in BESIDE:
            for base in (name, above):
                try:
                    found.add(dns.name.from_text(labels, base))
                except dns.name.NameTooLong:
                    pass
    return sorted(found)


def random_question(rng, zone, among):
    """One question; often for a type that is there, seldom in a plain way."""
    there = list(zone.owners)
    name = rng.choice(there if rng.random() < 0.4 else among)
    types = sorted(zone.owners.get(name, []))
    rtype = rng.choice(types if types and rng.random() < 0.5 else TYPES)
    if rng.random() < 0.3:
        name = dns.name.Name(label.upper() for label in name.labels)
    flags = sum(flag for flag in (dns.flags.RD, dns.flags.CD, dns.flags.AD) if rng.random() < 0.3)
    payload = rng.choice([None, None, 0, 100, 512, 513, 700, 1232, 1233, 4096, 65535])
    is_do = payload is not None and rng.random() < 0.4
    return Question(name, dns.rdatatype.from_text(rtype), rng.random() < 0.3, payload, is_do, flags)


def every_question(zone, among):
    """Each name, with the types that it has and those that are treated in their own way."""
    for name in among:
        there = zone.owners.get(name, set())
        for rtype in sorted(there | {"A", "NS", "DS", "ANY", "CNAME", "MX"}):
            number = dns.rdatatype.from_text(rtype)
            yield Question(name, number)
            if there:
                yield Question(name, number, is_tcp=False)
                yield Question(name, number, is_tcp=False, payload=PAYLOAD_MAX, do=True)
