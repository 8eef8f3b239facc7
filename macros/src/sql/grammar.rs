//! The parts that every kind of statement is made of: names, and the places where a hole may stand
//! for anything.

use super::tokens::{Cursor, TokenKind};

/// Words that end the name of a table and everything that belongs to the name.
pub(super) const CLAUSES: [&str; 17] = [
    "SET",
    "WHERE",
    "FROM",
    "USING",
    "RETURNING",
    "ORDER",
    "LIMIT",
    "NOT",
    "AS",
    "VALUES",
    "SELECT",
    "DEFAULT",
    "OVERRIDING",
    "ON",
    "WITH",
    "INTO",
    "TO",
];

/// Goes past a name with all its dots; `None` if something else stands here.
pub(super) fn name(at: &mut Cursor<'_>) -> Option<()> {
    if at.is_any(&CLAUSES) {
        return None;
    }
    label(at)?;
    while at.eat_symbol(b'.') {
        label(at)?;
    }
    Some(())
}

/// Goes past one part of a name, which may be a keyword. SQLite takes strings and `[..]` as well.
pub(super) fn label(at: &mut Cursor<'_>) -> Option<()> {
    let fits = matches!(
        at.kind(),
        Some(TokenKind::Word | TokenKind::Name | TokenKind::Text | TokenKind::Hole)
    );
    (fits || at.opens(b'[')).then(|| at.skip())
}

/// Returns whether one name stands here, and nothing behind it.
pub(super) fn only_name(mut at: Cursor<'_>) -> bool {
    at.cut() || (label(&mut at).is_some() && at.done())
}

/// Returns whether a hole stands here or directly in front. Such a hole can hold any clause.
pub(super) fn may_be_anything(at: Cursor<'_>) -> bool {
    let before = at
        .at
        .checked_sub(1)
        .map(|at_before| &at.tokens.list[at_before]);
    at.kind() == Some(TokenKind::Hole)
        || before.is_some_and(|before| before.kind == TokenKind::Hole)
}
