//! Queries, octet by octet: right ones, and wrong ones on purpose.

use std::net::{IpAddr, Ipv4Addr};

use hickory_proto::rr::RecordType;
use ipnet::IpNet;
use meridian::dns::Name;
use meridian::nameserver::answer::Transport;

/// Option code of EDNS Client Subnet (RFC 7871, 6).
pub const CLIENT_SUBNET: u16 = 8;

/// One query, and how it comes. Made by hand, not by the code under test.
#[derive(Clone, Debug)]
pub struct Query {
    pub id: u16,
    /// The two octets of flags (RFC 1035, 4.1.1), opcode included.
    pub flags: [u8; 2],
    pub name: Vec<u8>,
    pub rtype: u16,
    pub class: u16,
    pub opt: Option<Opt>,
    pub peer: IpAddr,
    pub transport: Transport,
}

/// An OPT record (RFC 6891, 6.1).
#[derive(Clone, Debug)]
pub struct Opt {
    pub payload: u16,
    pub version: u8,
    pub flags: u16,
    pub options: Vec<(u16, Vec<u8>)>,
}

impl Query {
    /// Without EDNS, over UDP, from an address that no database knows.
    #[track_caller]
    pub fn new(name: &str, rtype: &str) -> Self {
        let parsed: RecordType = rtype.parse().expect("a type");
        Query {
            id: 0x4d45,
            flags: [0, 0],
            name: Name::parse(name).expect("a name").as_wire().to_vec(),
            rtype: parsed.into(),
            class: 1,
            opt: None,
            peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)),
            transport: Transport::Udp { payload_max: 1232 },
        }
    }

    pub fn rtype(self, rtype: u16) -> Self {
        Query { rtype, ..self }
    }

    pub fn class(self, class: u16) -> Self {
        Query { class, ..self }
    }

    pub fn flags(self, flags: [u8; 2]) -> Self {
        Query { flags, ..self }
    }

    pub fn opcode(self, opcode: u8) -> Self {
        self.flags([opcode << 3, 0])
    }

    /// With an OPT record, if there is none yet.
    pub fn edns(mut self) -> Self {
        self.opt_mut();
        self
    }

    pub fn payload(mut self, payload: u16) -> Self {
        self.opt_mut().payload = payload;
        self
    }

    pub fn version(mut self, version: u8) -> Self {
        self.opt_mut().version = version;
        self
    }

    pub fn edns_flags(mut self, flags: u16) -> Self {
        self.opt_mut().flags = flags;
        self
    }

    pub fn option(mut self, code: u16, data: &[u8]) -> Self {
        self.opt_mut().options.push((code, data.to_vec()));
        self
    }

    fn opt_mut(&mut self) -> &mut Opt {
        self.opt.get_or_insert(Opt {
            payload: 1232,
            version: 0,
            flags: 0,
            options: Vec::new(),
        })
    }

    /// With a client subnet such as "20.1.2.0/24".
    #[track_caller]
    pub fn subnet(self, net: &str) -> Self {
        let net: IpNet = net.parse().expect("a network");
        let source = net.prefix_len();
        let (family, octets) = match net.network() {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (2, address.octets().to_vec()),
        };
        let address = &octets[..usize::from(source).div_ceil(8)];
        self.subnet_data(&[&[0, family, source, 0], address].concat())
    }

    /// With the octets of a client subnet option as given.
    pub fn subnet_data(self, data: &[u8]) -> Self {
        self.option(CLIENT_SUBNET, data)
    }

    /// The resolver's address.
    #[track_caller]
    pub fn from(self, peer: &str) -> Self {
        Query {
            peer: peer.parse().expect("an address"),
            ..self
        }
    }

    pub fn tcp(self) -> Self {
        Query {
            transport: Transport::Tcp { payload_max: 1232 },
            ..self
        }
    }

    /// The server's own limit of UDP answers.
    pub fn payload_max(self, payload_max: u16) -> Self {
        Query {
            transport: Transport::Udp { payload_max },
            ..self
        }
    }

    /// The question section.
    pub fn question(&self) -> Vec<u8> {
        let fixed = [self.rtype.to_be_bytes(), self.class.to_be_bytes()].concat();
        [&self.name[..], &fixed].concat()
    }

    /// The whole message.
    pub fn message(&self) -> Vec<u8> {
        let mut message = self.id.to_be_bytes().to_vec();
        message.extend(self.flags);
        message.extend([0, 1, 0, 0, 0, 0, 0, u8::from(self.opt.is_some())]);
        message.extend(self.question());
        if let Some(opt) = &self.opt {
            message.extend(opt.record());
        }
        message
    }
}

impl Opt {
    fn record(&self) -> Vec<u8> {
        let mut options = Vec::new();
        for (code, data) in &self.options {
            options.extend(code.to_be_bytes());
            options.extend((data.len() as u16).to_be_bytes());
            options.extend(data);
        }
        let mut record = vec![0, 0, 41];
        record.extend(self.payload.to_be_bytes());
        record.extend([0, self.version]);
        record.extend(self.flags.to_be_bytes());
        record.extend((options.len() as u16).to_be_bytes());
        record.extend(options);
        record
    }
}
