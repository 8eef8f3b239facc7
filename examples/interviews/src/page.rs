//! Pages, the newest rows first. A page begins after an id, and not after a number of rows: a page far
//! behind costs no more than the first one, and rows that are added meanwhile move nothing.

use serde::{Deserialize, Serialize};
use sqlx::{Database, Encode, QueryBuilder, Type};

use crate::values::Limit;

/// Which page is asked for.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Paging<Id> {
    /// The last id of the page before.
    pub after: Option<Id>,
    #[serde(default)]
    pub limit: Limit,
}

#[derive(Clone, Debug, Serialize)]
pub struct Page<T, Id> {
    pub items: Vec<T>,
    /// What the next page begins after; `None` on the last page.
    pub next: Option<Id>,
}

impl<Id: Copy> Paging<Id> {
    /// Ends a statement, whose text so far ends with a condition, with what makes it one of a page.
    /// The statement reads one row too many, which tells whether there is another page.
    pub fn end<DB>(&self, sql: &mut QueryBuilder<DB>)
    where
        DB: Database,
        Id: for<'a> Encode<'a, DB> + Type<DB>,
        i64: for<'a> Encode<'a, DB> + Type<DB>,
    {
        if let Some(after) = self.after {
            sql.push(" AND id < ").push_bind(after);
        }
        sql.push(" ORDER BY id DESC LIMIT ");
        sql.push_bind(i64::from(self.limit.get()) + 1);
    }

    /// Makes the page of the rows that the statement has read.
    pub fn page<T>(&self, mut rows: Vec<T>, id: fn(&T) -> Id) -> Page<T, Id> {
        let most = usize::from(self.limit.get().unsigned_abs());
        let has_next = rows.len() > most;
        rows.truncate(most);
        Page {
            next: rows.last().map(id).filter(|_| has_next),
            items: rows,
        }
    }
}
