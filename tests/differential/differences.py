"""The differences that remain, and the sentence of the standard that decides each of them.

An entry says which fields of which answers it explains; a difference in any other field is a failure, and so is
an entry that explains nothing in a whole run: then it is to be removed.
"""

from collections import Counter
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


# What whole fields differ for, and single RRsets of the additional section.
OF_FIELDS, OF_ADDITIONAL = [], []


def difference(reason, among=OF_FIELDS):
    """Lists a function that says which fields of a case it explains."""

    def listed(explains):
        title = explains.__name__.replace("_", " ")
        among.append(Difference(title, reason, explains))
        return explains

    return listed


def additional_difference(reason):
    """Lists a function that says whether it explains one RRset in one of the additional sections; an RRset in
    ours that is not in theirs is `is_ours`.

    RFC 1034, 4.3.2, 6, lets a server add what may be useful, so in answers that are no referrals all of it may differ;
    but it should be known why.
    """
    return difference(reason, OF_ADDITIONAL)


def unexplained(case):
    """The fields that differ and should not."""
    left = set(case.fields)
    for entry in OF_FIELDS:
        explained = (entry.explains(case) or set()) & left
        if explained:
            entry.count += 1
            left -= explained
        if not left:
            return left
    if "additional" in left and is_explained(case):
        left.remove("additional")
    return left


def is_explained(case):
    """Is every RRset explained that is in one additional section only?"""
    ours, theirs = Counter(case.ours.additional), Counter(case.theirs.additional)
    lonely = [(rrset, True) for rrset in ours - theirs] + [(rrset, False) for rrset in theirs - ours]
    entries = [[e for e in OF_ADDITIONAL if e.explains(case, rrset, is_ours)][:1] for rrset, is_ours in lonely]
    for found in entries:
        for entry in found:
            entry.count += 1
    return all(entries)


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


def once(rrset):
    """Without repeated records."""
    return (*rrset[:3], *sorted(set(rrset[3:])))


def is_below_a_cut(zones, owner):
    names = ancestors(dns.name.from_text(owner))
    return any("NS" in zone.owners.get(name, ()) and name != zone.apex for zone in zones for name in names)


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
    # What a DNAME above leads to may be before it.
    chosen = [rrset for rrset in case.ours.answer if rrset[1] not in ("CNAME", "DNAME")] or case.ours.answer
    if case.question.rtype != dns.rdatatype.ANY or not (len(chosen) == 1 or case.ours.tc):
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
    owner, rtype = theirs.authority[0][:2]
    is_apex = rtype == "NS" and any(zone.apex.canonicalize().to_text() == owner for zone in case.zones)
    if is_apex:
        return {"authority"}


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
    if case.server != "nsd" or begin is None or not last:
        return None
    # DS at the zone's own apex is another zone's, too.
    is_own_ds = case.question.rtype == dns.rdatatype.DS and last[0] == begin
    if last[0].is_subdomain(begin) and not is_own_ds:
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
    name = (targets(case.ours.answer) or [case.question.name])[-1]
    if case.question.rtype != dns.rdatatype.DS or name not in (zone.apex for zone in case.zones):
        return None
    above = [zone for zone in case.zones if name.is_subdomain(zone.apex) and zone.apex != name]
    parent = max(above, key=lambda zone: len(zone.apex))
    cuts = [cut for cut in ancestors(name) if cut != parent.apex and "NS" in parent.owners.get(cut, ())]
    if cuts[-1:] != [name] and case.ours.aa and not of_type(case.ours.answer, "DS"):
        return {"aa", "answer", "authority", "additional", "rcode"}


@difference(
    "RFC 1034, 3.6.2: CNAME loops are an error, and an answer that has gone round once has said everything;"
    " RFC 2181, 5: no RRset has the same record twice."
)
def circles_of_aliases_end_where_they_close(case):
    ours, theirs = ([rrset for rrset in reply.answer if rrset[1] != "DNAME"] for reply in (case.ours, case.theirs))
    are_aliases = theirs and all(rrset[1] == "CNAME" for rrset in theirs)
    is_circle = are_aliases and set(theirs[-1][3:]) <= owners(theirs)
    if is_circle and ours and [rrset[0] for rrset in theirs[: len(ours)]] == [rrset[0] for rrset in ours]:
        return {"answer", "authority", "additional"}


@difference(
    "RFC 1034, 5.2.2: multiple levels of aliases should not be an error; how many one answer follows is up to the server:"
    " the client goes on from the last."
)
def chains_that_grow_end_somewhere(case):
    shorter, longer = sorted((case.ours, case.theirs), key=lambda reply: len(reply.answer))
    is_open = len(shorter.answer) > 1 and shorter.answer[-1][1] == "CNAME" and len(of_type(longer.answer, "CNAME")) > 4
    if is_open and longer.answer[: len(shorter.answer)] == shorter.answer and of_type(longer.answer, "DNAME"):
        return {"answer", "authority", "additional", "tc", "rcode"}


@difference(
    "RFC 4592, 3.3.1: closest encloser and wildcard are names of the zone; NSD keeps one tree of names for all zones, so"
    " that what the upper one has below its cut counts in the lower one."
)
def nsd_takes_names_of_the_upper_zone_for_names_of_the_lower(case):
    names = [case.question.name, *targets(case.ours.answer)]
    if case.server == "nsd" and case.theirs.aa and any(is_mixed_up(case.zones, name) for name in names):
        return {"rcode", "answer", "authority", "additional", "tc"}


def is_mixed_up(zones, name):
    """Does an upper zone have what the lowest has not, at the name or between it and its closest encloser?"""
    zones = sorted((zone for zone in zones if name.is_subdomain(zone.apex)), key=lambda zone: len(zone.apex))
    while len(zones) > 1 and not exists(zones[-1], name):
        wildcard = dns.name.Name([b"*"]) + name.parent()
        if any(exists(zone, name) or exists(zone, wildcard) for zone in zones[:-1]):
            return True
        name = name.parent()
    return False


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


@difference("RFC 2181, 9: what is additional and does not fit is left out without TC; which part of it, is up to the server.")
def what_does_not_fit_is_left_out_of_the_additional_section(case):
    whole = case.whole().additional
    is_cut = case.ours.additional != whole and not case.question.is_tcp and case.ours.answer
    if is_cut and is_subset(case.ours.additional, whole) and is_subset(case.theirs.additional, whole):
        return {"additional"}


# --- RRsets of the additional section -----------------------------------------------------------


@additional_difference("RFC 1034, 4.3.2: as for the nameservers that NSD adds to answers; their addresses come with them.")
def nsd_adds_addresses_of_the_nameservers(case, rrset, is_ours):
    servers = [name for ns in of_type(case.theirs.authority, "NS") for name in ns[3:]]
    return case.server == "nsd" and not is_ours and not case.ours.authority and rrset[0] in servers


@additional_difference(
    "RFC 4592, 3.3: the owner of what a wildcard gives is the name asked for; NSD and Knot have the wildcard's or an"
    " ancestor's there."
)
def addresses_from_wildcards_have_the_right_owner(case, rrset, is_ours):
    others = case.theirs.additional if is_ours else case.ours.additional
    return any(rrset[0] != other[0] and once(rrset)[1:] == once(other)[1:] for other in others)


@additional_difference("RFC 2181, 5: no RRset has the same record twice; Knot repeats a host that the data name twice.")
def knot_repeats_the_addresses_of_hosts(case, rrset, is_ours):
    others = case.theirs.additional if is_ours else case.ours.additional
    return case.server == "knot" and once(rrset) in map(once, others)


@additional_difference(
    "RFC 1034, 4.2.1: glue is not part of the authoritative data, and only used as part of a referral; a wildcard below a"
    " cut is none at all (RFC 4592, 4.2)."
)
def addresses_below_a_cut_come_along(case, rrset, is_ours):
    if is_ours or not case.ours.answer or not is_below_a_cut(case.zones, rrset[0]):
        return False
    return case.server == "knot" or all(rrset[0] != name.canonicalize().to_text() for z in case.zones for name in z.owners)


@additional_difference("RFC 9460, 4.1: the addresses of TargetName, which is the owner itself where `.` stands (2.5.2).")
def knot_adds_no_addresses_for_services_at_their_own_name(case, rrset, is_ours):
    services = [rrset for rrset in case.ours.answer if rrset[1] in ("SVCB", "HTTPS")]
    own = {rrset[0] for rrset in services if any(data.split()[1] == "." for data in rrset[3:])}
    return case.server == "knot" and is_ours and rrset[0] in own


@additional_difference(
    "RFC 9460, 2.4.2: AliasMode leads to further SVCB records; in ServiceMode, a client asks for no more than addresses"
    " of TargetName (3)."
)
def knot_adds_services_of_services(case, rrset, is_ours):
    return case.server == "knot" and not is_ours and rrset[1] in ("SVCB", "HTTPS")


@additional_difference("RFC 9460, 4.1: A, AAAA and SVCB records of TargetName are added; NSD 4.6 adds none.")
def nsd_adds_nothing_for_services(case, rrset, is_ours):
    return case.server == "nsd" and is_ours and any(rrset[1] in ("SVCB", "HTTPS") for rrset in case.ours.answer)


@additional_difference("RFC 3403, 4.1, and RFC 3404, 4.4: what REPLACEMENT leads to may be added; NSD and Knot add nothing.")
def only_meridian_adds_what_naptr_leads_to(case, rrset, is_ours):
    return is_ours and bool(of_type(case.ours.answer, "NAPTR"))


@additional_difference(
    "RFC 2181, 9: what is additional and does not fit is left out; NSD's nameservers and Knot's copies have taken the room."
)
def there_is_no_room_left_there(case, rrset, is_ours):
    record = {"A": 16, "AAAA": 28}.get(rrset[1], 12)
    # Knot gives up at the first that does not fit, which may be a copy.
    has_copies = any(once(other) != other for other in case.theirs.additional)
    is_full = case.theirs.octets + record * (len(rrset) - 3) > case.question.limit
    return is_ours and not case.question.is_tcp and (is_full or has_copies)
