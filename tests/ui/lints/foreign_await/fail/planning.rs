//! The planning of a report as it must not be: the transaction holds its connection while a language model
//! thinks. The example `planning` has the right ways.
#![allow(unused)]

use dbop::{DbError, Tx, guarded, transactional};

#[derive(Debug, thiserror::Error, DbError)]
enum PlanningError {
    #[error("the model is away")]
    #[db_error(category = transient)]
    Away,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

struct Model;

impl Model {
    #[guarded(breaker = "llm", retry(attempts = 4))]
    async fn propose(&self, regulatory_context: &str) -> Result<Vec<String>, PlanningError> {
        Err(PlanningError::Away)
    }
}

#[transactional(on = [Sqlite, Postgres])]
async fn create_cycle_report_planning(
    tx: &mut Tx<'_, DB>,
    model: &Model,
    report: i64,
) -> Result<(), PlanningError> {
    let context = sqlx::query_scalar("SELECT regulatory_context FROM reports WHERE report = $1");
    let context: String = context.bind(report).fetch_one(&mut *tx).await?;
    let proposed = model.propose(&context).await?;
    let store = sqlx::query("UPDATE reports SET attributes = $1 WHERE report = $2");
    let store = store.bind(proposed.join(", ")).bind(report);
    store.execute(&mut *tx).await?;
    Ok(())
}

fn main() {}
