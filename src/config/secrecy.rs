//! What looks like a secret is not shown, wherever in a configuration it stands: where a quote is
//! missing or a key is misspelt, nothing else tells it from other text.

use std::ops::RangeInclusive;

use crate::dns::cookie::Secret;

/// Hexadecimal digits in a row that look like one: as many as it has, a few more or a few fewer.
const DIGITS: RangeInclusive<usize> = 2 * Secret::LEN - 4..=2 * Secret::LEN + 4;

fn secrets(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_hexdigit())
        .filter(|run| DIGITS.contains(&run.len()))
}

/// Whether something in a text looks like a secret.
pub(super) fn has_secret(text: &str) -> bool {
    secrets(text).next().is_some()
}

/// The text without what looks like secrets in it.
pub(super) fn masked(text: String) -> String {
    let whole = text.clone();
    secrets(&whole).fold(text, |text, secret| text.replace(secret, "…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_hexadecimal_digits_look_like_a_secret() {
        for (digits, looks_like_one) in
            [(27, false), (28, true), (32, true), (36, true), (40, false)]
        {
            let text = format!("did you mean \"{}\"?", "a1".repeat(20)[..digits].to_owned());
            assert_eq!(has_secret(&text), looks_like_one, "{digits}");
            let expected = match looks_like_one {
                true => "did you mean \"…\"?".to_owned(),
                false => text.clone(),
            };
            assert_eq!(masked(text), expected);
        }
    }
}
