//! Which errors of sqlx may pass, as hand-written code decides it.

/// A conflict with another session: serialization failures and deadlocks of Postgres, BUSY and
/// LOCKED of SQLite with their extensions.
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
