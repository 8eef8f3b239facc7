use dbop::{AnyDb, Conn, db_op};
use serde_json::{Value, json};
use sqlx::QueryBuilder;

use super::client::Client;
use crate::values::{Level, LogId, now};

#[dbop::test(migrations = "./migrations")]
async fn only_who_shows_the_token_is_an_administrator(db: AnyDb) {
    let client = Client::open(db).await;
    for route in [
        "GET /admin/counts",
        "GET /admin/report",
        "GET /admin/operations",
        "PUT /admin/roles/lead",
        "PUT /admin/categories/teamwork",
        "POST /admin/questions",
        "PATCH /admin/questions/1",
        "DELETE /admin/questions/1",
        "PUT /admin/questions/1/retired",
        "GET /admin/logs",
        "POST /admin/logs",
        "DELETE /admin/logs?before=2030-01-01T00:00:00Z",
    ] {
        let refused = client.ask(route).await.refused(401, "unauthorized");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert_ne!(
            client.as_administrator().ask(route).await.status,
            401,
            "{route}"
        );
    }
}

#[dbop::test(migrations = "./migrations")]
async fn the_report_tells_how_the_interviews_for_each_role_went(db: AnyDb) {
    let client = Client::open(db).await.as_administrator();
    let ada = client.user("Ada").await;
    for scores in [[6, 8], [10, 8]] {
        let id = client.running(&ada, 2).await;
        for (position, score) in (1..).zip(scores) {
            client.answer(&id, position, "Yes.", score).await;
        }
        client.finish(&id).await;
    }
    let lead = client.session(&ada, "lead", 1).await;
    let pay = format!(
        "POST /sessions/{}/payment",
        lead["id"].as_str().expect("an id")
    );
    client
        .with_key("k")
        .tell(&pay, json!({"cents": 4_900}))
        .await
        .ok(201);
    let report = client.ask("GET /admin/report").await.ok(200).body;
    let of = |role: &str| {
        let lines = report.as_array().expect("lines");
        lines
            .iter()
            .find(|line| line["role"] == role)
            .expect("the role")
            .clone()
    };
    let expected = json!({
        "role": "backend", "sessions": 2, "finished": 2, "average_score": 8.0, "paid_cents": 0,
    });
    assert_eq!(of("backend"), expected);
    let expected = json!({
        "role": "lead", "sessions": 1, "finished": 0, "average_score": null, "paid_cents": 4_900,
    });
    assert_eq!(of("lead"), expected);
    assert_eq!(of("data")["sessions"], 0);
}

#[dbop::test(migrations = "./migrations")]
async fn every_operation_that_was_called_is_counted(db: AnyDb) {
    let client = Client::open(db).await.as_administrator();
    client.user("Ada").await;
    let operations = client.ask("GET /admin/operations").await.ok(200).body;
    let mut operations = operations.as_array().expect("operations").iter();
    let registered = operations.find(|op| op["name"] == "users.register");
    let calls = registered.and_then(|op| op["calls"].as_i64());
    assert!(calls >= Some(1), "{registered:?}");
}

#[dbop::test(migrations = "./migrations")]
async fn a_new_price_of_a_role_leaves_planned_sessions_as_they_are(db: AnyDb) {
    let client = Client::open(db).await.as_administrator();
    let ada = client.user("Ada").await;
    let before = client.session(&ada, "backend", 1).await;
    let role = json!({"title": "Backend developer", "cents": 900});
    client.tell("PUT /admin/roles/backend", role).await.ok(200);
    let after = client.session(&ada, "backend", 1).await;
    assert_eq!(
        (&before["cents"], &after["cents"]),
        (&json!(0), &json!(900))
    );
    let id = before["id"].as_str().expect("an id");
    client
        .ask(&format!("POST /sessions/{id}/start"))
        .await
        .ok(200);
    let category = json!({"title": "Soft skills"});
    client
        .tell("PUT /admin/categories/teamwork", category)
        .await
        .ok(200);
    client
        .tell("PUT /admin/categories/new", json!({"title": "New"}))
        .await
        .ok(200);
    let all = client.ask("GET /categories").await.ok(200).body;
    let titles: Vec<&Value> = all
        .as_array()
        .expect("all")
        .iter()
        .map(|one| &one["title"])
        .collect();
    assert!(titles.contains(&&json!("Soft skills")) && titles.contains(&&json!("New")));
    let free = json!({"title": "Backend developer", "cents": -1});
    client
        .tell("PUT /admin/roles/backend", free)
        .await
        .refused(422, "invalid_body");
}

/// Writes many lines at once.
#[db_op(on = [Sqlite, Postgres])]
async fn write_many(conn: &mut Conn<'_, DB>, lines: i64) -> dbop::Result<()> {
    let mut sql =
        QueryBuilder::<DB>::new("INSERT INTO system_logs (id, level, source, message, logged_at) ");
    sql.push_values(0..lines, |mut row, line| {
        row.push_bind(LogId::next())
            .push_bind(Level::Info)
            .push_bind("tests")
            .push_bind(format!("Line {line}."))
            .push_bind(now());
    });
    sql.build().execute(&mut *conn).await?;
    Ok(())
}

#[dbop::test(migrations = "./migrations")]
async fn old_lines_of_the_log_are_purged_in_batches_and_new_ones_stay(db: AnyDb) {
    let client = Client::open(db).await.as_administrator();
    write_many(&client.db, 1_203).await.expect("the lines");
    let before = now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let new = json!({"level": "error", "source": "tests", "message": "The last line."});
    client.tell("POST /admin/logs", new).await.ok(201);
    let statements = client.db.totals().statements;
    let purge = format!("DELETE /admin/logs?before={before}");
    assert_eq!(
        client.ask(&purge).await.ok(200).body,
        json!({"purged": 1_203})
    );
    assert_eq!(
        client.db.totals().statements - statements,
        4,
        "three batches, and none is left"
    );
    let left = client.ask("GET /admin/logs").await.ok(200);
    assert_eq!(left.items().len(), 1);
    assert_eq!(left.items()[0]["message"], "The last line.");
    // A filter that this route does not have would not keep any line.
    let some = "DELETE /admin/logs?before=2100-01-01T00:00:00Z&level=info";
    client.ask(some).await.refused(400, "invalid_query");
    assert_eq!(client.count("log_lines").await, 1);
    client
        .ask("DELETE /admin/logs?before=yesterday")
        .await
        .refused(400, "invalid_query");
    client
        .ask("DELETE /admin/logs")
        .await
        .refused(400, "invalid_query");
}
