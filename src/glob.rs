//! Patterns with `*`.

/// Whether `name` is `pattern`, in which `*` stands for any octets, none as well; nothing else is special.
pub fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let mut pieces = pattern.split(|&octet| octet == b'*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    // What is not at an end may as well stand as early as it can.
    for piece in pieces {
        match find(rest, piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    match piece.len() {
        0 => Some(0),
        len => text.windows(len).position(|window| window == piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_octets_none_as_well() {
        for (pattern, name, expected) in [
            ("db.*", "db.example.com", true),
            ("db.*", "xdb.example.com", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a--b--bc", true),
            ("a*b*c", "ac", false),
            ("a**c", "abc", true),
            ("aa*aa", "aaa", false),
            ("ab*ba", "aba", false),
            ("b*n*a", "banana", true),
            ("b*x*a", "banana", false),
            ("*", "", true),
            ("**", "x", true),
            ("*a", "banana", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("", "x", false),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
    }
}
