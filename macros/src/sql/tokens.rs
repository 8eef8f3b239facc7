//! The tokens of a SQL text, and a cursor that walks over those of one statement.

use std::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TokenKind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes, which is never a keyword.
    Name,
    /// A string.
    Text,
    /// A parameter or a number, which cannot be a keyword.
    Value,
    /// A hole of a template, together with the letters that touch the hole.
    Hole,
    /// `(` or `[`.
    Open,
    /// `)` or `]`.
    Close,
    /// Any other character.
    Symbol,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// For an opening bracket, the index of the closing one, or of the end of the list if nothing
    /// closes the bracket.
    pub(super) partner: usize,
}

pub(super) struct Tokens<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) list: Vec<Token>,
    /// The index of the first token that may be something else. All tokens behind that one are a
    /// guess.
    pub(super) doubt: usize,
    /// Whether a bracket is still open at the end.
    pub(super) unclosed: bool,
}

impl<'a> Tokens<'a> {
    /// Returns a token as it is written.
    pub(super) fn written(&self, at: usize) -> &'a [u8] {
        self.list
            .get(at)
            .map_or(&[], |token| &self.bytes[token.start..token.end])
    }

    pub(super) fn is_word(&self, at: usize, word: &str) -> bool {
        self.list
            .get(at)
            .is_some_and(|it| it.kind == TokenKind::Word)
            && self.written(at).eq_ignore_ascii_case(word.as_bytes())
    }

    pub(super) fn is_symbol(&self, at: usize, symbol: u8) -> bool {
        self.list
            .get(at)
            .is_some_and(|it| it.kind == TokenKind::Symbol)
            && self.written(at) == [symbol]
    }

    /// Returns whether a word stands where only a name can: behind a dot or `AS`, PostgreSQL takes
    /// any keyword for the name of a column.
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
    /// Whether unknown text may follow the end.
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

    /// Returns the part in front of the first uncertain token. If that token is the one behind the
    /// end, a comment in front of it is uncertain.
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

    /// Returns whether the text is cut off here.
    pub(super) fn cut(&self) -> bool {
        self.done() && self.open
    }

    pub(super) fn kind(&self) -> Option<TokenKind> {
        (!self.done()).then(|| self.tokens.list[self.at].kind)
    }

    pub(super) fn is(&self, word: &str) -> bool {
        !self.done() && self.tokens.is_word(self.at, word)
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// Returns whether the word stands here, or a string that contains only the word.
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

    /// Goes past one token, or past everything in a pair of parentheses.
    pub(super) fn skip(&mut self) {
        self.at = match self.kind() {
            Some(TokenKind::Open) => (self.tokens.list[self.at].partner + 1).min(self.end),
            _ => (self.at + 1).min(self.end),
        };
    }

    /// Returns whether `(` or `[` stands here.
    pub(super) fn opens(&self, bracket: u8) -> bool {
        self.kind() == Some(TokenKind::Open) && self.tokens.written(self.at) == [bracket]
    }

    /// Goes past a pair of parentheses, and returns the tokens inside; `None` if no parenthesis
    /// stands here.
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
