//! Answers: the octets, and what an implementation that is not ours reads in them.

use std::net::IpAddr;

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record};
use hickory_proto::serialize::binary::BinDecodable;

use super::query::CLIENT_SUBNET;
use super::wire::{self, RawRecord};

/// Option code of Extended DNS Errors (RFC 8914, 2).
const EXTENDED_ERROR: u16 = 15;

/// One answer.
#[derive(Debug)]
pub struct Reply {
    pub bytes: Vec<u8>,
    decoded: Message,
}

impl Reply {
    #[track_caller]
    pub fn new(bytes: Vec<u8>) -> Self {
        let decoded = Message::from_vec(&readable(&bytes)).expect("a message that parses");
        Reply { bytes, decoded }
    }

    /// The extended RCODE: the header's, and the OPT record's above it (RFC 6891, 6.1.3).
    pub fn code(&self) -> u16 {
        let high = self.opt().map_or(0, |opt| opt.ttl >> 24) as u16;
        high << 4 | u16::from(self.bytes[3] & 0x0f)
    }

    /// The RCODE by its usual name.
    pub fn rcode(&self) -> &'static str {
        match self.code() {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            9 => "NOTAUTH",
            16 => "BADVERS",
            23 => "BADCOOKIE",
            other => panic!("RCODE {other}"),
        }
    }

    pub fn is_authoritative(&self) -> bool {
        self.bytes[2] & 0x04 != 0
    }

    pub fn is_truncated(&self) -> bool {
        self.bytes[2] & 0x02 != 0
    }

    /// The answer section: "owner TTL class type data", a line each.
    pub fn answers(&self) -> Vec<String> {
        lines(&self.decoded.answers)
    }

    pub fn authority(&self) -> Vec<String> {
        lines(&self.decoded.authorities)
    }

    /// The additional section without OPT.
    pub fn additional(&self) -> Vec<String> {
        lines(&self.decoded.additionals)
    }

    /// Addresses in the answer section, in order.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let answers = self.decoded.answers.iter();
        answers.filter_map(|record| record.data.ip_addr()).collect()
    }

    /// The same as text.
    pub fn address_texts(&self) -> Vec<String> {
        self.addresses().iter().map(IpAddr::to_string).collect()
    }

    /// TTL of the last record of the answer section: of the addresses, where a CNAME precedes them.
    pub fn ttl_s(&self) -> Option<u32> {
        self.decoded.answers.last().map(|record| record.ttl)
    }

    /// TTL of the first record of the authority section.
    pub fn negative_ttl_s(&self) -> Option<u32> {
        self.decoded.authorities.first().map(|record| record.ttl)
    }

    pub fn records(&self) -> Vec<RawRecord> {
        wire::records(&self.bytes)
    }

    /// The OPT record.
    pub fn opt(&self) -> Option<RawRecord> {
        self.records().into_iter().find(|record| record.rtype == 41)
    }

    /// The data of an option of the OPT record.
    pub fn option(&self, code: u16) -> Option<Vec<u8>> {
        let opt = self.opt()?;
        let options = wire::options(&self.bytes[opt.rdata]);
        options
            .into_iter()
            .find(|option| option.0 == code)
            .map(|option| option.1)
    }

    /// The data of the client subnet option: FAMILY, SOURCE, SCOPE, ADDRESS (RFC 7871, 6).
    pub fn subnet(&self) -> Option<Vec<u8>> {
        self.option(CLIENT_SUBNET)
    }

    /// SCOPE PREFIX-LENGTH.
    pub fn scope(&self) -> Option<u8> {
        self.subnet().map(|data| data[3])
    }

    /// The code of an Extended DNS Error (RFC 8914, 2).
    pub fn error_code(&self) -> Option<u16> {
        let data = self.option(EXTENDED_ERROR)?;
        Some(u16::from_be_bytes([data[0], data[1]]))
    }

    /// The text of an Extended DNS Error (RFC 8914, 2).
    pub fn error_text(&self) -> Option<String> {
        let data = self.option(EXTENDED_ERROR)?;
        Some(String::from_utf8_lossy(&data[2..]).into_owned())
    }
}

/// The message, in which a client subnet of FAMILY 0 is one of FAMILY 1: hickory-proto takes no other
/// empty address.
fn readable(bytes: &[u8]) -> Vec<u8> {
    let mut readable = bytes.to_vec();
    let records = wire::records(bytes);
    if let Some(opt) = records.iter().find(|record| record.rtype == 41)
        && bytes[opt.rdata.clone()].starts_with(&[0, 8, 0, 4, 0, 0])
    {
        readable[opt.rdata.start + 5] = 1;
    }
    readable
}

/// The record as text; hickory-proto reads the data of a DNAME as mere octets.
fn line(record: &Record) -> String {
    match &record.data {
        RData::Unknown { code, rdata } if u16::from(*code) == 39 => {
            let target = Name::from_bytes(&rdata.anything).expect("a name");
            format!("{} {} IN DNAME {target}", record.name, record.ttl)
        }
        _ => record.to_string(),
    }
}

fn lines(records: &[Record]) -> Vec<String> {
    records.iter().map(line).collect()
}
