//! Who is interviewed.

use dbop::http::IdempotencyKey;
use dbop::{Conn, ErrorKind, Tx, db_op, transactional};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, query_as, query_scalar};

use crate::error::{InterviewError, Means, Result};
use crate::page::{Page, Paging};
use crate::values::{Email, Line, Time, UserId, now};

#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct User {
    pub id: UserId,
    pub name: Line,
    pub email: Email,
    pub created_at: Time,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    pub name: Line,
    pub email: Email,
}

/// Which users are looked for. What is `None` does not matter.
#[derive(Clone, Debug, Deserialize)]
pub struct UserFilter {
    pub email: Option<Email>,
    /// A part of the name.
    pub name: Option<Line>,
}

/// Adds a user, once for each key. The table refuses an e-mail address that is there already.
#[transactional(once = key, name = "users.register", on = [Sqlite, Postgres])]
pub async fn register(tx: &mut Tx<'_, DB>, key: &IdempotencyKey, new: &NewUser) -> Result<User> {
    let insert = query_as::<DB, User>(
        "INSERT INTO users (id, name, email, created_at) VALUES ($1, $2, $3, $4) RETURNING *",
    );
    let insert = insert.bind(UserId::next()).bind(&new.name).bind(&new.email);
    Ok(insert.bind(now()).fetch_one(&mut *tx).await?)
}

#[db_op(read_only, name = "users.find", on = [Sqlite, Postgres])]
pub async fn find(conn: &mut Conn<'_, DB>, id: UserId) -> Result<User> {
    let one = query_as::<DB, User>("SELECT * FROM users WHERE id = $1");
    Ok(one.bind(id).fetch_one(&mut *conn).await?)
}

#[db_op(read_only, name = "users.page", on = [Sqlite, Postgres])]
pub async fn page(
    conn: &mut Conn<'_, DB>,
    filter: &UserFilter,
    paging: Paging<UserId>,
) -> Result<Page<User, UserId>> {
    let mut sql = QueryBuilder::<DB>::new("SELECT * FROM users WHERE TRUE");
    if let Some(email) = &filter.email {
        sql.push(" AND email = ").push_bind(email);
    }
    if let Some(part) = &filter.name {
        let like = dbop::sql!(sqlite = " AND name LIKE ", postgres = " AND name ILIKE ");
        sql.push(like)
            .push_bind(part.as_pattern())
            .push(r" ESCAPE '\'");
    }
    paging.end(&mut sql);
    let users = sql.build_query_as().fetch_all(&mut *conn).await?;
    Ok(paging.page(users, |user: &User| user.id))
}

#[db_op(idempotent, name = "users.rename", on = [Sqlite, Postgres])]
pub async fn rename(conn: &mut Conn<'_, DB>, id: UserId, name: &Line) -> Result<User> {
    let rename = query_as::<DB, User>("UPDATE users SET name = $1 WHERE id = $2 RETURNING *");
    Ok(rename.bind(name).bind(id).fetch_one(&mut *conn).await?)
}

/// Removes a user, with the user's sessions and conversations. Payments stay, and so do their users.
#[db_op(idempotent, name = "users.remove", on = [Sqlite, Postgres])]
pub async fn remove(conn: &mut Conn<'_, DB>, id: UserId) -> Result<UserId> {
    let remove = query_scalar("DELETE FROM users WHERE id = $1 RETURNING id").bind(id);
    let removed = remove.fetch_one(&mut *conn).await;
    removed.means(ErrorKind::ForeignKey, InterviewError::WasPaid)
}
