"""The differences that remain, and the sentence of the standard that decides each of them.

An entry says which fields of which answers it explains; a difference in any other field is a failure, and so is
an entry that explains nothing in a whole run: then it is to be removed.
"""

from dataclasses import dataclass
from typing import Callable

import dns.flags
import dns.name
import dns.rdatatype

import replies

NOERROR, NXDOMAIN, REFUSED = 0, 3, 5


@dataclass
class Case:
    server: str
    question: object
    zones: list
    ours: replies.Reply
    theirs: replies.Reply
    fields: set
    # Asks Meridian the same by TCP.
    whole: Callable[[], replies.Reply]


@dataclass
class Difference:
    title: str
    reason: str
    explains: Callable[[Case], set]
    count: int = 0


DIFFERENCES = []


def difference(reason):
    """Lists a function that says which fields of a case it explains."""

    def listed(explains):
        title = explains.__name__.replace("_", " ")
        DIFFERENCES.append(Difference(title, reason, explains))
        return explains

    return listed


def unexplained(case):
    """The fields that differ and should not."""
    left = set(case.fields)
    for entry in DIFFERENCES:
        explained = (entry.explains(case) or set()) & left
        if explained:
            entry.count += 1
            left -= explained
        if not left:
            break
    return left


# --- what the questions and answers are about ---------------------------------------------------


def apexes_above(case, name):
    return [zone.apex for zone in case.zones if name.is_subdomain(zone.apex)]


def is_served_by_several(case, name):
    return len(apexes_above(case, name)) > 1


def owners(sets):
    return {rrset[0] for rrset in sets}


def of_type(sets, rtype):
    return [rrset for rrset in sets if rrset[1] == rtype]


def is_subset(some, of):
    return all(rrset in of for rrset in some)


def ancestors(name):
    """The name and all above it."""
    return [name] + (ancestors(name.parent()) if len(name) > 1 else [])


def exists(zone, name):
    """An owner, or an empty non-terminal."""
    return any(owner.is_subdomain(name) for owner in zone.owners)


def is_part_of(reply, whole):
    sections = ("answer", "authority", "additional")
    return all(is_subset(getattr(reply, name), getattr(whole, name)) for name in sections)


def has_alias(reply):
    return bool(of_type(reply.answer, "CNAME"))


# --- the table ----------------------------------------------------------------------------------


@difference(
    "RFC 4035, 3: a security-aware name server MUST copy the CD bit from a query into the corresponding response; 3.1.6"
    " has it cleared, but with SHOULD only, and ISC's compliance report remarks on its absence."
)
def cd_comes_back(case):
    ours, theirs = case.ours.header, case.theirs.header
    if ours == (theirs[0], theirs[1] | dns.flags.CD, theirs[2]) and case.question.flags & dns.flags.CD:
        return {"header"}


@difference("RFC 8482, 4.1: a responder may provide a subset of the available RRsets to a query for ANY.")
def any_is_answered_with_one_rrset(case):
    if case.question.rtype != dns.rdatatype.ANY or not (len(case.ours.answer) == 1 or case.ours.tc):
        return None
    # NSD, too, gives one, but another.
    if case.server == "nsd" or is_subset(case.ours.answer, case.theirs.answer):
        return {"answer", "additional", "authority", "tc"}


@difference(
    "RFC 1034, 4.3.2: no step of the algorithm puts the zone's NS records into the authority section of an answer;"
    " RFC 1034, 6.2.1 shows one without."
)
def nsd_adds_the_nameservers_to_answers(case):
    ours, theirs = case.ours, case.theirs
    if case.server != "nsd" or not theirs.answer or ours.authority or len(theirs.authority) != 1:
        return None
    owner, rtype, _, *servers = theirs.authority[0]
    is_apex = rtype == "NS" and any(zone.apex.canonicalize().to_text() == owner for zone in case.zones)
    extra = [rrset for rrset in theirs.additional if rrset not in ours.additional]
    if is_apex:
        # What else is additional is another entry's business.
        return {"authority", "additional"} if owners(extra) <= set(servers) else {"authority"}


def targets(sets):
    return [dns.name.from_text(rrset[3]) for rrset in of_type(sets, "CNAME")]


@difference(
    "RFC 1034, 4.3.2, 3a: change QNAME to the canonical name and go back to step 1, where the nearest zone is looked"
    " for; Knot stays in the zone that it began in."
)
def knot_does_not_follow_aliases_into_other_zones(case):
    if case.server == "knot" and any(is_served_by_several(case, target) for target in targets(case.ours.answer)):
        return {"answer", "authority", "additional", "rcode", "aa", "tc"}


@difference(
    "RFC 2181, 5.4.1: only data of the zones that the question is about is trusted; where a chain leaves them for another"
    " zone of the server, a client has to ask for itself, and NSD's further records only cost room."
)
def nsd_follows_aliases_into_zones_that_are_not_below(case):
    begin = max(apexes_above(case, case.question.name), key=len, default=None)
    last = targets(case.ours.answer)[-1:]
    if case.server != "nsd" or begin is None or not last or last[0].is_subdomain(begin):
        return None
    if apexes_above(case, last[0]) and is_subset(case.ours.answer, case.theirs.answer):
        return {"answer", "authority", "additional", "rcode", "tc"}


@difference(
    "RFC 1034, 3.6.2: a CNAME restarts the query unless its type is CNAME; those types that may stand beside it"
    " (RFC 4034, 3) are asked of the canonical name all the same where it has none of them."
)
def knot_does_not_follow_aliases_for_rrsig_and_nsec(case):
    if case.server == "knot" and case.question.rtype in (dns.rdatatype.RRSIG, dns.rdatatype.NSEC) and has_alias(case.ours):
        return {"answer", "authority", "additional", "rcode", "aa", "tc"}


@difference(
    "RFC 4035, 3.1.4.1: a server with authority for the child and not for the parent MUST return an authoritative"
    " no data response from the child; an ancestor that does not delegate that very name is not the parent."
)
def ds_of_a_zone_whose_parent_is_not_here(case):
    name = case.question.name
    if case.question.rtype != dns.rdatatype.DS or name not in (zone.apex for zone in case.zones):
        return None
    above = [zone for zone in case.zones if name.is_subdomain(zone.apex) and zone.apex != name]
    parent = max(above, key=lambda zone: len(zone.apex))
    cuts = [cut for cut in ancestors(name) if cut != parent.apex and "NS" in parent.owners.get(cut, ())]
    if cuts[-1:] != [name] and case.ours.aa and not case.ours.answer:
        return {"aa", "answer", "authority", "additional", "rcode"}


@difference(
    "RFC 1034, 3.6.2: CNAME loops are an error, and an answer that has gone round once has said everything;"
    " RFC 2181, 5: no RRset has the same record twice."
)
def circles_of_aliases_end_where_they_close(case):
    chain, theirs = case.ours.answer, case.theirs.answer
    aliases = of_type(theirs, "CNAME")
    is_circle = aliases and aliases[-1][3] in owners(aliases) and len(aliases) == len(theirs)
    if is_circle and chain and [rrset[0] for rrset in theirs[: len(chain)]] == [rrset[0] for rrset in chain]:
        return {"answer", "authority", "additional"}


@difference(
    "RFC 4592, 3.3.1: closest encloser and wildcard are names of the zone; NSD keeps one tree of names for all zones, so"
    " that what the upper one has below its cut counts in the lower one."
)
def nsd_takes_names_of_the_upper_zone_for_names_of_the_lower(case):
    zones = [zone for zone in case.zones if case.question.name.is_subdomain(zone.apex)]
    if case.server != "nsd" or len(zones) < 2 or not case.theirs.aa:
        return None
    lowest = max(zones, key=lambda zone: len(zone.apex))
    name = case.question.name
    while not exists(lowest, name):
        wildcard = dns.name.Name([b"*"]) + name.parent()
        if any(exists(zone, name) or exists(zone, wildcard) for zone in zones if zone is not lowest):
            return {"rcode", "answer", "authority", "additional"}
        name = name.parent()


@difference(
    "RFC 1034, 4.3.2, 6: add other RRs which may be useful; what is useful is up to the server, and addresses that a"
    " wildcard would give are one question away."
)
def addresses_from_wildcards_come_along(case):
    extra = [rrset for rrset in case.theirs.additional if rrset not in case.ours.additional]
    known = {owner.canonicalize().to_text() for zone in case.zones for owner in zone.owners}
    are_synthesised = all(owner not in known or owner.startswith("*.") for owner in owners(extra))
    if extra and is_subset(case.ours.additional, case.theirs.additional) and are_synthesised:
        return {"additional"}


@difference("RFC 2181, 5: no RRset has the same record twice, and one copy of an address is enough for all who name it.")
def knot_repeats_the_addresses_of_hosts_that_are_named_twice(case):
    once = lambda sets: sorted(set(sets))
    repeated = len(once(case.theirs.additional)) < len(case.theirs.additional)
    if case.server == "knot" and repeated and once(case.theirs.additional) == case.ours.additional:
        return {"additional"}


@difference(
    "RFC 1034, 4.2.1: glue is only used as part of a referral; NSD leaves out what lies below a cut from other answers."
    " RFC 1034, 4.3.2, 6, lets a server add what may be useful."
)
def addresses_below_a_cut_come_along(case):
    extra = [rrset for rrset in case.ours.additional if rrset not in case.theirs.additional]
    is_below = lambda owner: any(
        "NS" in zone.owners.get(name, ()) and name != zone.apex
        for zone in case.zones
        for name in ancestors(dns.name.from_text(owner))
    )
    if case.server == "nsd" and case.ours.answer and all(is_below(owner) for owner in owners(extra)):
        return {"additional"}


@difference("RFC 2181, 9: where TC is set, a client asks again by TCP, and what else the answer holds is not to be used.")
def what_both_truncate_is_filled_up_in_different_ways(case):
    if case.ours.tc and case.theirs.tc and is_part_of(case.ours, case.whole()):
        return {"answer", "authority", "additional"}


@difference("RFC 9471, 3.1: if not all glue for in-domain nameservers fits, TC MUST be set. NSD 4.6 is older than that.")
def nsd_does_not_set_tc_when_glue_is_left_out(case):
    is_referral = not case.ours.aa and of_type(case.whole().authority, "NS")
    glue = case.whole().additional
    if case.server == "nsd" and is_referral and case.ours.tc and not is_subset(glue, case.theirs.additional):
        return {"tc", "authority", "additional"}


@difference(
    "RFC 2181, 9: TC is not set merely because extra information could have been included, but there was insufficient"
    " room; RFC 1035, 4.1.4: how much is compressed is up to the server."
)
def what_fits_here_is_truncated_there(case):
    whole = case.whole()
    if case.theirs.tc and not case.ours.tc and (case.ours.answer, case.ours.authority) == (whole.answer, whole.authority):
        return {"tc", "answer", "authority", "additional"}


@difference("RFC 2181, 9: what is additional and does not fit is left out without TC; which part of it, is up to the server.")
def what_does_not_fit_is_left_out_of_the_additional_section(case):
    whole = case.whole().additional
    is_cut = case.ours.additional != whole and not case.question.is_tcp and case.ours.answer
    if is_cut and is_subset(case.ours.additional, whole) and is_subset(case.theirs.additional, whole):
        return {"additional"}
