//! What administrators read: counts and reports. Each is one statement on a session that only reads.

use dbop::{Conn, OperationMetrics, db_op};
use serde::Serialize;
use sqlx::query_as;

use crate::error::Result;
use crate::values::RoleSlug;

/// How many rows the tables have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Counts {
    pub users: i64,
    pub questions: i64,
    pub retired_questions: i64,
    pub sessions: i64,
    pub answers: i64,
    pub conversations: i64,
    pub messages: i64,
    pub log_lines: i64,
    pub payments: i64,
}

#[db_op(read_only, name = "admin.counts", on = [Sqlite, Postgres])]
pub async fn counts(conn: &mut Conn<'_, DB>) -> Result<Counts> {
    let counts = query_as::<DB, Counts>(
        "SELECT (SELECT COUNT(*) FROM users) AS users,
                (SELECT COUNT(*) FROM questions) AS questions,
                (SELECT COUNT(*) FROM questions WHERE retired) AS retired_questions,
                (SELECT COUNT(*) FROM sessions) AS sessions,
                (SELECT COUNT(*) FROM answers) AS answers,
                (SELECT COUNT(*) FROM conversations) AS conversations,
                (SELECT COUNT(*) FROM messages) AS messages,
                (SELECT COUNT(*) FROM system_logs) AS log_lines,
                (SELECT COUNT(*) FROM payments) AS payments",
    );
    Ok(counts.fetch_one(&mut *conn).await?)
}

/// How the interviews for one role went.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
pub struct RoleReport {
    pub role: RoleSlug,
    pub sessions: i64,
    pub finished: i64,
    /// The average of all scores; `None` before the first one.
    pub average_score: Option<f64>,
    pub paid_cents: i64,
}

#[db_op(read_only, timeout = "10s", name = "admin.report", on = [Sqlite, Postgres])]
pub async fn report(conn: &mut Conn<'_, DB>) -> Result<Vec<RoleReport>> {
    // On PostgreSQL, the sum of a BIGINT is a NUMERIC.
    let report = query_as::<DB, RoleReport>(
        "SELECT roles.role, COUNT(sessions.id) AS sessions,
                COUNT(CASE WHEN state = 'finished' THEN 1 END) AS finished,
                CAST(SUM(scored.sum) AS DOUBLE PRECISION) / SUM(scored.count) AS average_score,
                CAST(COALESCE(SUM(payments.cents), 0) AS BIGINT) AS paid_cents
         FROM roles LEFT JOIN sessions ON sessions.role = roles.role
         LEFT JOIN payments ON payments.session_id = sessions.id
         LEFT JOIN (SELECT session_id, SUM(score) AS sum, COUNT(score) AS count
                    FROM answers WHERE score IS NOT NULL GROUP BY session_id) AS scored
                ON scored.session_id = sessions.id
         GROUP BY roles.role ORDER BY roles.role",
    );
    Ok(report.fetch_all(&mut *conn).await?)
}

/// What one operation of this process has done since the process was started.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    pub name: &'static str,
    pub calls: u64,
    pub joined: u64,
    pub retries: u64,
    pub rolled_back: u64,
    pub unknown: u64,
    pub statements: u64,
    pub repeating_calls: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl From<OperationMetrics> for Operation {
    fn from(op: OperationMetrics) -> Self {
        Self {
            name: op.name,
            calls: op.calls,
            joined: op.joined,
            retries: op.retries,
            rolled_back: op.rolled_back,
            unknown: op.unknown,
            statements: op.statements,
            repeating_calls: op.repeating_calls,
            p50_ms: op.latency.p50.as_secs_f64() * 1_000.0,
            p99_ms: op.latency.p99.as_secs_f64() * 1_000.0,
        }
    }
}

pub fn operations() -> Vec<Operation> {
    dbop::metrics().into_iter().map(Operation::from).collect()
}
