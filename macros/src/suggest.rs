//! "did you mean ..", and lists of valid words.

/// Returns the candidate closest to `word`, if the difference may be a slip of the keyboard.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A third of the word may be wrong; a wilder guess would only be noise.
    let tolerance = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Lists the words as prose does: "`a`, `b` and `c`".
pub(crate) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Writes the message for a word that is not valid. `what` says what the valid words are, with its
/// article.
pub(crate) fn unknown(word: &str, what: &str, valid: &[&str]) -> String {
    let hint = did_you_mean(word, valid.iter().copied())
        .map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    let separator = if hint.is_empty() { ";" } else { "" };
    format!(
        "`{word}` is not {what}{hint}{separator} valid here: {}",
        list(valid.iter().copied())
    )
}

/// Returns the edit distance. Two swapped neighbours count once: `tiemout` is one slip and not two.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let changed = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(row[j - 1] + 1)
                .min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("tiemout", "timeout"), 1);
    }

    #[test]
    fn only_near_words_are_suggested() {
        let valid = ["timeout", "retry", "read_only"];
        assert_eq!(did_you_mean("timeuot", valid), Some("timeout"));
        assert_eq!(did_you_mean("readonly", valid), Some("read_only"));
        assert_eq!(did_you_mean("rety", valid), Some("retry"));
        assert_eq!(did_you_mean("cache", valid), None);
        assert_eq!(did_you_mean("x", ["db"]), None);
    }

    #[test]
    fn lists_read_like_prose() {
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(
            unknown("rety", "an option", &["retry"]),
            "`rety` is not an option, did you mean `retry`? valid here: `retry`"
        );
        assert_eq!(
            unknown("cache", "an option", &["retry"]),
            "`cache` is not an option; valid here: `retry`"
        );
    }
}
