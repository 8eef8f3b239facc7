//! Turns a SQL text into tokens, for PostgreSQL and SQLite at once.
//!
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>
//! <https://www.sqlite.org/lang_keywords.html>, <https://www.sqlite.org/lang_comment.html>

use super::Dialect;
use super::tokens::{Token, TokenKind, Tokens};

pub(super) fn tokenize(text: &str, template: bool, dialect: Dialect) -> Tokens<'_> {
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        at: 0,
        template,
        dialect,
        escaped: None,
        list: Vec::new(),
        open: Vec::new(),
        brackets: 0,
        doubt: usize::MAX,
    };
    while let Some(byte) = lexer.ahead(0) {
        lexer.token(byte);
    }
    let end = lexer.list.len();
    for open in &lexer.open {
        lexer.list[*open].partner = end;
    }
    Tokens {
        bytes: lexer.bytes,
        unclosed: !lexer.open.is_empty(),
        list: lexer.list,
        doubt: lexer.doubt,
    }
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    template: bool,
    dialect: Dialect,
    /// The index of the last string with backslashes, which the next line can continue; `None`
    /// before the first.
    escaped: Option<usize>,
    list: Vec<Token>,
    /// The indexes of the brackets that are still open.
    open: Vec<usize>,
    /// How many of the open brackets are `[`.
    brackets: usize,
    doubt: usize,
}

impl Lexer<'_> {
    fn ahead(&self, distance: usize) -> Option<u8> {
        self.bytes.get(self.at + distance).copied()
    }

    fn push(&mut self, kind: TokenKind, end: usize) {
        self.list.push(Token {
            kind,
            start: self.at,
            end,
            partner: 0,
        });
        self.at = end;
    }

    /// Marks the next token, and everything behind it, as uncertain.
    fn doubt(&mut self) {
        self.doubt = self.doubt.min(self.list.len());
    }

    /// Reads one token, or the white space or comment between two tokens. Consumes at least one
    /// byte.
    fn token(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t'..=b'\r' => self.at += 1,
            b'-' if self.ahead(1) == Some(b'-') => self.line_comment(),
            b'/' if self.ahead(1) == Some(b'*') => self.block_comment(),
            b'\'' => self.string(self.at, self.continues()),
            b'"' | b'`' => self.quoted(TokenKind::Name, self.at, false),
            b'$' => self.dollar(),
            b':' | b'@' => self.parameter(),
            b'0'..=b'9' => self.number(),
            b'(' | b'[' => self.opening(byte),
            b')' | b']' => self.closing(byte),
            b'{' if self.template && self.ahead(1) == Some(b'{') => {
                self.push(TokenKind::Symbol, self.at + 2);
            }
            b'{' if self.template => self.glued(),
            _ if is_word_byte(byte) => self.word(),
            _ => {
                // SQLite stops reading at a zero byte.
                if byte == 0 {
                    self.doubt();
                }
                self.push(TokenKind::Symbol, self.at + 1);
            }
        }
    }

    /// Goes past a string, a name or a comment up to `end`; `None` means that the text does not
    /// contain the end, which is uncertain.
    ///
    /// Inside `[..]`, the part must not contain `]`, because for SQLite a `]` ends the name
    /// whatever quotes stand in it.
    fn delimited(&mut self, kind: Option<TokenKind>, end: Option<usize>) {
        let to = end.unwrap_or(self.bytes.len());
        let in_name = self.brackets > 0 && self.bytes[self.at..to].contains(&b']');
        if end.is_none() || in_name {
            self.doubt();
        }
        match kind {
            Some(kind) => self.push(kind, to),
            None => self.at = to,
        }
    }

    /// Goes past a line comment. A lone carriage return ends a line for PostgreSQL and not for
    /// SQLite, so such a comment is uncertain.
    fn line_comment(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n');
        let length = length.unwrap_or(rest.len());
        let comment = &rest[..length];
        let comment = comment.strip_suffix(b"\r").unwrap_or(comment);
        if comment.contains(&b'\r') {
            self.doubt();
        }
        self.delimited(None, Some(self.at + length));
    }

    /// Goes past a block comment. Comments nest in PostgreSQL and not in SQLite: with `/* /* */
    /// COMMIT; -- */`, SQLite commits, and PostgreSQL reads one comment.
    ///
    /// If the dialect is unknown, comments nest. Statements are often put in a comment together
    /// with the comments in them, while a text with two beginnings and one end is rare. A text that
    /// never ends when comments nest is read as SQLite's from there on, which also keeps the time
    /// linear.
    fn block_comment(&mut self) {
        let end = match self.dialect {
            Dialect::Postgres => self.nested(),
            Dialect::Sqlite => self.unnested(),
            Dialect::Unknown => self.nested().or_else(|| {
                self.dialect = Dialect::Sqlite;
                self.unnested()
            }),
        };
        self.delimited(None, end);
    }

    fn unnested(&self) -> Option<usize> {
        let body = self.at + 2;
        let length = self.text.get(body..)?.find("*/")?;
        Some(body + length + 2)
    }

    fn nested(&self) -> Option<usize> {
        let (mut depth, mut at) = (1, self.at + 2);
        while depth > 0 {
            let step = match self.bytes.get(at..at + 2)? {
                b"/*" => (depth + 1, 2),
                b"*/" => (depth - 1, 2),
                _ => (depth, 1),
            };
            depth = step.0;
            at += step.1;
        }
        Some(at)
    }

    /// Returns whether a string continues a string with backslashes on an earlier line.
    fn continues(&self) -> bool {
        self.escaped.is_some_and(|last| {
            let gap = self.list[last].end..self.at;
            last + 1 == self.list.len() && self.bytes[gap].contains(&b'\n')
        })
    }

    fn string(&mut self, quote: usize, escapes: bool) {
        self.quoted(TokenKind::Text, quote, escapes);
        if escapes {
            self.escaped = Some(self.list.len() - 1);
        }
    }

    /// Reads a string or a name whose quote stands at `open`. A doubled quote is part of the text.
    fn quoted(&mut self, kind: TokenKind, open: usize, escapes: bool) {
        let quote = self.bytes[open];
        let mut at = open + 1;
        let end = loop {
            match self.bytes.get(at) {
                None => break None,
                Some(b'\\') if escapes => at += 2,
                Some(byte) if *byte != quote => at += 1,
                Some(_) if self.bytes.get(at + 1) == Some(&quote) => at += 2,
                Some(_) => break Some(at + 1),
            }
        };
        self.delimited(Some(kind), end);
    }

    fn word(&mut self) {
        let end = self.run(self.at);
        let rest = (self.bytes.get(end), self.bytes.get(end + 1));
        match (&self.bytes[self.at..end], rest) {
            (b"e" | b"E", (Some(b'\''), _)) => self.string(end, true),
            (b"b" | b"B" | b"x" | b"X" | b"n" | b"N", (Some(b'\''), _)) => self.string(end, false),
            (b"u" | b"U", (Some(b'&'), Some(b'\''))) => self.string(end + 1, false),
            (b"u" | b"U", (Some(b'&'), Some(b'"'))) => self.quoted(TokenKind::Name, end + 1, false),
            _ => self.glued(),
        }
    }

    /// Returns the end of the letters, digits, `_` and `$` from here on.
    fn run(&self, from: usize) -> usize {
        let rest = &self.bytes[from..];
        let length = rest
            .iter()
            .position(|byte| !is_word_byte(*byte) && *byte != b'$');
        from + length.unwrap_or(rest.len())
    }

    /// Reads a word with the holes that touch it: only a part of `t_{n}` is known.
    fn glued(&mut self) {
        let mut kind = TokenKind::Word;
        let mut end = self.run(self.at);
        while self.is_hole(end) {
            kind = TokenKind::Hole;
            let close = self.bytes[end..].iter().position(|byte| *byte == b'}');
            if close.is_none() {
                self.doubt();
            }
            end = close.map_or(self.bytes.len(), |close| self.run(end + close + 1));
        }
        self.push(kind, end);
    }

    fn is_hole(&self, at: usize) -> bool {
        let brace = |at| self.bytes.get(at) == Some(&b'{');
        self.template && brace(at) && !brace(at + 1)
    }

    /// Reads a string in dollar quotes, or a parameter: `$1`, and in SQLite `$name`.
    fn dollar(&mut self) {
        let from = self.at + 1;
        if self.is_hole(from) {
            self.push(TokenKind::Symbol, from);
            self.doubt_quote();
            return self.glued();
        }
        let letters = self.bytes[from..].iter();
        let tag = from + letters.take_while(|byte| is_word_byte(**byte)).count();
        let numbered = self.ahead(1).is_some_and(|byte| byte.is_ascii_digit());
        if numbered {
            self.at = from;
            self.number();
        } else if self.bytes.get(tag) == Some(&b'$') {
            let delimiter = self.text.get(self.at..=tag).unwrap_or("$");
            let body = self.text.get(tag + 1..);
            let found = body.and_then(|body| body.find(delimiter));
            let end = found.map(|length| tag + 1 + length + delimiter.len());
            self.delimited(Some(TokenKind::Text), end);
        } else {
            // The hole may continue the word and turn the parameter into the tag of a string.
            if self.is_hole(tag) {
                self.doubt();
            }
            self.push(TokenKind::Value, tag);
        }
    }

    /// Marks `${tag}$` as uncertain: the tag may begin a string, whose text would look like SQL.
    fn doubt_quote(&mut self) {
        let rest = &self.bytes[self.at..];
        let close = rest.iter().position(|byte| *byte == b'}');
        let end = close.map_or(self.bytes.len(), |close| self.run(self.at + close + 1));
        if self.bytes[self.at..end].ends_with(b"$") {
            self.doubt();
        }
    }

    /// Reads `:name` or `@name`, which are parameters in SQLite, or the cast `::`.
    fn parameter(&mut self) {
        let named = self.ahead(1).is_some_and(is_word_byte);
        if self.bytes[self.at..].starts_with(b"::") {
            self.push(TokenKind::Symbol, self.at + 2);
        } else if named {
            self.push(TokenKind::Value, self.run(self.at + 1));
        } else {
            self.push(TokenKind::Symbol, self.at + 1);
        }
    }

    /// Reads a number. Only digits, dots and `_` belong to a number: PostgreSQL up to 14 reads
    /// `1WHERE` as a number and a word.
    fn number(&mut self) {
        let rest = self.bytes[self.at..].iter();
        let digits = rest.take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'_'));
        let end = self.at + digits.count();
        self.push(TokenKind::Value, end);
    }

    fn opening(&mut self, byte: u8) {
        self.brackets += usize::from(byte == b'[');
        self.open.push(self.list.len());
        self.push(TokenKind::Open, self.at + 1);
    }

    /// Reads a closing bracket. Parentheses inside `[..]` that do not match are part of a name in
    /// SQLite.
    fn closing(&mut self, byte: u8) {
        let bracket = byte == b']';
        while let Some(open) = self.open.last().copied() {
            let opened = self.bytes[self.list[open].start];
            if (opened == b'[') != bracket {
                if !bracket || self.brackets == 0 {
                    break;
                }
                self.list[open].kind = TokenKind::Symbol;
                self.open.pop();
                continue;
            }
            self.open.pop();
            self.brackets -= usize::from(bracket);
            self.list[open].partner = self.list.len();
            return self.push(TokenKind::Close, self.at + 1);
        }
        if self.brackets == 0 {
            self.doubt();
        }
        self.push(TokenKind::Symbol, self.at + 1);
    }
}

/// Returns whether the byte belongs to a word: a letter of any script, a digit or `_`. Both
/// databases take every byte outside of ASCII for a letter.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}
