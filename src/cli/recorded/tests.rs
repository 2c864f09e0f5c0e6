//! Recordings of every format, whole and broken.

use std::net::IpAddr;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::dns::parse::parse;
use crate::dns::{Name, QueryName, query, rtype};

const PORT: u16 = 53;

/// A file with these octets; it goes with its folder.
fn file(octets: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    std::fs::write(&path, octets).unwrap();
    (folder, path)
}

/// Each query as "name type subnet from".
fn read_all(octets: &[u8]) -> Result<(Vec<String>, Skipped), String> {
    let (_folder, path) = file(octets);
    let mut found = Vec::new();
    let skipped = read(&path, PORT, &mut |captured| {
        let mut name = QueryName::default();
        let parsed = parse(captured.message, &mut name).unwrap();
        let subnet = parsed.edns.and_then(|edns| edns.subnet);
        let subnet = subnet.map_or("-".to_owned(), |subnet| {
            format!("{}/{}", subnet.address, subnet.source)
        });
        let name = Name::from_wire(name.wire()).unwrap();
        found.push(format!(
            "{name} {} {subnet} {}",
            parsed.qtype, captured.peer
        ));
        Ok(())
    })?;
    Ok((found, skipped))
}

fn message() -> Vec<u8> {
    let subnet = ("193.0.0.0".parse().unwrap(), 24);
    query::compose(7, &Name::parse("www.e").unwrap(), rtype::A, Some(subnet))
}

fn expected(from: &str) -> Vec<String> {
    vec![format!("www.e. 1 193.0.0.0/24 {from}")]
}

fn udp(port: u16, message: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x12, 0x34];
    datagram.extend(port.to_be_bytes());
    datagram.extend((8 + message.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(message);
    datagram
}

fn tcp(port: u16, segment: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x12, 0x34];
    packet.extend(port.to_be_bytes());
    packet.extend([0; 8]);
    // A header of 24 octets: with an option.
    packet.extend([0x60, 0x18, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0]);
    packet.extend(segment);
    packet
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

fn ipv4(protocol: u8, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(flags.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 198, 51, 100, 7, 192, 0, 2, 53]);
    packet.extend(payload);
    packet
}

fn ipv6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([protocol, 64]);
    for last in [7u128, 53] {
        packet.extend(((0x2001_0db8u128 << 96) | last).to_be_bytes());
    }
    packet.extend(payload);
    packet
}

fn ethernet(ether_types: &[u16], packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    for (index, ether_type) in ether_types.iter().enumerate() {
        frame.extend(ether_type.to_be_bytes());
        if index + 1 < ether_types.len() {
            frame.extend([0, 9]);
        }
    }
    frame.extend(packet);
    // Padding.
    frame.extend([0; 7]);
    frame
}

/// Of packets, each with how much longer it was.
fn pcap(magic: u32, is_big: bool, link: u32, packets: &[(Vec<u8>, u32)]) -> Vec<u8> {
    let number = |number: u32| match is_big {
        true => number.to_be_bytes(),
        false => number.to_le_bytes(),
    };
    let mut octets = Vec::new();
    for word in [magic, 0x0002_0004, 0, 0, 262_144, link] {
        octets.extend(number(word));
    }
    for (packet, missing) in packets {
        let len = packet.len() as u32;
        for word in [1, 2, len, len + missing] {
            octets.extend(number(word));
        }
        octets.extend(packet);
    }
    octets
}

fn block(is_big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let number = |number: u32| match is_big {
        true => number.to_be_bytes(),
        false => number.to_le_bytes(),
    };
    let padding = body.len().next_multiple_of(4) - body.len();
    let len = (12 + body.len() + padding) as u32;
    let mut octets = [number(kind), number(len)].concat();
    octets.extend(body);
    octets.extend(&[0; 4][..padding]);
    octets.extend(number(len));
    octets
}

fn pcapng(is_big: bool, link: u16, packet: &[u8]) -> Vec<u8> {
    let number = |number: u32| match is_big {
        true => number.to_be_bytes(),
        false => number.to_le_bytes(),
    };
    let link = match is_big {
        true => link.to_be_bytes(),
        false => link.to_le_bytes(),
    };
    let header = [&number(0x1a2b_3c4d)[..], &[0, 1, 0, 0], &[0xff; 8]].concat();
    let interface = [&link[..], &[0, 0], &number(0)].concat();
    let len = number(packet.len() as u32);
    let enhanced = [&[0; 12][..], &len, &len, packet].concat();
    let simple = [&len[..], packet].concat();
    [
        block(is_big, 0x0a0d_0d0a, &header),
        block(is_big, 1, &interface),
        // Names, which nobody looks at.
        block(is_big, 4, &[1, 2, 3, 4, 5]),
        block(is_big, 6, &enhanced),
        block(is_big, 3, &simple),
    ]
    .concat()
}

fn field(number: u8, octets: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut len = octets.len();
    while len > 0x7f {
        field.push(len as u8 | 0x80);
        len >>= 7;
    }
    field.push(len as u8);
    field.extend(octets);
    field
}

fn control(kind: u32, content: Option<&[u8]>) -> Vec<u8> {
    let mut frame = kind.to_be_bytes().to_vec();
    if let Some(content) = content {
        frame.extend(1u32.to_be_bytes());
        frame.extend((content.len() as u32).to_be_bytes());
        frame.extend(content);
    }
    [&[0; 4][..], &(frame.len() as u32).to_be_bytes(), &frame].concat()
}

fn dnstap_frame(kind: u8, address: &[u8], message: &[u8]) -> Vec<u8> {
    let said = [vec![1 << 3, kind], field(4, address), field(10, message)].concat();
    let frame = [field(1, b"a server"), field(14, &said), vec![15 << 3, 1]].concat();
    [&(frame.len() as u32).to_be_bytes()[..], &frame].concat()
}

fn dnstap() -> Vec<u8> {
    let v6 = ((0x2001_0db8u128 << 96) | 7).to_be_bytes();
    [
        control(2, Some(b"protobuf:dnstap.Dnstap")),
        dnstap_frame(1, &[198, 51, 100, 7], &message()),
        dnstap_frame(2, &[198, 51, 100, 7], &message()),
        dnstap_frame(5, &v6, &message()),
        dnstap_frame(1, &[1, 2, 3], &message()),
        control(3, None),
    ]
    .concat()
}

#[test]
fn lines_are_queries_with_clients() {
    let text = "# who asked\nWWW.e A 193.0.0.0/24\nn{1..2}.e aaaa 8.8.8.8 ; twice\n\nx.e\n\
                y.e MX 2001:db8::/32";
    let (found, skipped) = read_all(text.as_bytes()).unwrap();
    assert_eq!(
        found,
        [
            "www.e. 1 193.0.0.0/24 193.0.0.0",
            "n1.e. 28 - 8.8.8.8",
            "n2.e. 28 - 8.8.8.8",
            "x.e. 1 - 127.0.0.1",
            "y.e. 15 2001:db8::/32 2001:db8::",
        ]
    );
    assert_eq!(skipped, Skipped::default());
}

#[test]
fn packets_of_every_link_are_read() {
    let inner = ipv4(17, 0x4000, &udp(PORT, &message()));
    let cooked = |head: usize, at: usize| {
        let mut packet = vec![0; head];
        packet[at..at + 2].copy_from_slice(&[0x08, 0]);
        [packet, inner.clone()].concat()
    };
    for (link, packet) in [
        (1, ethernet(&[0x0800], &inner)),
        (1, ethernet(&[0x8100, 0x0800], &inner)),
        (1, ethernet(&[0x88a8, 0x8100, 0x0800], &inner)),
        (101, inner.clone()),
        (0, [&[2, 0, 0, 0][..], &inner].concat()),
        (113, cooked(16, 14)),
        (276, cooked(20, 0)),
    ] {
        for (magic, is_big) in [
            (0xa1b2_c3d4, true),
            (0xa1b2_c3d4, false),
            (0xa1b2_3c4d, false),
        ] {
            let octets = pcap(magic, is_big, link, &[(packet.clone(), 0)]);
            let (found, skipped) = read_all(&octets).unwrap();
            assert_eq!(found, expected("198.51.100.7"), "{link}");
            assert_eq!(skipped, Skipped::default());
        }
        for is_big in [true, false] {
            let (found, _) = read_all(&pcapng(is_big, link as u16, &packet)).unwrap();
            let twice = [expected("198.51.100.7"), expected("198.51.100.7")].concat();
            assert_eq!(found, twice, "{link}");
        }
    }
}

#[test]
fn packets_that_are_no_queries_are_counted() {
    let mut answer = message();
    answer[2] |= 0x80;
    let hop_by_hop = [&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp(PORT, &message())].concat();
    let whole_fragment = [&[17, 0, 0, 0, 0, 0, 0, 0][..], &udp(PORT, &message())].concat();
    let packets = [
        // Those that are.
        ethernet(&[0x86dd], &ipv6(17, &udp(PORT, &message()))),
        ethernet(&[0x86dd], &ipv6(0, &hop_by_hop)),
        ethernet(&[0x86dd], &ipv6(44, &whole_fragment)),
        ethernet(&[0x0800], &ipv4(6, 0, &tcp(PORT, &framed(&message())))),
        // Something else.
        ethernet(&[0x0806], &[0; 28]),
        ethernet(&[0x0800], &ipv4(17, 0, &udp(5353, &message()))),
        ethernet(&[0x0800], &ipv4(17, 0, &udp(PORT, &answer))),
        ethernet(&[0x0800], &ipv4(6, 0, &tcp(PORT, &[]))),
        ethernet(&[0x0800], &ipv4(1, 0, &[8, 0, 0, 0])),
        // Not all there.
        ethernet(&[0x0800], &ipv4(17, 0x2000, &udp(PORT, &message()))),
        ethernet(&[0x0800], &ipv4(6, 0, &tcp(PORT, &framed(&message())[..9]))),
        ethernet(&[0x0800], &ipv4(17, 0, &udp(PORT, &message()[..11]))),
    ];
    let mut packets: Vec<_> = packets.into_iter().map(|packet| (packet, 0)).collect();
    packets.push((ethernet(&[0x0800], &ipv4(17, 0, &udp(PORT, &message()))), 1));
    let (found, skipped) = read_all(&pcap(0xa1b2_c3d4, false, 1, &packets)).unwrap();
    let from = ["2001:db8::7", "2001:db8::7", "2001:db8::7", "198.51.100.7"];
    assert_eq!(found, from.map(expected).concat());
    let (others, partial) = (5, 4);
    assert_eq!(skipped, Skipped { others, partial });
}

#[test]
fn dnstap_has_what_servers_and_resolvers_were_asked() {
    let (found, skipped) = read_all(&dnstap()).unwrap();
    assert_eq!(
        found,
        ["198.51.100.7", "2001:db8::7"].map(expected).concat()
    );
    let (others, partial) = (1, 1);
    assert_eq!(skipped, Skipped { others, partial });
    // Of a writer that was killed.
    let stream = dnstap();
    let (found, _) = read_all(&stream[..stream.len() - 12]).unwrap();
    assert_eq!(found.len(), 2);
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let packet = ethernet(&[0x0800], &ipv4(17, 0, &udp(PORT, &message())));
    let whole = pcap(0xa1b2_c3d4, false, 1, &[(packet.clone(), 0)]);
    let mut long = whole.clone();
    long[24 + 8..24 + 12].copy_from_slice(&300_000u32.to_le_bytes());
    let section = block(false, 0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]);
    let other = [control(2, Some(b"protobuf:other")), dnstap()].concat();
    for (octets, words) in [
        (&b""[..], "no queries in it"),
        (
            b"www.e A 8.8.8.8\nwww.e FOO\n",
            ":2: `FOO` is no record type",
        ),
        (
            b"www.e A mars",
            ":1: `mars` is no client: expected a network such as 193.0.0.0/24",
        ),
        (
            b"www.e A 8.8.8.8 x",
            ":1: expected NAME TYPE CLIENT, found `x`",
        ),
        (b"a..e", ":1: `a..e` is no name"),
        (
            b"\x7fELF\xff\xfe\n",
            "expected text (NAME TYPE CLIENT), pcap, pcapng or dnstap",
        ),
        (&[b'x'; 5000], ":1: the line is longer than 4096 octets"),
        (b"\x1f\x8b\x08\x00", "it is compressed"),
        (
            &whole[..whole.len() - 1],
            "at octet 40: the file ends in the middle of a record",
        ),
        (&whole[..30], "at octet 24: the file ends in the middle"),
        (
            &long,
            "at octet 40: a packet of 300000 octets; at most 262144",
        ),
        (
            &pcap(0xa1b2_c3d4, false, 195, &[]),
            "packets of link type 195; expected Ethernet (1)",
        ),
        (&pcap(0xa1b2_c3d4, false, 1, &[]), "no queries in it"),
        (
            &pcap(0xa1b2_c3d4, false, 1, &[(vec![0; 60], 0)]),
            "no queries in it: 1 packets",
        ),
        (
            &b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00mars"[..],
            "expected the magic of a pcapng section",
        ),
        (
            &[section.clone(), block(false, 6, &[0; 4])].concat(),
            "a block of type 6 that is too short",
        ),
        (
            &[section.clone(), block(false, 6, &[0; 20])].concat(),
            "a packet of interface 0, which is not",
        ),
        (
            &[section, vec![6, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f]].concat(),
            "a block of 2147483647 octets",
        ),
        (&[0, 0, 0, 0, 0, 1, 0, 0], "a control frame of 65536 octets"),
        (
            &other,
            "a stream of `protobuf:other`; expected `protobuf:dnstap.Dnstap`",
        ),
        (
            &[control(2, None), vec![0x7f, 0, 0, 0]].concat(),
            "a frame of 2130706432 octets; at most 1048576",
        ),
        (
            &[control(2, None), vec![0, 0, 0, 1, 0x0b]].concat(),
            "a message that is no Protocol Buffers message",
        ),
    ] {
        let error = read_all(octets).unwrap_err();
        assert!(error.contains(words), "{words}: {error}");
        assert!(error.contains("/recording"), "{error}");
    }
    let error = read(Path::new("no/such/file"), PORT, &mut |_| Ok(())).unwrap_err();
    assert!(error.starts_with("no/such/file: "), "{error}");
}

#[test]
fn who_takes_queries_may_end_it() {
    let (_folder, path) = file(b"n{1..9}.e\n");
    let mut count = 0;
    let error = read(&path, PORT, &mut |captured| {
        assert_eq!(captured.peer, IpAddr::from([127, 0, 0, 1]));
        count += 1;
        if count < 3 {
            Ok(())
        } else {
            Err("enough".to_owned())
        }
    });
    assert!(error.unwrap_err().ends_with(":1: enough"));
    assert_eq!(count, 3);
}

proptest! {
    #[test]
    fn broken_recordings_do_no_harm(
        kind in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        len in any::<prop::sample::Index>(),
    ) {
        let packet = ethernet(&[0x8100, 0x86dd], &ipv6(17, &udp(PORT, &message())));
        let mut octets = match kind {
            0 => pcap(0xa1b2_c3d4, false, 1, &[(packet, 0)]),
            1 => pcapng(true, 1, &packet),
            2 => dnstap(),
            _ => pcap(0xa1b2_c3d4, true, 101, &[(ipv4(6, 0, &tcp(PORT, &framed(&message()))), 0)]),
        };
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        octets.truncate(len.index(octets.len() + 1));
        let (_folder, path) = file(&octets);
        // Whatever comes of it.
        let _ = read(&path, PORT, &mut |_| Ok(()));
    }
}
