//! Not a lint, because no level can allow it: a text with `?` in a function for more than one
//! database.

use super::literal::Sql;
use super::site::Site;
use super::{Pass, Subject};

const MESSAGE: &str = "`?` is a placeholder only for SQLite, and this text is for each database; write `$1`, `$2`, .., which both know, or give each database its own text with `dbop::sql!(sqlite = \"..\", postgres = \"..\")`";

/// Returns the search for such texts, if the function is for more than one database.
pub(super) fn pass(subject: &Subject<'_>) -> Option<Box<dyn Pass>> {
    let on = subject.options.on.as_ref()?;
    (on.value.len() > 1).then(|| Box::new(Placeholder) as _)
}

struct Placeholder;

impl Pass for Placeholder {
    fn sql(&mut self, sql: &Sql, site: &mut Site) {
        // The text may be for another database.
        let is_for_each = !sql.is_for_one && sql.on_session != Some(false);
        if is_for_each && sql.statements.iter().any(|it| it.has_question_mark) {
            site.mistake(&sql.place, MESSAGE);
        }
    }
}
