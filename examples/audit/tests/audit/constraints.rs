//! The database itself refuses rows that must not be there.

use dbop::{Db, db_op};
use sqlx::Sqlite;

use crate::common::{Bench, Which};

/// Statements, and what the database says to each.
const REFUSED: &[(&str, &str)] = &[
    ("INSERT INTO audits (status) VALUES ('done')", "status IN"),
    (
        "INSERT INTO audits (status) VALUES ('processing')",
        "started_at IS NOT NULL",
    ),
    (
        "INSERT INTO audits (status, started_at) VALUES ('completed', '2026-01-01')",
        "completed_at IS NOT NULL",
    ),
    (
        "INSERT INTO audits (status, started_at) VALUES ('failed', '2026-01-01')",
        "error_message IS NOT NULL",
    ),
    (
        "INSERT INTO audits (error_message) VALUES ('why')",
        "error_message IS NOT NULL",
    ),
    ("INSERT INTO audits (company_id) VALUES (99)", "FOREIGN KEY"),
    ("INSERT INTO companies (name) VALUES ('DuckDB')", "UNIQUE"),
    (
        "INSERT INTO competitors (company_id, competitor_name) VALUES (1, 'Polars')",
        "UNIQUE",
    ),
    (
        "INSERT INTO company_features (company_id, feature_name) VALUES (1, '')",
        "feature_name <> ''",
    ),
    (
        "INSERT INTO audit_queries (audit_id, position, query_text) VALUES (1, 46, 'Why?')",
        "",
    ),
    (
        "INSERT INTO audit_queries (audit_id, position, query_text) VALUES (1, 47, 'Why?')",
        "UNIQUE",
    ),
    (
        "INSERT INTO audit_queries (audit_id, position, query_text) VALUES (1, 46, 'How?')",
        "UNIQUE",
    ),
    (
        "INSERT INTO audit_queries (audit_id, position, query_text) VALUES (1, 0, 'Who?')",
        "position >= 1",
    ),
    (
        "UPDATE audit_responses SET provider = 'elm' WHERE id = 1",
        "provider IN",
    ),
    (
        "UPDATE audit_responses SET tokens_used = 'many' WHERE id = 1",
        "cannot store TEXT value",
    ),
    (
        "UPDATE audit_responses SET tokens_used = -1 WHERE id = 1",
        "tokens_used >= 0",
    ),
    (
        "UPDATE audit_responses SET cache_hit = 2 WHERE id = 1",
        "cache_hit IN",
    ),
    (
        "UPDATE audit_responses SET mention_position = 1000 WHERE id = 1",
        "mention_position BETWEEN",
    ),
    (
        "UPDATE audit_responses SET mention_position = -1 WHERE id = 1",
        "mention_position BETWEEN",
    ),
    (
        "UPDATE audit_responses SET mention_rank = 0 WHERE id = 1",
        "mention_rank >= 1",
    ),
    (
        "UPDATE audit_responses SET mention_rank = NULL WHERE id = 1",
        "mention_rank IS NOT NULL",
    ),
    (
        "UPDATE audit_responses SET brand_mentioned = 0 WHERE id = 1",
        "mention_position IS NOT NULL",
    ),
    (
        "UPDATE audit_responses SET competitors = NULL WHERE id = 1",
        "competitors IS NULL",
    ),
    (
        "UPDATE audit_responses SET competitors = '{}' WHERE id = 1",
        "'array'",
    ),
    (
        "UPDATE audit_responses SET model_version = 'alder-2' WHERE id = 1",
        "UNIQUE",
    ),
    (
        "UPDATE audit_scores SET mentions = answers + 1 WHERE id = 1",
        "mentions BETWEEN",
    ),
    (
        "UPDATE audit_scores SET visibility = 1001 WHERE id = 1",
        "visibility BETWEEN",
    ),
    (
        "UPDATE audit_scores SET model_version = 'cedar-1' WHERE provider IS NULL",
        "model_version IS NULL",
    ),
    (
        "INSERT INTO audit_scores (audit_id, answers, mentions, visibility, competitor_share)
         VALUES (1, 1, 0, 0, 0)",
        "UNIQUE",
    ),
    (
        "UPDATE audit_insights SET severity = 'bad' WHERE id = 1",
        "severity IN",
    ),
    (
        "UPDATE final_responses SET response_id = 9999 WHERE response_id = 1",
        "FOREIGN KEY",
    ),
];

#[dbop::test]
async fn bad_rows_are_refused(db: Db<Sqlite>) {
    let bench = Bench::new(db, Which::Native).await;
    let audit = bench.audit().await;
    bench.run(audit).await.unwrap();
    for (statement, reason) in REFUSED {
        match bench.execute(statement).await {
            Ok(rows) => assert_eq!((rows, *reason), (1, ""), "{statement}"),
            Err(error) => {
                assert!(
                    !reason.is_empty() && error.contains(reason),
                    "{statement}: {error}"
                );
            }
        }
    }
}

/// `foreign_keys` is a setting of each connection, and is off unless it is set.
#[dbop::test]
async fn the_connections_of_the_sync_half_check_foreign_keys(db: Db<Sqlite>) {
    let bench = Bench::new(db, Which::Sync).await;
    let error = insert_orphan(&bench.database.blocking).await.unwrap_err();
    assert_eq!(error.kind(), dbop::ErrorKind::ForeignKey, "{error}");
}

#[db_op]
fn insert_orphan(conn: &mut rusqlite::Connection) -> dbop::Result<()> {
    conn.execute("INSERT INTO audits (company_id) VALUES (99)", [])?;
    Ok(())
}
