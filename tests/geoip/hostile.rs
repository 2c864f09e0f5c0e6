//! Databases that nobody would make by mistake: each is refused with the reason, in little time and
//! memory, and leaves nothing in the world.

use super::*;

// Values of the format (<https://maxmind.github.io/MaxMind-DB/>, "Data Field Format").

fn string(text: &str) -> Vec<u8> {
    [&[0x40 | text.len() as u8], text.as_bytes()].concat()
}

fn map(pairs: u8) -> Vec<u8> {
    vec![0xe0 | pairs]
}

/// Of so many elements, which follow.
fn array(elements: u16) -> Vec<u8> {
    match elements {
        0..29 => vec![elements as u8, 4],
        _ => [&[30, 4], &(elements - 285).to_be_bytes()[..]].concat(),
    }
}

fn pointer(offset: u32) -> Vec<u8> {
    [&[0x38], &offset.to_be_bytes()[..]].concat()
}

fn uint16(number: u16) -> Vec<u8> {
    [&[0xa2], &number.to_be_bytes()[..]].concat()
}

fn uint32(number: u32) -> Vec<u8> {
    [&[0xc4], &number.to_be_bytes()[..]].concat()
}

fn uint64(number: u64) -> Vec<u8> {
    [&[8, 2], &number.to_be_bytes()[..]].concat()
}

/// `{"country": {"iso_code": "DE"}}`
fn germany() -> Vec<u8> {
    let parts = [map(1), string("country"), map(1), string("iso_code")];
    [parts.concat(), string("DE")].concat()
}

/// A child of a node.
#[derive(Clone, Copy)]
enum To {
    Node(u32),
    Nothing,
    /// An offset in the data section.
    Data(u32),
    /// Whatever number the file is to have there.
    Raw(u32),
}

/// A file of 24-bit records, whose metadata can lie.
struct File {
    nodes: Vec<[To; 2]>,
    data: Vec<u8>,
    metadata: Vec<(&'static str, Vec<u8>)>,
}

impl File {
    /// An IPv4 tree with one record, for 0.0.0.0/1.
    fn new(data: Vec<u8>) -> Self {
        Self::with_nodes(vec![[To::Data(0), To::Nothing]], data)
    }

    fn with_nodes(nodes: Vec<[To; 2]>, data: Vec<u8>) -> Self {
        let metadata = vec![
            ("binary_format_major_version", uint16(2)),
            ("binary_format_minor_version", uint16(0)),
            ("build_epoch", uint64(1_700_000_000)),
            ("database_type", string("Hostile-City")),
            ("description", [map(1), string("en"), string("x")].concat()),
            ("ip_version", uint16(4)),
            ("languages", array(0)),
            ("node_count", uint32(nodes.len() as u32)),
            ("record_size", uint16(24)),
        ];
        File {
            nodes,
            data,
            metadata,
        }
    }

    fn metadata(mut self, key: &str, value: Vec<u8>) -> Self {
        for field in &mut self.metadata {
            if field.0 == key {
                field.1.clone_from(&value);
            }
        }
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let node_count = self.nodes.len() as u32;
        let number = |to: &To| match *to {
            To::Node(node) => node,
            To::Nothing => node_count,
            To::Data(offset) => node_count + 16 + offset,
            To::Raw(number) => number,
        };
        let mut bytes = Vec::new();
        for to in self.nodes.iter().flatten() {
            bytes.extend(&number(to).to_be_bytes()[1..]);
        }
        bytes.extend([0; 16]);
        bytes.extend(&self.data);
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        bytes.extend(map(self.metadata.len() as u8));
        for (key, value) in &self.metadata {
            bytes.extend(string(key));
            bytes.extend(value);
        }
        bytes
    }

    /// The reason for which it is refused.
    fn refusal(&self) -> String {
        let (world, mistakes) = Sources::new().database(&self.bytes()).load();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].starts_with("meridian.toml:5:14: error: database `"));
        assert!(mistakes[0].contains("0.mmdb` cannot be used: "));
        assert_eq!(world, World::default());
        mistakes[0].clone()
    }

    fn is_read(&self) -> bool {
        let (world, mistakes) = Sources::new().database(&self.bytes()).load();
        mistakes.is_empty() && country(&world, "1.1.1.1").as_deref() == Some("DE")
    }
}

fn record(value: Vec<u8>) -> Vec<u8> {
    [map(1), string("country"), value].concat()
}

#[track_caller]
fn assert_refused(file: &File, reason: &str) {
    let refusal = file.refusal();
    assert!(refusal.contains(reason), "{refusal}");
}

#[test]
fn what_the_others_are_broken_from_is_sound() {
    assert!(File::new(germany()).is_read());
}

// Data.

#[test]
fn data_that_nests_deep_is_refused() {
    let nested = [0x01, 0x04].repeat(100_000);
    assert_refused(&File::new(record(nested)), "depth");
}

#[test]
fn pointers_in_a_circle_are_refused() {
    assert_refused(&File::new(pointer(0)), "pointer");
    let there_and_back = [pointer(5), pointer(0)].concat();
    assert_refused(&File::new(there_and_back), "pointer");
    assert_refused(&File::new(record(pointer(0))), "pointer");
}

#[test]
fn pointers_past_the_end_are_refused() {
    assert_refused(&File::new(record(pointer(u32::MAX))), "invalid database");
    let past = File::with_nodes(vec![[To::Data(100), To::Nothing]], germany());
    assert_refused(&past, "pointer");
    let into_the_separator = File::with_nodes(vec![[To::Raw(9), To::Nothing]], germany());
    assert_refused(&into_the_separator, "pointer");
}

#[test]
fn counts_that_lie_are_refused() {
    // Sixteen million entries, a string of sixteen million octets; nothing follows.
    for lie in [
        vec![0xff, 0xff, 0xff, 0xff],
        vec![0x1f, 4, 0xff, 0xff, 0xff],
        vec![0x5f, 0xff, 0xff, 0xff],
        vec![0x9f, 0xff, 0xff, 0xff],
    ] {
        assert_refused(&File::new(record(lie)), "at offset");
    }
}

#[test]
fn types_of_the_future_are_refused() {
    for kind in [9, 50, 255] {
        let file = File::new(record(vec![0, kind]));
        let refusal = file.refusal();
        assert!(refusal.contains("type"), "{refusal}");
    }
}

#[test]
fn text_that_is_no_text_is_refused() {
    let file = File::new([map(1), vec![0x42, 0xff, 0xfe], string("DE")].concat());
    assert_refused(&file, "UTF-8");
}

#[test]
fn records_that_share_one_long_list_over_and_over_are_refused() {
    // A list of 20,000 maps; every record of 2,000 points to it.
    let mut data = [array(20_000), map(0).repeat(20_000)].concat();
    let records: Vec<u32> = (0..2048)
        .map(|_| {
            let here = data.len() as u32;
            data.extend([germany_with("subdivisions"), pointer(0)].concat());
            here
        })
        .collect();
    // A whole tree of 11 levels: inner nodes are 0..2047.
    let child = |node: u32| match node {
        0..2047 => To::Node(node),
        leaf => To::Data(records[leaf as usize - 2047]),
    };
    let nodes = (0..2047).map(|node| [child(2 * node + 1), child(2 * node + 2)]);
    let file = File::with_nodes(nodes.collect(), data);
    assert_refused(&file, "too much to read");
}

/// [`germany`], with one more key whose value follows.
fn germany_with(key: &str) -> Vec<u8> {
    let mut record = germany();
    record[0] += 1;
    [record, string(key)].concat()
}

// Trees.

#[test]
fn trees_in_a_circle_are_refused() {
    for nodes in [
        vec![[To::Node(0), To::Data(0)]],
        vec![[To::Node(1), To::Data(0)], [To::Data(0), To::Node(0)]],
    ] {
        assert_refused(&File::with_nodes(nodes, germany()), "cycle");
    }
}

#[test]
fn a_tree_of_few_nodes_and_more_networks_than_there_are_atoms_is_refused() {
    let nodes = (1..=128).map(|next| [To::Node(next), To::Node(next)]);
    let nodes = nodes.chain([[To::Data(0), To::Data(0)]]).collect();
    let file = File::with_nodes(nodes, germany()).metadata("ip_version", uint16(6));
    assert_refused(&file, "shares its nodes");
}

#[test]
fn node_counts_that_lie_are_refused() {
    for count in [0, 2, 1 << 24, u32::MAX] {
        let file = File::new(germany()).metadata("node_count", uint32(count));
        file.refusal();
    }
}

// Metadata.

#[test]
fn a_format_of_the_future_is_refused_and_a_later_minor_version_is_not() {
    let later = |version| File::new(germany()).metadata("binary_format_major_version", version);
    assert_refused(&later(uint16(3)), "binary_format_major_version");
    assert_refused(&later(uint16(u16::MAX)), "binary_format_major_version");
    let minor = File::new(germany()).metadata("binary_format_minor_version", uint16(9));
    assert!(minor.is_read());
}

#[test]
fn a_build_time_in_the_future_is_only_a_wrong_clock_unless_no_clock_could_show_it() {
    let built = |epoch| File::new(germany()).metadata("build_epoch", uint64(epoch));
    assert!(built(32_503_680_000).is_read(), "the year 3000");
    assert_refused(&built(u64::MAX), "build_epoch");
}

#[test]
fn sizes_and_versions_that_there_are_not_are_refused() {
    for (key, number) in [
        ("record_size", 0),
        ("record_size", 25),
        ("record_size", 36),
        ("record_size", u16::MAX),
        ("ip_version", 5),
    ] {
        let file = File::new(germany()).metadata(key, uint16(number));
        assert_refused(&file, key);
    }
}

#[test]
fn metadata_of_other_types_or_without_an_end_is_refused() {
    for (key, value) in [
        ("node_count", string("many")),
        ("languages", array(60_000)),
        ("description", pointer(0)),
        ("description", vec![0xff, 0xff, 0xff, 0xff]),
        ("database_type", [0x01, 0x04].repeat(10_000)),
    ] {
        let file = File::new(germany()).metadata(key, value);
        file.refusal();
    }
    let mut nothing = File::new(germany());
    nothing.metadata.clear();
    nothing.refusal();
}

#[test]
fn a_file_that_is_no_file_is_refused() {
    let sources = Sources::new();
    for name in ["/dev/zero", "/", "/proc/self/mem"] {
        let mut geoip = sources.geoip.clone();
        geoip.databases.push(At {
            value: PathBuf::from(name),
            place: place(),
        });
        let mut diagnostics = Diagnostics::new();
        let world = geoip::load_sources(&geoip, &[], &mut diagnostics);
        assert!(diagnostics.has_errors(), "{name}");
        assert_eq!(world, World::default());
    }
}
