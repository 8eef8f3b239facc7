//! What a client is told of a call that failed.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use dbop::http::Problem;
use dbop::{Conn, Db, DbError, Tx, db_op, transactional};
use dbop_tests::http::Service;
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};

use super::{Database, fresh_with};

#[derive(Debug, thiserror::Error, DbError)]
enum ShopError {
    #[error("order {0} was sent already")]
    #[db_error(status = 410)]
    Sent(i64),
    #[error("the password is h0rse")]
    Secret,
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

/// Fails in the way that the path names.
#[transactional]
async fn fails(tx: &mut Tx<'_, Database>, how: &str) -> Result<i64, ShopError> {
    match how {
        "missing" => {
            let none = sqlx::query_scalar("SELECT id FROM orders WHERE id = 99");
            Ok(none.fetch_one(&mut *tx).await?)
        }
        "twice" => {
            let insert = sqlx::query("INSERT INTO orders VALUES (4711)");
            insert.execute(&mut *tx).await?;
            Ok(0)
        }
        "broken" => {
            tx.execute("SELECT * FROM no_such_table_h0rse").await?;
            Ok(0)
        }
        "sent" => Err(ShopError::Sent(4711)),
        _ => Err(ShopError::Secret),
    }
}

async fn show(
    State(db): State<Db<Database>>,
    Path(how): Path<String>,
) -> Result<Json<i64>, Problem> {
    Ok(Json(fails(&db, &how).await?))
}

async fn service(db: &Db<Database>) -> Service {
    db.pool()
        .execute("CREATE TABLE orders (id BIGINT PRIMARY KEY); INSERT INTO orders VALUES (4711)")
        .await
        .expect("the table");
    Service::start(
        Router::new()
            .route("/{how}", get(show))
            .with_state(db.clone()),
    )
    .await
}

#[tokio::test]
async fn a_failed_call_is_answered_with_problem_details_by_its_category() {
    let fresh = fresh_with(|builder| builder).await;
    let service = service(&fresh).await;
    for (how, status, title, detail, kind, category, outcome) in [
        (
            "missing",
            404,
            "Not Found",
            "Not found.",
            "no_rows",
            "query",
            "rolled_back",
        ),
        (
            "twice",
            409,
            "Conflict",
            "This already exists.",
            "unique",
            "integrity",
            "rolled_back",
        ),
        (
            "broken",
            500,
            "Internal Server Error",
            "Something went wrong.",
            "undefined_table",
            "programming",
            "rolled_back",
        ),
    ] {
        let answer = service.ask(&format!("GET /{how}")).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.header("retry-after"), None);
        let expected = json!({
            "type": "about:blank", "title": title, "status": status, "detail": detail,
            "kind": kind, "category": category, "outcome": outcome,
        });
        assert_eq!(answer.json(), expected);
        for word in ["4711", "orders", "h0rse", "SELECT", "INSERT"] {
            assert!(!answer.body.contains(word), "{word}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn only_a_variant_with_a_status_shows_its_own_words_to_clients() {
    let fresh = fresh_with(|builder| builder).await;
    let service = service(&fresh).await;
    let told = service.ask("GET /sent").await;
    assert_eq!(told.status, 410);
    assert_eq!(told.json()["detail"], "order 4711 was sent already");
    let secret = service.ask("GET /secret").await;
    assert_eq!(secret.status, 400);
    assert_eq!(secret.json()["detail"], "This could not be done.");
    assert!(!secret.body.contains("h0rse"), "{}", secret.body);
}

async fn closed(State(db): State<Db<Database>>) -> Result<Json<i64>, dbop::Error> {
    #[db_op]
    async fn one(conn: &mut Conn<'_, Database>) -> dbop::Result<i64> {
        sqlx::query("SELECT 1").execute(&mut *conn).await?;
        Ok(1)
    }
    Ok(Json(one(&db).await?))
}

#[tokio::test]
async fn an_error_of_dbop_is_an_answer_by_itself_and_says_when_to_come_back() {
    let fresh = fresh_with(|builder| builder).await;
    let router = Router::new().route("/", get(closed));
    let service = Service::start(router.with_state(fresh.db.clone())).await;
    assert_eq!(service.ask("GET /").await.status, 200);
    fresh.close().await;
    let answer = service.ask("GET /").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
    assert_eq!(answer.json()["kind"], "shutting_down");
}

/// Adds an order, and is then told that something is busy, by the driver or by the application. No
/// transaction rolls the order back.
#[db_op]
async fn order(conn: &mut Conn<'_, Database>, id: i64, busy: &str) -> Result<(), Busy> {
    let insert = sqlx::query("INSERT INTO orders VALUES ($1)").bind(id);
    insert.execute(&mut *conn).await?;
    match busy {
        "driver" => Err(sqlx::Error::PoolTimedOut)?,
        _ => Err(Busy::Warehouse),
    }
}

#[derive(Debug, thiserror::Error, DbError)]
enum Busy {
    #[error("the warehouse is busy")]
    #[db_error(status = 503)]
    Warehouse,
    #[error(transparent)]
    Driver(#[from] sqlx::Error),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

#[db_op]
async fn order_by_sqlx(conn: &mut Conn<'_, Database>, id: i64) -> sqlx::Result<()> {
    let insert = sqlx::query("INSERT INTO orders VALUES ($1)").bind(id);
    insert.execute(&mut *conn).await?;
    Err(sqlx::Error::PoolTimedOut)
}

/// Ends its transaction past dbop, so that the order stands and the marker of its key does not.
#[transactional(once = key)]
async fn order_past_its_marker(
    tx: &mut Tx<'_, Database>,
    key: &str,
    id: i64,
    #[once(skip)] end: &str,
) -> dbop::Result<()> {
    tx.conn().execute(AssertSqlSafe(end)).await?;
    let insert = sqlx::query("INSERT INTO orders VALUES ($1)").bind(id);
    insert.execute(tx.conn()).await?;
    Err(sqlx::Error::PoolTimedOut)?
}

#[tokio::test]
async fn who_may_have_ordered_is_not_told_to_order_again() {
    let fresh = fresh_with(|builder| builder).await;
    let _service = service(&fresh).await;
    let problems = [
        Problem::from(order(&fresh.db, 1, "driver").await.unwrap_err()),
        Problem::from(order(&fresh.db, 2, "warehouse").await.unwrap_err()),
        Problem::from(order_by_sqlx(&fresh.db, 3).await.unwrap_err()),
        Problem::from(
            order_past_its_marker(&fresh.db, "k1", 4, "ROLLBACK")
                .await
                .unwrap_err(),
        ),
    ];
    let orders = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM orders WHERE id < 10");
    assert_eq!(orders.fetch_one(fresh.db.pool()).await.unwrap(), 4);
    for problem in problems {
        let response = problem.clone().into_response();
        assert_eq!(response.status(), 503, "{problem:?}");
        assert_eq!(response.headers().get("retry-after"), None, "{problem:?}");
    }
}
