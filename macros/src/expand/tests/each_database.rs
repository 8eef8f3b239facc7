//! The option `on`.

use super::{assert_rejected, expanded};
use crate::options::Attribute::DbOp;

#[test]
fn a_mistake_leaves_the_arguments_of_a_function_for_each_database_where_they_are() {
    let found = expanded(
        DbOp,
        "on = [Sqlite, Postgres]",
        "async fn f(mut self, conn: &mut Conn<'_, DB>, (a, b): (u8, u8), mut c: u8) -> R { body }",
    );
    assert_eq!(found.matches("compile_error").count(), 1, "{found}");
    let bare: String = found.split_whitespace().collect();
    assert!(
        bare.contains("fnf(mutself,conn:impl::dbop::AnySessionScope,(a,b):(u8,u8),mutc:u8)->R"),
        "{found}"
    );
}

#[test]
fn a_list_of_one_database_allows_what_only_that_database_knows() {
    let function = "async fn f(conn: &mut Conn<'_, DB>) -> R {
        let own: &mut SqliteConnection = conn.conn();
        query!(\"SELECT ?\").execute(own).await?;
        sqlx::query_scalar(\"SELECT ?\").fetch_one(&mut *conn).await
    }";
    let found = expanded(DbOp, "on = [Sqlite]", function);
    assert!(!found.contains("compile_error"), "{found}");
    let found = expanded(DbOp, "on = [Sqlite, Postgres]", function);
    assert_eq!(found.matches("compile_error").count(), 4, "{found}");
}

#[test]
fn a_handle_is_not_borrowed_from_a_self_that_the_body_for_each_database_takes() {
    for receiver in ["self", "&mut self", "self: Arc<Self>"] {
        let function = format!("async fn f({receiver}, conn: &mut Conn<'_, DB>) -> R {{ body }}");
        assert_rejected(
            DbOp,
            "on = [Sqlite, Postgres], retry = never, db = self.a.db",
            &function,
            &["write `db = self.a.db.clone()`"],
        );
        let options = "on = [Sqlite, Postgres], retry = never, db = self.a.db.clone()";
        let found = expanded(DbOp, options, &function);
        assert!(!found.contains("compile_error"), "{found}");
    }
    for receiver in ["&self", "self: &Arc<Self>"] {
        let function = format!("async fn f({receiver}, conn: &mut Conn<'_, DB>) -> R {{ body }}");
        let found = expanded(DbOp, "on = [Sqlite, Postgres], db = self.db", &function);
        assert!(!found.contains("compile_error"), "{found}");
    }
}

#[test]
fn an_argument_with_an_underscore_raises_no_lint() {
    let allows = |argument: &str| {
        let function =
            format!("async fn f(conn: &mut Conn<'_, DB>, {argument}: u8) -> R {{ body }}");
        let found = expanded(DbOp, "on = [Sqlite, Postgres], retry = never", &function);
        found.contains("used_underscore_binding")
    };
    assert!(allows("_a"));
    assert!(!allows("a"));
}

#[test]
fn a_text_that_names_a_moved_self_is_reported_with_what_to_write() {
    let on = "on = [Sqlite, Postgres], retry = never";
    let function = |receiver: &str, text: &str| {
        format!("async fn f({receiver}, conn: &mut Conn<'_, DB>) -> R {{ g(format!(\"{text}\")) }}")
    };
    for text in ["{self}", "a {self:?}"] {
        for receiver in ["self", "&mut self", "self: Box<Self>"] {
            let found = expanded(DbOp, on, &function(receiver, text));
            assert!(found.contains("write `{}` in place of `{self}`"), "{found}");
        }
        let found = expanded(DbOp, on, &function("&self", text));
        assert!(!found.contains("compile_error"), "{found}");
    }
    for text in ["{{self}}", "{}", "self"] {
        let found = expanded(DbOp, on, &function("self", text));
        assert!(!found.contains("compile_error"), "{found}");
    }
}

#[test]
fn a_function_stays_async_above_an_attribute_that_looks_at_that() {
    let options = "on = [Sqlite, Postgres]";
    let function = "async fn f(conn: &mut Conn<'_, DB>) -> R { body }";
    for attributes in ["", "#[doc = \"f\"] #[allow(dead_code)] #[inline]"] {
        let found = expanded(DbOp, options, &format!("{attributes} {function}"));
        assert!(!found.contains("async fn f"), "{found}");
    }
    for attribute in ["#[tracing::instrument(err)]", "#[must_use = \"look\"]"] {
        let found = expanded(DbOp, options, &format!("{attribute} {function}"));
        assert!(found.contains("async fn f"), "{found}");
    }
}
