//! What `#[dbop::test]` writes, and the mistakes that depend on the build. `tests/ui/testing` has the
//! other mistakes.

use quote::quote;

use super::argument::{Kind, Named, read};
use super::expand;
use crate::database::Database;

const BOTH: &[Database] = &[Database::Sqlite, Database::Postgres];

fn expanded(options: proc_macro2::TokenStream, built_in: &[Database]) -> String {
    let function = quote! { async fn it_works(db: AnyDb) {} };
    expand(options, function, built_in).to_string()
}

#[test]
fn a_test_on_any_database_runs_on_each_that_dbop_was_built_for() {
    let both = expanded(quote!(), BOTH);
    assert!(both.contains("fn sqlite ()") && both.contains("fn postgres ()"));
    let one = expanded(quote!(), &[Database::Sqlite]);
    assert!(one.contains("fn sqlite ()") && !one.contains("fn postgres ()"));
}

#[test]
fn a_database_that_dbop_was_not_built_for_is_named_with_its_feature() {
    let message = expanded(quote!(on = [Postgres]), &[Database::Sqlite]);
    assert!(message.contains("feature `postgres`"), "{message}");
}

#[test]
fn a_test_that_names_db_is_compiled_for_each_database() {
    let function = quote! { async fn it_works(tx: &mut Tx<'_, DB>) {} };
    let each = expand(quote!(), function, BOTH).to_string();
    assert!(each.contains("fn it_works_on_sqlite ("), "{each}");
    assert!(each.contains("fn it_works_on_postgres ("), "{each}");
    assert!(!each.contains("'_ , DB"), "{each}");
}

#[test]
fn each_database_may_have_migrations_of_its_own() {
    let folder = quote!(migrations(sqlite = "src/options", postgres = "src/lints"));
    let written = expanded(folder, BOTH);
    let (sqlite, postgres) = written.split_once("fn postgres").expect("two tests");
    assert!(sqlite.contains("\"./src/options\"") && !sqlite.contains("lints"));
    assert!(postgres.contains("\"./src/lints\"") && !postgres.contains("options"));
}

#[test]
fn a_database_without_migrations_beside_one_that_has_some_is_named() {
    let message = expanded(quote!(migrations(sqlite = "src/options")), BOTH);
    assert!(message.contains("has none for `Postgres`"), "{message}");
    let one = quote!(on = [Sqlite], migrations(sqlite = "src/options"));
    assert!(!expanded(one, BOTH).contains("has none"));
}

#[test]
fn a_file_in_memory_is_only_asked_of_sqlite() {
    let written = expanded(quote!(in_memory), BOTH);
    assert_eq!(written.matches("in_memory").count(), 1);
}

#[test]
fn the_argument_says_the_database() {
    let one = Named::One;
    for (ty, expected) in [
        (quote!(AnyDb), Some((Kind::Handle, Named::Any))),
        (quote!(dbop::AnyDb), Some((Kind::Handle, Named::Any))),
        (
            quote!(Db<Sqlite>),
            Some((Kind::Handle, one(Database::Sqlite))),
        ),
        (
            quote!(dbop::Db<sqlx::Postgres>),
            Some((Kind::Handle, one(Database::Postgres))),
        ),
        (
            quote!(PgPool),
            Some((Kind::Handle, one(Database::Postgres))),
        ),
        (
            quote!(sqlx::Pool<Sqlite>),
            Some((Kind::Handle, one(Database::Sqlite))),
        ),
        (quote!(TestDb), Some((Kind::Handle, Named::Unknown))),
        (
            quote!(&mut Tx<'_, Postgres>),
            Some((Kind::Transaction, one(Database::Postgres))),
        ),
        (
            quote!(&mut Tx<'_, DB>),
            Some((Kind::Transaction, Named::Each)),
        ),
        (
            quote!(&mut Tx<'_, Mine>),
            Some((Kind::Transaction, Named::Unknown)),
        ),
        (quote!(&Tx<'_, Sqlite>), None),
        (quote!(&mut Db<Sqlite>), None),
        (quote!((Db<Sqlite>, Db<Postgres>)), None),
    ] {
        let read = read(&syn::parse2(ty.clone()).expect("a type"));
        assert_eq!(read, expected, "{ty}");
    }
}
