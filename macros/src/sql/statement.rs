//! Reads what one statement does from its tokens.
//!
//! A statement counts only if its first clauses have the shape that the manuals give. A sentence
//! that happens to begin with `update` does not count.

use super::grammar::{CLAUSES, label, may_be_anything, name};
use super::tokens::{Cursor, TokenKind};
use super::utility::{self, Explain};
use super::{Statement, session};

/// What the clauses of one part of a statement say. A part is the statement itself, or a statement
/// in its `WITH`.
#[derive(Default)]
struct Part {
    writes: Option<&'static str>,
    unfiltered: Option<&'static str>,
    session: Option<&'static str>,
    /// Whether the part can contain `FOR UPDATE`.
    query: bool,
}

impl Part {
    fn query() -> Part {
        Part {
            query: true,
            ..Part::default()
        }
    }

    fn change(keyword: &'static str) -> Part {
        Part {
            writes: Some(keyword),
            ..Part::query()
        }
    }
}

/// Reads one statement. `holes` says where the first and the last hole of the statement are in the
/// text.
pub(super) fn read_statement(whole: Cursor<'_>, holes: Option<(usize, usize)>) -> Statement {
    let mut found = Statement {
        limited: limited(whole),
        has_question_mark: has_question_mark(whole),
        ..Statement::default()
    };
    let mut at = whole.certain();
    match utility::explain(&mut at) {
        Explain::Shown => return found,
        Explain::Run => {}
        Explain::No => found.control = utility::control(at),
    }
    if found.control.is_some() {
        return found;
    }
    found.session = session::changed_by(at);
    let statement = at;
    let reader = Reader {
        holes,
        open: at.open,
    };
    // A list of parts takes the place of recursion, because a text may nest parts without end.
    let mut parts = vec![at];
    let mut main = true;
    while let Some(at) = parts.pop() {
        let part = reader.part(at, &mut parts);
        found.writes = found.writes.or(part.writes);
        found.unfiltered = found.unfiltered.or(part.unfiltered);
        found.session = found.session.or(part.session);
        if main && part.query {
            found.locks = locks(statement);
            found.session = found
                .session
                .or_else(|| session::changed_by_call(statement));
        }
        main = false;
    }
    found
}

/// Returns whether a `?` stands in the statement, which is a placeholder of SQLite or an operator of
/// PostgreSQL.
fn has_question_mark(whole: Cursor<'_>) -> bool {
    (whole.at..whole.end).any(|at| whole.tokens.is_symbol(at, b'?'))
}

/// Returns whether `LIMIT` or `FETCH FIRST` stands in the statement, at any depth.
fn limited(whole: Cursor<'_>) -> bool {
    let Cursor { tokens, end, .. } = whole;
    (whole.at..end).any(|at| {
        let rows = |word| at + 1 < end && tokens.is_word(at + 1, word);
        let fetch = tokens.is_word(at, "FETCH") && (rows("FIRST") || rows("NEXT"));
        (fetch || tokens.is_word(at, "LIMIT")) && !tokens.is_label(at)
    })
}

/// Returns the first clause that locks rows, at any depth. In the arguments of a function, the same
/// words mean something else: `substring(name for share)` reads a column called `share`.
///
/// <https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE>
fn locks(statement: Cursor<'_>) -> Option<&'static str> {
    let mut at = statement;
    let mut queries = vec![true];
    while !at.done() {
        match at.kind() {
            Some(TokenKind::Open) => {
                at.at += 1;
                queries.push(at.is_any(&["SELECT", "WITH", "TABLE", "VALUES", "INSERT"]));
                continue;
            }
            Some(TokenKind::Close) if queries.len() > 1 => _ = queries.pop(),
            _ if queries.last() == Some(&true) && !at.tokens.is_label(at.at) => {
                let lock = lock(at);
                if lock.is_some() {
                    return lock;
                }
            }
            _ => {}
        }
        at.at += 1;
    }
    None
}

fn lock(mut at: Cursor<'_>) -> Option<&'static str> {
    if !at.eat("FOR") {
        return None;
    }
    if at.eat("NO") {
        return (at.eat("KEY") && at.is("UPDATE")).then_some("FOR NO KEY UPDATE");
    }
    if at.eat("KEY") {
        return at.is("SHARE").then_some("FOR KEY SHARE");
    }
    let lock = at.is("UPDATE").then_some("FOR UPDATE");
    lock.or(at.is("SHARE").then_some("FOR SHARE"))
}

struct Reader {
    holes: Option<(usize, usize)>,
    /// Whether more may follow at the end of the statement.
    open: bool,
}

impl Reader {
    /// Reads a part, and adds the statements in its `WITH` to `parts`.
    fn part<'a>(&self, mut at: Cursor<'a>, parts: &mut Vec<Cursor<'a>>) -> Part {
        at = unwrapped(at);
        if at.is("WITH") {
            let Some(inner) = with_clause(&mut at) else {
                return Part::default();
            };
            parts.extend(inner.into_iter().rev());
            at = unwrapped(at);
        }
        let mut words = at;
        words.skip();
        match keyword(at) {
            "SELECT" => select(words),
            "VALUES" | "TABLE" => Part::query(),
            "INSERT" => insert(words, "INSERT"),
            "REPLACE" => insert(words, "REPLACE"),
            "UPDATE" => self.update(words),
            "DELETE" => self.delete(words),
            "MERGE" => merge(words),
            "COPY" => copy(words, parts),
            keyword => Part {
                writes: utility::changes(keyword, words).then_some(keyword),
                ..Part::default()
            },
        }
    }

    /// <https://www.postgresql.org/docs/current/sql-update.html>,
    /// <https://www.sqlite.org/lang_update.html>
    fn update(&self, mut at: Cursor<'_>) -> Part {
        conflict(&mut at);
        let Some(target) = target(&mut at) else {
            return Part::default();
        };
        if !at.eat("SET") || !assignment(at) {
            return Part::default();
        }
        let named = target.rest.is("SET");
        Part {
            unfiltered: self.unfiltered("UPDATE", &target, named),
            ..Part::change("UPDATE")
        }
    }

    /// <https://www.postgresql.org/docs/current/sql-delete.html>,
    /// <https://www.sqlite.org/lang_delete.html>
    fn delete(&self, mut at: Cursor<'_>) -> Part {
        if !at.eat("FROM") {
            return Part::default();
        }
        if at.cut() {
            return Part::change("DELETE");
        }
        let Some(target) = target(&mut at) else {
            return Part::default();
        };
        let clauses = ["USING", "WHERE", "RETURNING", "ORDER", "LIMIT"];
        if !(at.done() || at.is_any(&clauses) || may_be_anything(at)) {
            return Part::default();
        }
        let rest = target.rest;
        let ends = rest.done() && rest.tokens.is_symbol(rest.end, b';');
        let named = ends || rest.is_any(&["USING", "RETURNING"]);
        Part {
            unfiltered: self.unfiltered("DELETE", &target, named),
            ..Part::change("DELETE")
        }
    }

    /// Returns the keyword if the statement certainly means every row of the table.
    ///
    /// A hole can hold the `WHERE`, even a hole inside a string. Only a hole in place of the
    /// table's name cannot, if the text is `named`: if it continues behind the hole as it would
    /// behind a name. A `LIMIT`, with which SQLite can be built, means some rows as well.
    fn unfiltered(
        &self,
        keyword: &'static str,
        target: &Target<'_>,
        named: bool,
    ) -> Option<&'static str> {
        let only_name = self.holes.is_none_or(|(first, last)| {
            named && target.start <= first && last < target.end && first <= last
        });
        let mut rest = target.rest;
        while !rest.done() && !rest.is_any(&["WHERE", "LIMIT"]) {
            rest.skip();
        }
        (rest.done() && only_name && !self.open).then_some(keyword)
    }
}

/// Returns the statement inside the parentheses around all of the statement, or around the first
/// part of a `UNION`.
fn unwrapped(mut at: Cursor<'_>) -> Cursor<'_> {
    while let Some(inner) = at.group() {
        at = inner;
    }
    at
}

/// Returns the first word in capitals if the word begins a statement that this module reads;
/// otherwise an empty text.
fn keyword(at: Cursor<'_>) -> &'static str {
    const KEYWORDS: [&str; 20] = [
        "SELECT", "VALUES", "TABLE", "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE", "COPY",
        "CREATE", "ALTER", "DROP", "TRUNCATE", "GRANT", "REVOKE", "COMMENT", "REINDEX", "VACUUM",
        "CLUSTER", "REFRESH",
    ];
    let found = KEYWORDS.iter().find(|word| at.is(word));
    found.copied().unwrap_or_default()
}

/// Goes past `WITH ..`, and returns the statements in its parentheses; `None` if the clause has
/// another shape.
///
/// <https://www.postgresql.org/docs/current/sql-select.html#SQL-WITH>
fn with_clause<'a>(at: &mut Cursor<'a>) -> Option<Vec<Cursor<'a>>> {
    at.eat("WITH");
    at.eat("RECURSIVE");
    let mut found = Vec::new();
    loop {
        name(at)?;
        at.group();
        if !at.eat("AS") {
            return None;
        }
        at.eat("NOT");
        at.eat("MATERIALIZED");
        found.push(at.group()?);
        if at.eat("SEARCH") {
            past(at, "SET");
        }
        if at.eat("CYCLE") {
            past(at, "USING");
        }
        if !at.eat_symbol(b',') {
            return Some(found);
        }
    }
}

/// Goes past a word and the name behind the word.
fn past(at: &mut Cursor<'_>, word: &str) {
    while !at.done() && !at.is(word) {
        at.skip();
    }
    at.skip();
    at.skip();
}

fn select(at: Cursor<'_>) -> Part {
    match into(at) {
        Some(target) => Part {
            session: session::into_temporary(target).then_some("SELECT INTO TEMP"),
            ..Part::change("SELECT INTO")
        },
        None => Part::query(),
    }
}

/// Returns the table's name behind PostgreSQL's `INTO`, if `INTO` stands between the columns and
/// the `FROM` of a select.
///
/// <https://www.postgresql.org/docs/current/sql-selectinto.html>
fn into(mut at: Cursor<'_>) -> Option<Cursor<'_>> {
    let ends = ["FROM", "WHERE", "UNION", "INTERSECT", "EXCEPT"];
    let mut distinct = false;
    while !at.done() && (distinct || !at.is_any(&ends) || at.tokens.is_label(at.at)) {
        if at.is("INTO") && !at.tokens.is_label(at.at) {
            at.skip();
            let target = at;
            return name(&mut at).map(|()| target);
        }
        // The FROM of IS DISTINCT FROM does not begin a clause.
        distinct = at.is("DISTINCT");
        at.skip();
    }
    None
}

/// A table's name in `UPDATE` and `DELETE`.
struct Target<'a> {
    /// The place of the name in the text.
    start: usize,
    end: usize,
    /// The tokens behind the name.
    rest: Cursor<'a>,
}

/// Goes past `[ONLY] name [*] [[AS] alias] [INDEXED BY name | NOT INDEXED]`.
fn target<'a>(at: &mut Cursor<'a>) -> Option<Target<'a>> {
    let mut only = *at;
    if only.eat("ONLY") && !only.done() && !only.is_any(&CLAUSES) {
        *at = only;
    }
    let start = at.at;
    if at.group().is_none() {
        name(at)?;
    }
    let list = &at.tokens.list;
    let target = Target {
        start: list[start].start,
        end: list[at.at - 1].end,
        rest: *at,
    };
    at.eat_symbol(b'*');
    if at.eat("AS") {
        name(at)?;
    } else if !at.is_any(&CLAUSES) && !at.is("INDEXED") {
        name(at);
    }
    if at.eat("INDEXED") {
        at.eat("BY");
        name(at)?;
    } else if at.eat("NOT") && !at.eat("INDEXED") {
        return None;
    }
    Some(target)
}

/// Returns whether `SET` is followed by an assignment.
fn assignment(mut at: Cursor<'_>) -> bool {
    if may_be_anything(at) || at.cut() {
        return true;
    }
    if at.group().is_none() && label(&mut at).is_none() {
        return false;
    }
    while at.eat_symbol(b'.') || at.opens(b'[') {
        at.skip();
    }
    at.is_symbol(b'=') || may_be_anything(at) || at.cut()
}

/// Goes past SQLite's `OR IGNORE` and the like.
///
/// <https://www.sqlite.org/lang_conflict.html>
fn conflict(at: &mut Cursor<'_>) {
    if at.eat("OR") {
        at.eat_any(&["ROLLBACK", "ABORT", "REPLACE", "FAIL", "IGNORE"]);
    }
}

/// <https://www.postgresql.org/docs/current/sql-insert.html>,
/// <https://www.sqlite.org/lang_insert.html>
fn insert(mut at: Cursor<'_>, keyword: &'static str) -> Part {
    conflict(&mut at);
    if !at.eat("INTO") || (name(&mut at).is_none() && !at.cut()) {
        return Part::default();
    }
    if at.eat("AS") && name(&mut at).is_none() && !at.cut() {
        return Part::default();
    }
    let rows = ["VALUES", "SELECT", "DEFAULT", "OVERRIDING", "WITH", "TABLE"];
    if at.opens(b'(') || at.is_any(&rows) || may_be_anything(at) || at.cut() {
        Part::change(keyword)
    } else {
        Part::default()
    }
}

/// <https://www.postgresql.org/docs/current/sql-merge.html>
fn merge(mut at: Cursor<'_>) -> Part {
    let shape = at.eat("INTO") && (target(&mut at).is_some() || at.cut());
    if shape && (at.is("USING") || may_be_anything(at) || at.cut()) {
        Part::change("MERGE")
    } else {
        Part::default()
    }
}

/// Reads `COPY t FROM`, which writes, or `COPY (..) TO`, of which the statement in parentheses
/// counts.
///
/// <https://www.postgresql.org/docs/current/sql-copy.html>
fn copy<'a>(mut at: Cursor<'a>, parts: &mut Vec<Cursor<'a>>) -> Part {
    if let Some(query) = at.group() {
        if !at.is("TO") {
            return Part::default();
        }
        parts.push(query);
        return Part::query();
    }
    let shape = name(&mut at).is_some();
    at.group();
    let from = at.eat("FROM");
    if shape && from && (!at.done() || at.open) {
        Part::change("COPY")
    } else {
        Part::default()
    }
}
