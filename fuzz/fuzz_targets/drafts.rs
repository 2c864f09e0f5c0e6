//! Messages made of parts that mean something, so that fuzzing need not find out by itself what a
//! question or an OPT record is.

use meridian::random::Random;

const OPT: u16 = 41;
const TSIG: u16 = 250;

/// In the zones that are served, between their names, below their cuts, and elsewhere.
const NAMES: &[&[u8]] = &[
    b"\x03www\x04gslb\x07example\x03com\0",
    b"\x04docs\x04gslb\x07EXAMPLE\x03com\0",
    b"\x04gslb\x07example\x03com\0",
    b"\x07example\x03com\0",
    b"\x03www\x07example\x03com\0",
    b"\x01x\x05pages\x07example\x03com\0",
    b"\x04docs\x05pages\x07example\x03com\0",
    b"\x02eu\x05sites\x07example\x03com\0",
    b"\x01a\x01b\x03lab\x07example\x03com\0",
    b"\x07missing\x07example\x03com\0",
    b"\x04_sip\x04_tcp\x07example\x03com\0",
    b"\x07version\x04bind\0",
    b"\x02id\x06server\0",
    b"\0",
    // No names: pointers, unknown kinds of labels, no end.
    b"\xc0\x0c",
    b"\x01a\xc0\x0c",
    b"\xff\xff",
    b"\x41\x08\x01\x02",
    b"\x3f",
];
const TYPES: &[u16] = &[
    1, 28, 2, 5, 6, 12, 15, 16, 33, 39, 43, 46, 48, 64, 65, 255, 251, 252, OPT, TSIG, 249, 65_280,
];
const CLASSES: &[u16] = &[1, 1, 1, 3, 254, 255, 0];
/// EDNS options: those with a meaning of their own, in good and bad lengths, and one without.
const OPTIONS: &[(u16, &[u8])] = &[
    (3, b""),
    (3, b"name"),
    (8, b"\0\x01\x18\0\xc6\x33\x64"),
    (8, b"\0\x02\x38\0\x20\x01\x0d\xb8\0\0\0"),
    (8, b"\0\x01\0\0"),
    (8, b"\0\x01\x18\x18\xc6\x33\x64"),
    (8, b"\0\x03\x18\0"),
    (9, b""),
    (10, b"\x01\x02\x03\x04\x05\x06\x07\x08"),
    (
        10,
        b"\x01\x02\x03\x04\x05\x06\x07\x08\x01\0\0\0\x69\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08",
    ),
    (10, b"\x01\x02"),
    (11, b""),
    (11, b"\0\x64"),
    (12, b"\0\0\0\0"),
    (15, b"\0\0"),
    (65_001, b"\xff"),
];

/// A message, mostly a query, of which some part is sometimes wrong.
pub fn message(random: &mut Random) -> Vec<u8> {
    let opcode = if one_in(random, 6) {
        random.below(16)
    } else {
        0
    };
    let flags = random.next_u64() as u8 & 0x07;
    let response = u8::from(one_in(random, 30)) << 7;
    let mut message = (random.next_u64() as u16).to_be_bytes().to_vec();
    message.extend([
        response | (opcode as u8) << 3 | flags,
        random.next_u64() as u8,
    ]);
    let questions = if one_in(random, 10) {
        random.below(4)
    } else {
        1
    };
    let few = |random: &mut Random| {
        if one_in(random, 8) {
            random.below(3)
        } else {
            0
        }
    };
    let counts = [questions, few(random), few(random), random.below(3)];
    for count in counts {
        let lie = if one_in(random, 20) {
            random.next_u64() as u16
        } else {
            0
        };
        message.extend((count as u16).wrapping_add(lie).to_be_bytes());
    }
    for _ in 0..questions {
        message.extend(one_of(random, NAMES));
        message.extend(one_of(random, TYPES).to_be_bytes());
        message.extend(one_of(random, CLASSES).to_be_bytes());
    }
    for _ in 0..counts[1..].iter().sum() {
        message.extend(record(random));
    }
    if one_in(random, 15) {
        message.push(random.next_u64() as u8);
    }
    if one_in(random, 15) {
        message.truncate(random.below(message.len() as u32) as usize);
    }
    message
}

/// A record: most often an OPT with options.
fn record(random: &mut Random) -> Vec<u8> {
    let is_opt = !one_in(random, 4);
    let mut record = match is_opt && !one_in(random, 20) {
        true => vec![0],
        false => one_of(random, NAMES).to_vec(),
    };
    let rtype = if is_opt { OPT } else { one_of(random, TYPES) };
    let payload = one_of(random, &[0, 512, 513, 1232, 4096, 65_535]);
    // Extended RCODE, version and flags.
    let ttl = one_of(random, &[0, 0, 0x8000, 0x4000, 0x0001_0000, 0x0100_0000]);
    record.extend(rtype.to_be_bytes());
    record.extend::<[u8; 2]>(u16::to_be_bytes(payload));
    record.extend::<[u8; 4]>(u32::to_be_bytes(ttl));
    let options = options(random);
    let lie = if one_in(random, 20) {
        random.next_u64() as u16
    } else {
        0
    };
    record.extend((options.len() as u16).wrapping_add(lie).to_be_bytes());
    record.extend(options);
    record
}

fn options(random: &mut Random) -> Vec<u8> {
    let mut octets = Vec::new();
    for _ in 0..random.below(4) {
        let (code, data) = one_of(random, OPTIONS);
        let lie = if one_in(random, 30) {
            random.next_u64() as u16
        } else {
            0
        };
        octets.extend(code.to_be_bytes());
        octets.extend((data.len() as u16).wrapping_add(lie).to_be_bytes());
        octets.extend(data);
    }
    octets
}

fn one_in(random: &mut Random, count: u32) -> bool {
    random.below(count) == 0
}

fn one_of<T: Copy>(random: &mut Random, among: &[T]) -> T {
    among[random.below(among.len() as u32) as usize]
}
