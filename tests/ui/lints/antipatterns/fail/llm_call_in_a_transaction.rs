//! A planning service that asks a language model between its first statement and its last.
//!
//! In production a model takes half a minute. Twenty users who plan at the same time hold all twenty
//! connections of the pool and lock their reports, and every other request times out although the
//! database is idle. A conflict replays the transaction, and the model is paid twice. The task that
//! was spawned tells the user that it is done before the commit, or without one.
#![allow(unused)]

use dbop::{Tx, transactional};
use sqlx::Postgres;

struct Model;

impl Model {
    async fn generate(&self, context: &str) -> anyhow::Result<Vec<String>> {
        Ok(vec![context.to_owned()])
    }
}

async fn report_progress(report: i64) {
    println!("{report}");
}

#[dbop::deny(query_in_loop)]
#[transactional]
async fn plan(tx: &mut Tx<'_, Postgres>, model: &Model, report: i64) -> anyhow::Result<usize> {
    let context: String =
        sqlx::query_scalar("SELECT context FROM reports WHERE id = $1 FOR UPDATE")
            .bind(report)
            .fetch_one(&mut *tx)
            .await?;
    let attributes = model.generate(&context).await?;
    tokio::spawn(report_progress(report));
    for attribute in &attributes {
        sqlx::query("INSERT INTO attributes (report, name) VALUES ($1, $2)")
            .bind(report)
            .bind(attribute)
            .execute(&mut *tx)
            .await?;
    }
    Ok(attributes.len())
}

// The same, with a time limit: the connection is held no longer than ten seconds, by everyone.
#[transactional]
async fn plan_within_ten_seconds(
    tx: &mut Tx<'_, Postgres>,
    model: &Model,
    report: i64,
) -> anyhow::Result<usize> {
    let limit = std::time::Duration::from_secs(10);
    let attributes = tokio::time::timeout(limit, model.generate("context")).await??;
    Ok(attributes.len())
}

fn main() {}
