//! Question marks that are no placeholders, or that their database knows.
#![deny(warnings)]

use dbop::{Conn, db_op};

#[db_op(on = [Sqlite, Postgres])]
async fn in_words(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM notes -- really?");
    let count: i64 = count.fetch_one(&mut *conn).await?;
    let other = "SELECT count(*) FROM \"which?\" /* so? */ WHERE text = 'it''s what?'";
    Ok(count + sqlx::query_scalar::<_, i64>(other).fetch_one(&mut *conn).await?)
}

#[db_op(on = [Sqlite, Postgres])]
async fn in_the_text_for_one(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    let count = sqlx::query_scalar(dbop::sql!(
        sqlite = "SELECT count(*) FROM notes WHERE id = ?",
        postgres = "SELECT count(*) FROM notes WHERE id = $1 AND document ? 'key' AND path @? '$.a'",
    ));
    Ok(count.bind(1).fetch_one(&mut *conn).await?)
}

#[db_op(on = [Sqlite])]
async fn in_a_function_for_one(conn: &mut Conn<'_, DB>) -> dbop::Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM notes WHERE id = ?");
    Ok(count.bind(1).fetch_one(&mut *conn).await?)
}

async fn calls(db: &dbop::AnyDb, one: &dbop::Db<sqlx::Sqlite>) -> dbop::Result<i64> {
    Ok(in_words(db).await? + in_the_text_for_one(db).await? + in_a_function_for_one(one).await?)
}

fn main() {
    let _ = calls;
}
