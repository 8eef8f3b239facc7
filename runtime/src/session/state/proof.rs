//! What the error of a statement proves about the effect of the statement.

use sqlx::SqlStr;

use crate::backend::Backend;
use crate::error::{Category, Class, ErrorKind};
use crate::session::sql_text;

/// Whether an error proves that the server has not even read the statement. There are two such
/// errors. The connection was closed for writing, so the end of the message was never sent. Or the
/// server says that it has ended the session for being idle (57P05): a session that has read a
/// statement is no longer idle.
pub(super) fn never_arrived(error: &sqlx::Error, class: Class) -> bool {
    match error {
        sqlx::Error::Io(io) => io.kind() == std::io::ErrorKind::BrokenPipe,
        sqlx::Error::Database(_) => class.ended_while_idle(),
        _ => false,
    }
}

/// Whether an error proves that nothing of the statement with this text was applied.
pub(super) fn refuses_all_of<DB: Backend>(text: &SqlStr, class: Class) -> bool {
    is_certain(class) && sql_text::failure_proves_nothing_applied(text.as_str(), DB::COMMENTS)
}

/// Whether the statement was certainly undone if it failed with such an error. That excludes errors
/// after which the server itself does not know, or after which some work may not have been undone.
fn is_certain(class: Class) -> bool {
    !matches!(class.category, Category::Ambiguous | Category::Internal)
        && !matches!(class.kind, ErrorKind::Io | ErrorKind::Corrupt)
}
