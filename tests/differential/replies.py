"""What an answer says, without what is everyone's own business: order within RRsets, letters' case, compression."""

from dataclasses import dataclass

import dns.flags
import dns.message
import dns.opcode
import dns.rdata
import dns.rdatatype

FIELDS = ("rcode", "aa", "tc", "header", "edns", "answer", "authority", "additional")


@dataclass
class Reply:
    octets: int
    rcode: int
    aa: bool
    tc: bool
    # Opcode, flags that are neither AA nor TC, and the question, octet by octet.
    header: tuple
    # Version and DO; None without OPT.
    edns: tuple | None
    # RRsets in order: (owner, type, TTL, data...).
    answer: list
    authority: list
    additional: list


def read(wire):
    """Reads an answer; raises dns.exception.DNSException for what is none."""
    message = dns.message.from_wire(wire, one_rr_per_rrset=True)
    other_flags = message.flags & ~(dns.flags.AA | dns.flags.TC) & ~0xF
    question = [(rrset.name.labels, rrset.rdtype, rrset.rdclass) for rrset in message.question]
    return Reply(
        octets=len(wire),
        rcode=message.rcode(),
        aa=bool(message.flags & dns.flags.AA),
        tc=bool(message.flags & dns.flags.TC),
        header=(message.opcode(), other_flags, question),
        edns=(message.edns, message.ednsflags & 0x80FF0000 >> 16) if message.edns >= 0 else None,
        answer=sets(message.answer),
        authority=sorted(sets(message.authority)),
        additional=sorted(sets(message.additional)),
    )


def sets(section):
    """The RRsets of a section. One that is torn apart is two; a record that comes twice is twice there."""
    found = []
    for rrset in section:
        key = (rrset.name.canonicalize().to_text(), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl)
        if not found or found[-1][0] != key:
            found.append((key, []))
        found[-1][1].extend(data(rdata) for rdata in rrset)
    return [(*key, *sorted(values)) for key, values in found]


def data(rdata):
    """In canonical form, as text: the case of letters in names means nothing (RFC 4343, 3)."""
    if rdata.rdtype in (dns.rdatatype.SVCB, dns.rdatatype.HTTPS):
        # Not in canonical form by the standard, since the types are younger than it (RFC 6840, 5.1).
        rdata = rdata.replace(target=rdata.target.canonicalize())
    wire = rdata.to_digestable()
    return dns.rdata.from_wire(rdata.rdclass, rdata.rdtype, wire, 0, len(wire)).to_text()


def differing(ours, theirs):
    return {field for field in FIELDS if getattr(ours, field) != getattr(theirs, field)}
