//! The roles that people apply for, and the categories of questions.

use dbop::{Conn, db_op};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as};

use crate::error::Result;
use crate::values::{CategorySlug, Line, Price, RoleSlug};

#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct Role {
    pub role: RoleSlug,
    pub title: Line,
    /// What an interview costs.
    pub cents: Price,
}

#[derive(Clone, Debug, Serialize, Deserialize, sqlx::FromRow)]
pub struct Category {
    pub category: CategorySlug,
    pub title: Line,
}

#[db_op(read_only, name = "catalogue.roles", on = [Sqlite, Postgres])]
pub async fn roles(conn: &mut Conn<'_, DB>) -> Result<Vec<Role>> {
    let all = query_as::<DB, Role>("SELECT * FROM roles ORDER BY role");
    Ok(all.fetch_all(&mut *conn).await?)
}

#[db_op(read_only, name = "catalogue.role", on = [Sqlite, Postgres])]
pub async fn role(conn: &mut Conn<'_, DB>, role: &RoleSlug) -> Result<Role> {
    let one = query_as::<DB, Role>("SELECT * FROM roles WHERE role = $1");
    Ok(one.bind(role).fetch_one(&mut *conn).await?)
}

#[db_op(read_only, name = "catalogue.categories", on = [Sqlite, Postgres])]
pub async fn categories(conn: &mut Conn<'_, DB>) -> Result<Vec<Category>> {
    let all = query_as::<DB, Category>("SELECT * FROM categories ORDER BY category");
    Ok(all.fetch_all(&mut *conn).await?)
}

/// Adds a role, or gives a role that is there this title and price. Sessions that are planned keep
/// their price.
#[db_op(idempotent, name = "catalogue.put_role", on = [Sqlite, Postgres])]
pub async fn put_role(conn: &mut Conn<'_, DB>, role: &Role) -> Result<()> {
    let put = query(
        "INSERT INTO roles (role, title, cents) VALUES ($1, $2, $3)
         ON CONFLICT (role) DO UPDATE SET title = excluded.title, cents = excluded.cents",
    );
    let put = put.bind(&role.role).bind(&role.title).bind(role.cents);
    put.execute(&mut *conn).await?;
    Ok(())
}

/// Adds a category, or gives a category that is there this title.
#[db_op(idempotent, name = "catalogue.put_category", on = [Sqlite, Postgres])]
pub async fn put_category(conn: &mut Conn<'_, DB>, category: &Category) -> Result<()> {
    let put = query(
        "INSERT INTO categories (category, title) VALUES ($1, $2)
         ON CONFLICT (category) DO UPDATE SET title = excluded.title",
    );
    let put = put.bind(&category.category).bind(&category.title);
    put.execute(&mut *conn).await?;
    Ok(())
}
