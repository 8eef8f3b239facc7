//! The errors of sqlx that may pass, as hand-written code decides it.

/// Returns whether this is a conflict with another session: a serialization failure or a deadlock
/// of Postgres, or SQLite's BUSY or LOCKED with their extended codes.
pub(crate) fn passes(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    match error.code().as_deref() {
        Some("40001" | "40P01") => true,
        Some(code) if code.len() < 5 => code
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 5 | 6)),
        _ => false,
    }
}
