//! A SQL text as tokens, for PostgreSQL and SQLite at once.
//!
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>
//! <https://www.sqlite.org/lang_keywords.html>, <https://www.sqlite.org/lang_comment.html>

use std::ops::Range;

use super::Dialect;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes, which is never a keyword.
    Name,
    /// A string.
    Text,
    /// A parameter or a number: a value that is no keyword either.
    Value,
    /// A hole of a template, together with the letters that touch it.
    Hole,
    /// `(` or `[`.
    Open,
    /// What closes it.
    Close,
    /// One character of anything else.
    Symbol,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Of what opens: the token that closes it, or one behind the last if nothing does.
    pub(super) partner: usize,
}

pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    pub(super) list: Vec<Token>,
    /// The first token that may be something else: all that follows is a guess.
    pub(super) doubt: usize,
    /// Whether a parenthesis is left open at the end.
    pub(super) unclosed: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn read(text: &'a str, template: bool, dialect: Dialect) -> Tokens<'a> {
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

    /// A token as it is written.
    pub(super) fn written(&self, at: usize) -> &'a [u8] {
        self.list
            .get(at)
            .map_or(&[], |token| &self.bytes[token.start..token.end])
    }

    pub(super) fn is_word(&self, at: usize, word: &str) -> bool {
        self.list.get(at).is_some_and(|it| it.kind == Kind::Word)
            && self.written(at).eq_ignore_ascii_case(word.as_bytes())
    }

    pub(super) fn is_symbol(&self, at: usize, symbol: u8) -> bool {
        self.list.get(at).is_some_and(|it| it.kind == Kind::Symbol) && self.written(at) == [symbol]
    }

    /// Whether a word stands where only a name can: PostgreSQL takes any keyword for the name of a
    /// column behind a dot or `AS`.
    pub(super) fn is_label(&self, at: usize) -> bool {
        at > 0 && (self.is_symbol(at - 1, b'.') || self.is_word(at - 1, "AS"))
    }
}

/// A place among the tokens of one statement or of one pair of parentheses.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) tokens: &'a Tokens<'a>,
    pub(super) at: usize,
    pub(super) end: usize,
    /// Whether more may follow that is not known.
    pub(super) open: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: &'a Tokens<'a>, part: Range<usize>, open: bool) -> Cursor<'a> {
        Cursor {
            tokens,
            at: part.start,
            end: part.end,
            open,
        }
    }

    /// The part in front of the first token that is in doubt. If that is the one behind the end, a
    /// comment in front of it is.
    pub(super) fn certain(self) -> Cursor<'a> {
        let doubt = self.tokens.doubt.max(self.at);
        Cursor {
            end: self.end.min(doubt),
            open: self.open || doubt <= self.end,
            ..self
        }
    }

    pub(super) fn done(&self) -> bool {
        self.at >= self.end
    }

    /// Whether the text is cut off here.
    pub(super) fn cut(&self) -> bool {
        self.done() && self.open
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        (!self.done()).then(|| self.tokens.list[self.at].kind)
    }

    pub(super) fn is(&self, word: &str) -> bool {
        !self.done() && self.tokens.is_word(self.at, word)
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// Whether the word stands here, or a string that is no more than the word.
    pub(super) fn says(&self, word: &str) -> bool {
        let written = self.tokens.written(self.at);
        let string = written.strip_prefix(b"'");
        let inside = string.and_then(|string| string.strip_suffix(b"'"));
        let said = inside.unwrap_or(written);
        !self.done() && said.eq_ignore_ascii_case(word.as_bytes())
    }

    pub(super) fn is_symbol(&self, symbol: u8) -> bool {
        !self.done() && self.tokens.is_symbol(self.at, symbol)
    }

    /// Goes past the word if it stands here.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.at += usize::from(found);
        found
    }

    /// Goes past one of the words if one stands here.
    pub(super) fn eat_any(&mut self, words: &[&str]) -> bool {
        let found = self.is_any(words);
        self.at += usize::from(found);
        found
    }

    pub(super) fn eat_symbol(&mut self, symbol: u8) -> bool {
        let found = self.is_symbol(symbol);
        self.at += usize::from(found);
        found
    }

    /// Goes past one token, or past all that stands in parentheses.
    pub(super) fn skip(&mut self) {
        self.at = match self.kind() {
            Some(Kind::Open) => (self.tokens.list[self.at].partner + 1).min(self.end),
            _ => (self.at + 1).min(self.end),
        };
    }

    /// Whether `(` or `[` stands here.
    pub(super) fn opens(&self, bracket: u8) -> bool {
        self.kind() == Some(Kind::Open) && self.tokens.written(self.at) == [bracket]
    }

    /// Goes past a pair of parentheses; what stands inside.
    pub(super) fn group(&mut self) -> Option<Cursor<'a>> {
        if !self.opens(b'(') {
            return None;
        }
        let partner = self.tokens.list[self.at].partner;
        let inside = self.at + 1..partner.min(self.end);
        self.skip();
        Some(Cursor::new(self.tokens, inside, partner >= self.end))
    }
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    template: bool,
    dialect: Dialect,
    /// The last string with backslashes: the next line can continue it.
    escaped: Option<usize>,
    list: Vec<Token>,
    /// The tokens that nothing has closed so far.
    open: Vec<usize>,
    /// How many of those are `[`.
    brackets: usize,
    doubt: usize,
}

impl Lexer<'_> {
    fn ahead(&self, distance: usize) -> Option<u8> {
        self.bytes.get(self.at + distance).copied()
    }

    fn push(&mut self, kind: Kind, end: usize) {
        self.list.push(Token {
            kind,
            start: self.at,
            end,
            partner: 0,
        });
        self.at = end;
    }

    /// What comes next, and all behind it, is not certain.
    fn doubt(&mut self) {
        self.doubt = self.doubt.min(self.list.len());
    }

    /// Reads one token, or what stands between two; always at least one byte.
    fn token(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t'..=b'\r' => self.at += 1,
            b'-' if self.ahead(1) == Some(b'-') => self.line_comment(),
            b'/' if self.ahead(1) == Some(b'*') => self.block_comment(),
            b'\'' => self.string(self.at, self.continues()),
            b'"' | b'`' => self.quoted(Kind::Name, self.at, false),
            b'$' => self.dollar(),
            b':' | b'@' => self.parameter(),
            b'0'..=b'9' => self.number(),
            b'(' | b'[' => self.opening(byte),
            b')' | b']' => self.closing(byte),
            b'{' if self.template && self.ahead(1) == Some(b'{') => {
                self.push(Kind::Symbol, self.at + 2);
            }
            b'{' if self.template => self.glued(),
            _ if is_word(byte) => self.word(),
            _ => {
                // SQLite stops reading at a zero byte.
                if byte == 0 {
                    self.doubt();
                }
                self.push(Kind::Symbol, self.at + 1);
            }
        }
    }

    /// Goes past something with an end of its own, which the text has to contain.
    ///
    /// In brackets it must not contain `]`: for SQLite that is the end of a name, whatever quotes
    /// are in it.
    fn delimited(&mut self, kind: Option<Kind>, end: Option<usize>) {
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

    /// The two disagree about what ends a line: for SQLite a lone carriage return does not.
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

    /// Comments nest in PostgreSQL and do not in SQLite: `/* /* */ COMMIT; -- */` commits there, and
    /// is a comment here.
    ///
    /// Where it is not known which of the two it is, they nest: statements that were put in a comment
    /// together with the comments in them are no rarity, and one comment after two beginnings is. A
    /// text that never ends when they nest is read for SQLite from there on, which also keeps the time
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

    /// Whether a string continues the one with backslashes on an earlier line.
    fn continues(&self) -> bool {
        self.escaped.is_some_and(|last| {
            let gap = self.list[last].end..self.at;
            last + 1 == self.list.len() && self.bytes[gap].contains(&b'\n')
        })
    }

    fn string(&mut self, quote: usize, escapes: bool) {
        self.quoted(Kind::Text, quote, escapes);
        if escapes {
            self.escaped = Some(self.list.len() - 1);
        }
    }

    /// A string or a name whose quote stands at `open`; a doubled quote is part of it.
    fn quoted(&mut self, kind: Kind, open: usize, escapes: bool) {
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
            (b"u" | b"U", (Some(b'&'), Some(b'"'))) => self.quoted(Kind::Name, end + 1, false),
            _ => self.glued(),
        }
    }

    /// The end of the letters, digits and the like from here on.
    fn run(&self, from: usize) -> usize {
        let rest = &self.bytes[from..];
        let length = rest
            .iter()
            .position(|byte| !is_word(*byte) && *byte != b'$');
        from + length.unwrap_or(rest.len())
    }

    /// A word, and the holes that touch it: of `t_{n}` only a part is known.
    fn glued(&mut self) {
        let mut kind = Kind::Word;
        let mut end = self.run(self.at);
        while self.is_hole(end) {
            kind = Kind::Hole;
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

    /// A string in dollar quotes, or a parameter: `$1`, and in SQLite `$name`.
    fn dollar(&mut self) {
        let from = self.at + 1;
        if self.is_hole(from) {
            self.push(Kind::Symbol, from);
            self.doubt_quote();
            return self.glued();
        }
        let letters = self.bytes[from..].iter();
        let tag = from + letters.take_while(|byte| is_word(**byte)).count();
        let numbered = self.ahead(1).is_some_and(|byte| byte.is_ascii_digit());
        if numbered {
            self.at = from;
            self.number();
        } else if self.bytes.get(tag) == Some(&b'$') {
            let delimiter = self.text.get(self.at..=tag).unwrap_or("$");
            let body = self.text.get(tag + 1..);
            let found = body.and_then(|body| body.find(delimiter));
            let end = found.map(|length| tag + 1 + length + delimiter.len());
            self.delimited(Some(Kind::Text), end);
        } else {
            // What looks like a parameter may be the beginning of a tag.
            if self.is_hole(tag) {
                self.doubt();
            }
            self.push(Kind::Value, tag);
        }
    }

    /// `${tag}$` may begin a string, whose text then looks like SQL.
    fn doubt_quote(&mut self) {
        let rest = &self.bytes[self.at..];
        let close = rest.iter().position(|byte| *byte == b'}');
        let end = close.map_or(self.bytes.len(), |close| self.run(self.at + close + 1));
        if self.bytes[self.at..end].ends_with(b"$") {
            self.doubt();
        }
    }

    /// `:name` and `@name` are parameters in SQLite; `::` is a cast.
    fn parameter(&mut self) {
        let named = self.ahead(1).is_some_and(is_word);
        if self.bytes[self.at..].starts_with(b"::") {
            self.push(Kind::Symbol, self.at + 2);
        } else if named {
            self.push(Kind::Value, self.run(self.at + 1));
        } else {
            self.push(Kind::Symbol, self.at + 1);
        }
    }

    /// Only digits and dots: PostgreSQL up to 14 reads `1WHERE` as a number and a word.
    fn number(&mut self) {
        let rest = self.bytes[self.at..].iter();
        let digits = rest.take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'_'));
        let end = self.at + digits.count();
        self.push(Kind::Value, end);
    }

    fn opening(&mut self, byte: u8) {
        self.brackets += usize::from(byte == b'[');
        self.open.push(self.list.len());
        self.push(Kind::Open, self.at + 1);
    }

    /// Parentheses inside `[..]` that do not fit together are part of a name in SQLite.
    fn closing(&mut self, byte: u8) {
        let bracket = byte == b']';
        while let Some(open) = self.open.last().copied() {
            let opened = self.bytes[self.list[open].start];
            if (opened == b'[') != bracket {
                if !bracket || self.brackets == 0 {
                    break;
                }
                self.list[open].kind = Kind::Symbol;
                self.open.pop();
                continue;
            }
            self.open.pop();
            self.brackets -= usize::from(bracket);
            self.list[open].partner = self.list.len();
            return self.push(Kind::Close, self.at + 1);
        }
        if self.brackets == 0 {
            self.doubt();
        }
        self.push(Kind::Symbol, self.at + 1);
    }
}

/// Letters of any script, digits and `_`; both databases take every byte outside ASCII for one.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}
