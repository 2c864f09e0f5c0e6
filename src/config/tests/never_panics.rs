use proptest::prelude::*;

use super::{FULL, parse_text};

/// Pieces of which configurations are made, right and wrong.
const PIECES: [&str; 40] = [
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    ",",
    ".",
    "\n",
    " ",
    "\"",
    "'",
    "\"\"\"",
    "#",
    "\\",
    "server",
    "[server]",
    "listen",
    "geoip",
    "[region.a]",
    "[pool.a]",
    "[policy.a]",
    "[policy.b]",
    "geo",
    "failover",
    "weighted",
    "[\"a\"]",
    "[\"b\"]",
    "{ a = 1 }",
    "[zone.a]",
    "balanced",
    "a",
    "é",
    "-1",
    "1e400",
    "nan",
    "18446744073709551616",
    "1979-05-27",
    "true",
    "0x_",
];

proptest! {
    #[test]
    fn on_any_text(text in any::<String>()) {
        let _ = parse_text(&text);
    }

    #[test]
    fn on_text_that_resembles_toml(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)
    ) {
        let _ = parse_text(&pieces.concat());
    }

    #[test]
    fn on_a_right_configuration_with_lines_gone_swapped_or_torn(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<prop::sample::Index>()), 1..6)
    ) {
        let mut lines: Vec<String> = FULL.lines().map(str::to_owned).collect();
        for (at, change, other) in changes {
            let (at, other) = (at.index(lines.len()), other.index(lines.len()));
            match change {
                0 => { lines.remove(at); }
                1 => lines.swap(at, other),
                2 => { let line = lines[other].clone(); lines.insert(at, line); }
                _ => { let half = lines[at].len() / 2; lines[at].truncate(half); }
            }
        }
        let _ = parse_text(&lines.join("\n"));
    }

    #[test]
    fn on_a_right_configuration_with_values_exchanged(
        from in prop::sample::select(vec!["\"eu\"", "\"1s\"", "[\"192.0.2.2\"]", "8443", "true", "\"DE\"", "{ world = 95, mail = 0 }"]),
        to in prop::sample::select(vec!["\"\"", "[]", "{}", "-5", "\"\\u0000\"", "nan", "[[]]", "{ a = {} }", "\"é:é-é\"", "1979-05-27"]),
    ) {
        let _ = parse_text(&FULL.replace(from, to));
    }
}
