//! What a static zone answers, straight from RFC 1034, 4.3.2 and those that amended it: every question
//! is answered by reading all records. Slow, and easy to compare with the standard.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::BinDecodable;

use crate::engine::{Said, sorted};

/// CNAMEs in one answer at most; the client goes on from there.
const CNAMES_MAX: usize = 9;

/// A zone as a list of records, owners in lower case.
pub struct Reference<'a> {
    pub apex: &'a Name,
    pub records: &'a [Record],
}

/// Where a name leads.
enum Found {
    /// The name itself, or the wildcard that stands for it.
    At(Name),
    Delegated(Name),
    /// Below a name with a DNAME.
    Redirected(Name),
    Nothing,
}

impl Reference<'_> {
    pub fn answer(&self, name: &Name, rtype: RecordType) -> Said {
        let mut said = Said {
            rcode: ResponseCode::NoError,
            authoritative: false,
            answers: Vec::new(),
            authorities: Vec::new(),
        };
        let mut name = name.to_lowercase();
        if !self.apex.zone_of(&name) {
            said.rcode = ResponseCode::Refused;
            return said;
        }
        let mut seen = Vec::new();
        let mut redirected = Vec::new();
        while seen.len() < CNAMES_MAX {
            match self.find(&name, rtype) {
                Found::Nothing => {
                    // Of the last name in the chain (RFC 6604, 3).
                    said.rcode = ResponseCode::NXDomain;
                    self.deny(&mut said);
                    break;
                }
                Found::Delegated(cut) => {
                    said.authorities = sorted(self.at(&cut, RecordType::NS));
                    break;
                }
                Found::Redirected(node) => {
                    said.authoritative = true;
                    if redirected.contains(&name) {
                        break;
                    }
                    let Some(target) = self.redirect(&node, &name, &mut said) else {
                        said.rcode = ResponseCode::YXDomain;
                        break;
                    };
                    redirected.push(name);
                    seen.push(node);
                    name = target;
                    if rtype == RecordType::CNAME || !self.apex.zone_of(&name) {
                        break;
                    }
                }
                Found::At(node) => {
                    said.authoritative = true;
                    let Some(target) = self.alias(&node, rtype) else {
                        self.answer_at(&node, &name, rtype, &mut said);
                        break;
                    };
                    // In a circle nothing new comes (RFC 2181, 5: no duplicates).
                    if seen.contains(&node) {
                        break;
                    }
                    said.answers
                        .extend(self.owned(&node, &name, RecordType::CNAME));
                    if !self.apex.zone_of(&target) {
                        break;
                    }
                    seen.push(node);
                    name = target;
                }
            }
        }
        said.answers.sort();
        said
    }

    /// RFC 1034, 4.3.2, step 3: label by label down from the apex.
    fn find(&self, name: &Name, rtype: RecordType) -> Found {
        let apex_labels = labels(self.apex);
        for count in apex_labels..=labels(name) {
            let ancestor = name.trim_to(count);
            let is_cut = |ancestor| self.at(ancestor, RecordType::NS).next().is_some();
            // DS at the cut belongs to this side of it (RFC 4035, 3.1.4.1).
            let is_ours = rtype == RecordType::DS && ancestor == *name;
            if !is_ours && ancestor != *self.apex && is_cut(&ancestor) {
                return Found::Delegated(ancestor);
            }
            // RFC 6672, 3.2, step 3C; the owner itself is not redirected (2.3).
            if ancestor != *name && self.dname(&ancestor).is_some() {
                return Found::Redirected(ancestor);
            }
        }
        if self.exists(name) {
            return Found::At(name.clone());
        }
        // RFC 4592, 3.3.1: the wildcard at the closest encloser, and no other.
        let encloser = (apex_labels..labels(name))
            .rev()
            .map(|count| name.trim_to(count))
            .find(|ancestor| self.exists(ancestor))
            .expect("the apex exists");
        let wildcard = encloser.prepend_label("*").expect("a shorter name");
        match self.exists(&wildcard) {
            true => Found::At(wildcard),
            false => Found::Nothing,
        }
    }

    /// A name exists when it, or anything below it, has records (RFC 4592, 2.2.2).
    fn exists(&self, name: &Name) -> bool {
        self.records.iter().any(|record| name.zone_of(&record.name))
    }

    fn at<'s>(&'s self, name: &'s Name, rtype: RecordType) -> impl Iterator<Item = &'s Record> {
        self.records
            .iter()
            .filter(move |record| record.name == *name && record.record_type() == rtype)
    }

    /// The records of `node`, as those of `owner`.
    fn owned(&self, node: &Name, owner: &Name, rtype: RecordType) -> Vec<String> {
        let records: Vec<_> = self
            .at(node, rtype)
            .map(|record| {
                let mut record = record.clone();
                record.name = owner.clone();
                record
            })
            .collect();
        sorted(&records)
    }

    fn dname<'s>(&'s self, node: &'s Name) -> Option<(&'s Record, Name)> {
        let record = self.at(node, RecordType::DNAME).next()?;
        match &record.data {
            RData::Unknown { rdata, .. } => Some((record, Name::from_bytes(&rdata.anything).ok()?)),
            _ => None,
        }
    }

    /// The DNAME and the CNAME that follows from it (RFC 6672, 3.1), unless the name gets too long.
    fn redirect(&self, node: &Name, name: &Name, said: &mut Said) -> Option<Name> {
        let (record, target) = self.dname(node).expect("a DNAME");
        let dname = sorted([record]);
        if !said.answers.contains(&dname[0]) {
            said.answers.extend(dname);
        }
        let kept = name.iter().take(labels(name) - labels(node));
        let renamed = Name::from_labels(kept.chain(target.iter())).ok()?;
        let cname = RData::CNAME(CNAME(renamed.clone()));
        let record = Record::from_rdata(name.clone(), record.ttl, cname);
        said.answers.extend(sorted([&record]));
        Some(renamed.to_lowercase())
    }

    fn alias(&self, node: &Name, rtype: RecordType) -> Option<Name> {
        if matches!(rtype, RecordType::CNAME | RecordType::ANY) {
            return None;
        }
        match &self.at(node, RecordType::CNAME).next()?.data {
            RData::CNAME(target) => Some(target.0.to_lowercase()),
            _ => None,
        }
    }

    fn answer_at(&self, node: &Name, owner: &Name, rtype: RecordType, said: &mut Said) {
        let rtype = match rtype {
            // One RRset is answer enough (RFC 8482, 4.1): that of the lowest type.
            RecordType::ANY => self.lowest_type(node),
            rtype => Some(rtype),
        };
        let records = rtype.map(|rtype| self.owned(node, owner, rtype));
        match records.filter(|records| !records.is_empty()) {
            Some(records) => said.answers.extend(records),
            None => self.deny(said),
        }
    }

    fn lowest_type(&self, node: &Name) -> Option<RecordType> {
        let records = self.records.iter().filter(|record| record.name == *node);
        records
            .map(Record::record_type)
            .min_by_key(|&rtype| u16::from(rtype))
    }

    /// The SOA, with the time for which the "no" may be kept (RFC 2308, 5).
    fn deny(&self, said: &mut Said) {
        said.authoritative = true;
        let mut soa = self
            .at(self.apex, RecordType::SOA)
            .next()
            .cloned()
            .expect("a SOA");
        if let RData::SOA(data) = &soa.data {
            soa.ttl = soa.ttl.min(data.minimum);
        }
        said.authorities = sorted(&[soa]);
    }
}

fn labels(name: &Name) -> usize {
    name.iter().count()
}
