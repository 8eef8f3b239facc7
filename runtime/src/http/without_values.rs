//! [`without_values`]: the text of a statement of PostgreSQL, without the values in it.

/// The most characters that are shown of a statement.
const LONGEST: usize = 300;

/// Returns a statement with `?` in place of each string and number, without comments, and with single
/// spaces. When in doubt, what follows is left out.
pub(super) fn without_values(sql: &str) -> String {
    let mut shown = String::new();
    let mut rest = sql;
    while let Some(next) = rest.chars().next() {
        if shown.len() > LONGEST {
            shown.push('…');
            break;
        }
        let after_word = shown.ends_with(is_of_word);
        let (taken, as_text) = if rest.starts_with("--") {
            (rest.find('\n').unwrap_or(rest.len()), " ")
        } else if rest.starts_with("/*") {
            (comment(rest), " ")
        } else if next.is_whitespace() {
            (next.len_utf8(), " ")
        } else if next == '\'' {
            // The letter in front of a string says how it is read: E'..', B'..', U&'..'.
            let before = shown.strip_suffix(['e', 'E']);
            let escapes = before.is_some_and(|before| !before.ends_with(is_of_word));
            (string(rest, escapes), "?")
        } else if next == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |at| at + 2);
            (end, &rest[..end])
        } else if next == '$' && !after_word {
            match dollar_string(rest) {
                Some(taken) => (taken, "?"),
                None => (parameter(rest), &rest[..parameter(rest)]),
            }
        } else if (next.is_ascii_digit() || (next == '.' && starts_digit(&rest[1..])))
            && !after_word
        {
            (number(rest), "?")
        } else {
            (next.len_utf8(), &rest[..next.len_utf8()])
        };
        if as_text != " " || !(shown.is_empty() || shown.ends_with(' ')) {
            shown.push_str(as_text);
        }
        rest = &rest[taken..];
    }
    shown.trim_end().to_owned()
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

fn starts_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// The length of a comment, which may have others inside.
fn comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a string in single quotes. A backslash may escape a quote in any string, as far as can
/// be known here, so a string in which the two readings differ reaches to the end of the text.
fn string(text: &str, escapes: bool) -> usize {
    let plain = end_of_string(text, false);
    let escaped = end_of_string(text, true);
    match (escapes, plain == escaped) {
        (_, true) => plain,
        (true, false) => escaped,
        (false, false) => text.len(),
    }
}

fn end_of_string(text: &str, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The length of `$tag$..$tag$`. `None` if the text does not begin with such a string.
fn dollar_string(text: &str) -> Option<usize> {
    let tag_end = text[1..].find('$')? + 2;
    let tag = &text[..tag_end];
    let name = &tag[1..tag_end - 1];
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    if starts_digit(name) || !name.chars().all(is_name) {
        return None;
    }
    let end = text[tag_end..].find(tag);
    Some(end.map_or(text.len(), |at| tag_end + at + tag.len()))
}

/// The length of a parameter such as `$1`.
fn parameter(text: &str) -> usize {
    let digits = text[1..].find(|c: char| !c.is_ascii_digit());
    digits.map_or(text.len(), |at| at + 1)
}

/// The length of a number, such as `1_000`, `1.5e-3` or `0xFF`.
fn number(text: &str) -> usize {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let in_number = c.is_ascii_alphanumeric()
            || matches!(c, '.' | '_')
            || (matches!(c, '+' | '-') && matches!(before, 'e' | 'E'));
        if !in_number {
            return at;
        }
        before = c;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_shown_without_its_values() {
        for (sql, shown) in [
            (
                "SELECT * FROM t WHERE name = 'O''Brien' AND id = 4711",
                "SELECT * FROM t WHERE name = ? AND id = ?",
            ),
            (
                "INSERT INTO t2 VALUES ($1, $2)",
                "INSERT INTO t2 VALUES ($1, $2)",
            ),
            (
                "SELECT E'it\\'s', 1.5e-3, .5, 0xFF, 1_000",
                "SELECT E?, ?, ?, ?, ?",
            ),
            ("SELECT $$a 'secret'$$, $x$ 5 $$ $x$", "SELECT ?, ?"),
            (
                "SELECT \"my 5 col\" FROM a1b",
                "SELECT \"my 5 col\" FROM a1b",
            ),
            (
                "SELECT 1 -- s3cret\n, 2 /* s3 /* x */ cret */",
                "SELECT ? , ?",
            ),
            ("  UPDATE\n\tt SET  a=-5", "UPDATE t SET a=-?"),
            ("SELECT 'not ended s3cret", "SELECT ?"),
            ("SELECT $q$ not ended s3cret", "SELECT ?"),
            ("SELECT 'a\\', 's3cret'", "SELECT ?"),
            ("SELECT x LIKE'a\\' AND y='s3cret'", "SELECT x LIKE?"),
            ("SELECT 'größe', größe2 FROM t", "SELECT ?, größe2 FROM t"),
            ("", ""),
        ] {
            assert_eq!(without_values(sql), shown, "{sql}");
        }
    }

    #[test]
    fn any_text_has_an_end() {
        let parts = [
            "'", "\\", "$", "$a$", "\"", "/*", "*/", "--", "\n", "ü", "1", "e", ".", " ",
        ];
        for _ in 0..5000 {
            let sql: String = (0..fastrand::usize(0..12))
                .map(|_| parts[fastrand::usize(0..parts.len())])
                .collect();
            without_values(&sql);
        }
    }

    #[test]
    fn a_long_statement_is_cut() {
        let shown = without_values(&"SELECT a, ".repeat(1000));
        assert!(shown.ends_with('…') && shown.len() < 320, "{shown}");
    }
}
