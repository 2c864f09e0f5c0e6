//! "Did you mean …?": the nearest of the names that would have been right.

/// Candidates that are looked at, at most: a suggestion is not worth a long search.
const CANDIDATES_MAX: usize = 10_000;
/// Longest name that is compared, in octets: nothing longer is a name.
const LEN_MAX: usize = 255;

/// The candidate with the fewest edits from `word`, if a third of the longer one's letters (at least
/// one) suffice.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > LEN_MAX {
        return None;
    }
    let word: Vec<char> = word.to_lowercase().chars().collect();
    candidates
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter(|candidate| candidate.len() <= LEN_MAX)
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= (word.len().max(candidate.len()) / 3).max(1))
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

/// The nearest candidate as a help text.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment),
/// without case.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitution = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitution.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let names = ["web-eu", "web-us", "interval"];
        assert_eq!(nearest("web-ue", names), Some("web-eu"));
        assert_eq!(nearest("intervall", names), Some("interval"));
        assert_eq!(nearest("Interval", names), Some("interval"));
    }

    #[test]
    fn a_name_that_resembles_none_gets_no_suggestion() {
        assert_eq!(nearest("database", ["web-eu", "web-us"]), None);
        assert_eq!(nearest("", ["web-eu"]), None);
    }
}
