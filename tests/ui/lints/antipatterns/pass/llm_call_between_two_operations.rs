//! The same planning service: it reads, asks the model with no connection, and writes. The rows go
//! in in chunks, each a transaction that is retried by itself, and progress is told when a chunk has
//! been committed.
#![deny(warnings)]
#![allow(dead_code)]

use dbop::{Conn, Db, Tx, db_op, transactional};
use sqlx::{Postgres, QueryBuilder};

struct Model;

impl Model {
    async fn generate(&self, context: &str) -> anyhow::Result<Vec<String>> {
        Ok(vec![context.to_owned()])
    }
}

async fn report_progress(report: i64, stored: usize) {
    println!("{report}: {stored}");
}

#[db_op(read_only)]
async fn context(conn: &mut Conn<'_, Postgres>, report: i64) -> dbop::Result<(String, i64)> {
    let context = sqlx::query_as("SELECT context, version FROM reports WHERE id = $1");
    Ok(context.bind(report).fetch_one(&mut *conn).await?)
}

// What was read may have changed meanwhile: then there is no row of that version.
#[transactional]
async fn store(
    tx: &mut Tx<'_, Postgres>,
    report: i64,
    version: i64,
    attributes: &[String],
    stored: usize,
) -> dbop::Result<()> {
    let _current: i64 =
        sqlx::query_scalar("SELECT id FROM reports WHERE id = $1 AND version = $2 FOR UPDATE")
            .bind(report)
            .bind(version)
            .fetch_one(&mut *tx)
            .await?;
    let mut insert = QueryBuilder::new("INSERT INTO attributes (report, name) ");
    insert.push_values(attributes, |mut row, name| {
        row.push_bind(report).push_bind(name);
    });
    insert.push(" ON CONFLICT DO NOTHING");
    insert.build().execute(&mut *tx).await?;
    tx.after_commit(async move {
        tokio::spawn(report_progress(report, stored));
    });
    Ok(())
}

async fn plan(db: &Db<Postgres>, model: &Model, report: i64) -> anyhow::Result<usize> {
    let (context, version) = context(db, report).await?;
    let attributes = model.generate(&context).await?;
    let mut stored = 0;
    for chunk in attributes.chunks(500) {
        stored += chunk.len();
        store(db, report, version, chunk, stored).await?;
    }
    Ok(stored)
}

fn main() {}
