//! A bank as an HTTP service, with everything around it: health, a page that shows what the database
//! does, keys for repeated requests, maintenance, and an orderly end.
//!
//! ```sh
//! cargo run -p service # on a file; or with DATABASE_URL=postgres://user:password@localhost/bank
//! curl -X POST -H 'Idempotency-Key: "rent-june"' localhost:3000/transfers/1/2/500
//! ```
//!
//! Then open <http://localhost:3000/monitoring>.

#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use dbop::http::{IdempotencyKey, Problem, Routes};
use dbop::prometheus::Prometheus;
use dbop::{AnyDb, Conn, DbError, Tx, db_op, transactional};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

#[derive(Debug, thiserror::Error, DbError)]
enum BankError {
    #[error("the account has not enough money")]
    #[db_error(status = 402)]
    TooLittle,
    #[error("there is no such account")]
    #[db_error(status = 404)]
    NoAccount,
    #[error("an amount is above 0")]
    #[db_error(status = 400)]
    NoAmount,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[db_op(read_only, on = [Sqlite, Postgres])]
async fn balance(conn: &mut Conn<'_, DB>, id: i64) -> Result<i64, BankError> {
    let cents = sqlx::query_scalar("SELECT cents FROM accounts WHERE id = $1");
    Ok(cents.bind(id).fetch_one(&mut *conn).await?)
}

#[transactional(once = key, name = "bank.transfer", on = [Sqlite, Postgres])]
async fn transfer(
    tx: &mut Tx<'_, DB>,
    key: &IdempotencyKey,
    (from, to, cents): (i64, i64, i64),
) -> Result<(), BankError> {
    if cents <= 0 {
        return Err(BankError::NoAmount);
    }
    let take = "UPDATE accounts SET cents = cents - $1 WHERE id = $2 AND cents >= $1";
    let taken = sqlx::query(take)
        .bind(cents)
        .bind(from)
        .execute(&mut *tx)
        .await?;
    if taken.rows_affected() == 0 {
        return Err(BankError::TooLittle);
    }
    let give = sqlx::query("UPDATE accounts SET cents = cents + $1 WHERE id = $2");
    let given = give.bind(cents).bind(to).execute(&mut *tx).await?;
    if given.rows_affected() == 0 {
        return Err(BankError::NoAccount); // what was taken is rolled back
    }
    Ok(())
}

async fn show(State(db): State<AnyDb>, Path(id): Path<i64>) -> Result<Json<i64>, Problem> {
    Ok(Json(balance(&db, id).await?))
}

async fn pay(
    State(db): State<AnyDb>,
    key: IdempotencyKey,
    Path(order): Path<(i64, i64, i64)>,
) -> Result<(), Problem> {
    Ok(transfer(&db, &key, order).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let prometheus = Prometheus::install()?;
    let db = AnyDb::builder()
        .url("sqlite:service.db?mode=rwc")
        .env()?
        .connect()
        .await?;
    db.migrate(&sqlx::migrate!()).await?;
    db.warm_up().await?;
    let maintenance = db.maintenance().start();
    let app = Router::new()
        .route("/accounts/{id}", get(show))
        .route("/transfers/{from}/{to}/{cents}", post(pay))
        .with_state(db.clone())
        // Everybody may see the page, because only this machine can reach the service.
        .merge(
            Routes::new(db.clone())
                .without_token()
                .metrics(prometheus)
                .into_router(),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!(
        "http://{}/monitoring shows the {} database",
        listener.local_addr()?,
        db.system()
    );
    let server = axum::serve(listener, app).with_graceful_shutdown(told_to_end());
    tokio::select! {
        ended = server.into_future() => ended?,
        // A client that never sends the rest of its request must not keep the service from ending.
        () = async { told_to_end().await; sleep(Duration::from_secs(12)).await } => {}
    }
    let shutdown = db.shutdown(Duration::from_secs(15)).await;
    println!(
        "{} calls have finished since then; complete: {}",
        shutdown.finished,
        shutdown.is_complete()
    );
    maintenance.stop().await;
    Ok(())
}

/// Waits for ctrl-c, or for the SIGTERM of a process manager.
async fn told_to_end() {
    let mut terminated = signal(SignalKind::terminate()).expect("a handler of the signal");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
