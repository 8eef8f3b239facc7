//! Errors that nobody sees, in plain functions.

use super::{
    diesel_operation, diesel_transaction, postgres_operation, postgres_transaction,
    rusqlite_operation, rusqlite_transaction,
};
use crate::lints::tests::{all, none};

/// Bodies with rusqlite that lose an error under both attributes.
const SWALLOWED: [&str; 34] = [
    "let _ = conn.execute(\"SELECT 1\", []); Ok(())",
    "_ = conn.execute(\"SELECT 1\", []); Ok(())",
    "let _ = audit_sync(conn, 1); Ok(())",
    "let _ = audit_sync(&mut *conn, 1); Ok(())",
    "let _: Result<(), E> = audit_sync(conn, 1); Ok(())",
    "let _ = self.audit(conn, 1); Ok(())",
    "let _ = conn.execute(\"SELECT 1\", []).map(|_| ()); Ok(())",
    "drop(conn.execute_batch(\"SELECT 1\")); Ok(())",
    "conn.execute(\"SELECT 1\", []).ok(); Ok(())",
    "audit_sync(conn, 1).ok(); Ok(())",
    "let x = helper(conn, 1).ok(); Ok(())",
    "let x = conn.query_row(\"SELECT 1\", [], |row| row.get(0)).ok(); Ok(())",
    "let x = conn.query_row(\"SELECT 1\", [], |row| row.get(0)).optional().ok().flatten(); Ok(())",
    "let x = conn.query_row(\"SELECT 1\", [], |row| row.get(0)).unwrap_or_default(); Ok(())",
    "let x = conn.query_one(\"SELECT 1\", [], |row| row.get(0)).unwrap_or(0); Ok(())",
    "let x = count_sync(conn).unwrap_or(0); Ok(())",
    "let x = conn.query_row(\"SELECT 1\", [], |row| row.get(0)).unwrap_or_else(|_| 0); Ok(())",
    "let x = conn.execute(\"SELECT 1\", []).map_err(log).ok(); Ok(())",
    "if let Ok(x) = conn.query_row(\"SELECT 1\", [], |row| row.get(0)) { x; } Ok(())",
    "if let Ok(mut statement) = conn.prepare(\"SELECT 1\") { statement.execute([])?; } Ok(())",
    "match audit_sync(conn, 1) { Ok(x) => x, Err(_) => {} } Ok(())",
    "match conn.execute(\"SELECT 1\", []) { Ok(x) => x, _ => () } Ok(())",
    "let _ = conn.pragma_update(None, \"foreign_keys\", true); Ok(())",
    "let mut insert = conn.prepare(\"SELECT 1\")?; for x in items { let _ = insert.execute([x]); } Ok(())",
    "let mut insert = conn.prepare_cached(\"SELECT 1\").map_err(E)?; insert.execute([1]).ok(); Ok(())",
    "let mut sp = conn.savepoint()?; let _ = sp.execute(\"SELECT 1\", []); sp.commit()?; Ok(())",
    "let mut sp = conn.savepoint()?; audit_sync(&sp, 1).ok(); sp.commit()?; Ok(())",
    "let mut s = conn.prepare(\"SELECT 1\")?; let mut rows = s.query([])?; while let Ok(Some(row)) = rows.next() { row; } Ok(())",
    "let mut s = conn.prepare(\"SELECT 1\")?; let mut rows = s.query_map([], f)?; while let Some(Ok(row)) = rows.next() { row; } Ok(())",
    "let mut s = conn.prepare(\"SELECT 1\")?; for row in s.query_map([], f)? { if let Ok(row) = row { row; } } Ok(())",
    "let mut s = conn.prepare(\"SELECT 1\")?; let rows = s.query_map([], f)?; for row in rows { let _ = row; } Ok(())",
    "let mut s = conn.prepare(\"SELECT 1\")?; let rows = s.query_map([], f)?; while let Some(row) = rows.next() { row.ok(); } Ok(())",
    "let c = &mut *conn; let _ = c.execute(\"SELECT 1\", []); Ok(())",
    "items.iter().for_each(|x| { conn.execute(\"SELECT 1\", [x]).ok(); }); Ok(())",
];

#[test]
fn swallowed_errors_are_found() {
    all(rusqlite_transaction, "swallowed_error", &SWALLOWED);
    all(rusqlite_operation, "swallowed_error", &SWALLOWED);
    all(
        diesel_operation,
        "swallowed_error",
        &[
            "let _ = diesel::insert_into(users).values(new).execute(conn); Ok(())",
            "users.load::<User>(conn).unwrap_or_default(); Ok(())",
            "let x = users.filter(id.eq(1)).first::<User>(conn).ok(); Ok(())",
            "let n = users.count().get_result(conn).unwrap_or(0); Ok(())",
            "let n: Vec<i64> = users.select(id).get_results(&mut *conn).unwrap_or_default(); Ok(())",
            "conn.batch_execute(\"SELECT 1\").ok(); Ok(())",
            "if let Ok(all) = users.load::<User>(conn) { all; } Ok(())",
            "let all = users.load_iter::<User, _>(conn)?.flatten().collect(); Ok(())",
            "let _ = diesel::sql_query(\"SELECT 1\").execute(conn); Ok(())",
            "let user = users.first::<User>(conn).optional().unwrap_or(None); Ok(())",
        ],
    );
    all(
        diesel_transaction,
        "swallowed_error",
        &[
            "conn.transaction(|conn| { let _ = users.load::<User>(conn); add_sync(conn) })?; Ok(())",
            "conn.transaction(|c| { let _ = add_sync(c); Ok(()) })?; Ok(())",
        ],
    );
    all(
        postgres_transaction,
        "swallowed_error",
        &[
            "let _ = conn.execute(\"SELECT 1\", &[]); Ok(())",
            "let rows = conn.query(\"SELECT 1\", &[]).unwrap_or_default(); Ok(())",
            "conn.query_opt(\"SELECT 1\", &[]).ok().flatten(); Ok(())",
            "if let Ok(row) = conn.query_one(\"SELECT 1\", &[]) { row; } Ok(())",
            "let _ = conn.batch_execute(\"SELECT 1\"); Ok(())",
            "drop(conn.simple_query(\"SELECT 1\")); Ok(())",
            "if let Ok(statement) = conn.prepare(\"SELECT 1\") { statement; } Ok(())",
            "let _ = conn.copy_in(\"COPY t FROM STDIN\"); Ok(())",
            "let _ = audit_sync(conn, 1); Ok(())",
        ],
    );
}

#[test]
fn rows_that_failed_are_not_left_out() {
    let with = |adapter: &str| {
        rusqlite_operation(&format!(
            "let mut s = conn.prepare(\"SELECT 1\")?; let rows = s.query_map([], |row| row.get(0))?; let all: Vec<i64> = rows{adapter}.collect(); Ok(())"
        ))
    };
    for adapter in [
        ".flatten()",
        ".filter_map(Result::ok)",
        ".filter_map(std::result::Result::ok)",
        ".filter_map(|row| row.ok())",
        ".flat_map(|row| row)",
        ".map_while(Result::ok)",
        ".map(|row| row.unwrap_or_default())",
        ".into_iter().skip(1).flatten()",
        ".by_ref().flatten()",
    ] {
        assert_eq!(with(adapter), ["swallowed_error"], "{adapter}");
    }
    all(
        rusqlite_operation,
        "swallowed_error",
        &[
            "let mut s = conn.prepare(\"SELECT 1\")?; let all = s.query([])?.mapped(f).flatten().collect(); Ok(())",
            "let mut s = conn.prepare(\"SELECT 1\").unwrap(); let all = s.query_map([], f).unwrap().flatten().collect(); Ok(())",
        ],
    );
    for adapter in [
        "",
        ".collect::<Result<Vec<_>, _>>()?.into_iter()",
        ".map(|row| row.map(User::of))",
        ".map(|row| row.unwrap())",
        ".filter(|row| row.is_ok())",
        ".enumerate()",
        ".collect::<Result<Vec<_>, _>>()?.into_iter().flatten()",
        ".map(|row| row?.ok_or(E))",
    ] {
        assert_eq!(with(adapter), [] as [&str; 0], "{adapter}");
    }
}

#[test]
fn errors_that_go_on_are_not_swallowed() {
    none(
        rusqlite_transaction,
        &[
            "conn.execute(\"SELECT 1\", [])?; audit_sync(conn, 1)?; Ok(())",
            "conn.execute(\"SELECT 1\", []); audit_sync(conn, 1); Ok(())",
            "audit_sync(conn, 1)",
            "let _ = conn.execute(\"SELECT 1\", [])?; Ok(())",
            "let _changed = conn.execute(\"SELECT 1\", []); Ok(())",
            "let x = conn.query_row(\"SELECT 1\", [], |row| row.get(0)).optional()?; Ok(())",
            "let x = conn.query_row(\"SELECT 1\", [], |row| row.get(0)).optional()?.unwrap_or_default(); Ok(())",
            "let x = conn.query_row(\"SELECT 1\", [], |row| Ok(row.get(0).unwrap_or_default()))?; Ok(())",
            "let x = conn.query_row(\"SELECT 1\", [], |row| Ok(row.get(0).ok()))?; Ok(())",
            "let x = conn.query_row(\"SELECT 1\", [], |row| { let _ = row.get(0); Ok(1) })?; Ok(())",
            "let x = conn.query_row(\"SELECT 1\", [], |row| row.get(0)).unwrap(); Ok(())",
            "let x = conn.query_row(\"SELECT 1\", [], |row| row.get(0)).ok().ok_or(NotFound)?; Ok(())",
            "let x = audit_sync(conn, 1)?.ok(); Ok(())",
            "let x = audit_sync(conn, 1)?.unwrap_or_default(); Ok(())",
            "let x = find(conn, 1).unwrap_or(7); Ok(())",
            "let mut s = conn.prepare(\"SELECT 1\")?; let rows = s.query_map([], |row| row.get(0))?; for row in rows { let row = row?; let _ = log(row); } Ok(())",
            "let mut s = conn.prepare(\"SELECT 1\")?; for row in s.query_map([], f)? { let (a, b) = row?; let _ = a.parse(); } Ok(())",
            "let mut s = conn.prepare(\"SELECT 1\")?; let mut rows = s.query([])?; while let Some(row) = rows.next()? { let _ = row.get(0); } Ok(())",
            "let mut s = conn.prepare(\"SELECT 1\")?; for (i, row) in s.query_map([], f)?.enumerate() { let _ = log(i); row?; } Ok(())",
            "for row in rows { let Ok(row) = row else { continue }; row.ok(); } Ok(())",
            "let mut s = conn.prepare(\"SELECT 1\")?; for row in s.query_map([], f)? { match row { Ok(name) => drop(name), Err(e) => return Err(e) } } Ok(())",
            "let n = count!(conn)?; let _ = sender.send(n); Ok(())",
            "let id = conn.last_insert_rowid(); let _ = sender.send(id); Ok(())",
            "let id = next_id(conn); let _ = sender.send(id); Ok(())",
            "let _ = sender.send(conn.last_insert_rowid()); Ok(())",
            "let n = { let n: i64 = conn.query_row(\"SELECT 1\", [], f)?; n + 1 }; let _ = sender.send(n); Ok(())",
            "let n: i64 = conn.query_row(\"SELECT 1\", [], f)?; let _ = sender.send(n); n.checked_add(1).ok(); Ok(())",
            "let mut list = load_sync(conn)?; let _ = shuffle(&mut list); drop(list.pop()); Ok(())",
            "let user = find_sync(conn, 1).map_err(E)?; let _ = log(&user); Ok(())",
            "let mut list = Vec::new(); fill_sync(conn, &mut list)?; let _ = shuffle(&mut list); Ok(())",
            "let conn = cache; let _ = conn.execute(1); conn.query(1).ok(); Ok(())",
            "let _ = client2.execute(\"SELECT 1\"); Ok(())",
            "let _ = text.parse::<i64>(); text.parse::<i64>().ok(); Ok(())",
            "let _ = std::mem::replace(conn, other); Ok(())",
            "let repo = Repo::new(conn); drop(Repo::new(&mut *repo)); Ok(())",
            "let mut sp = conn.savepoint()?; if add_sync(&sp, 1).is_err() { sp.rollback()?; } let _ = sp.commit(); Ok(())",
            "if let Ok(x) = audit_sync(conn, 1) { x } else { return Err(E) } Ok(())",
            "if let Err(e) = audit_sync(conn, 1) { return Err(e) } Ok(())",
            "match audit_sync(conn, 1) { Ok(x) => x, Err(e) => return Err(e.into()) }",
            "match conn.query_row(\"SELECT 1\", [], f) { Ok(x) => Some(x), Err(Error::QueryReturnedNoRows) => None, Err(e) => return Err(e) }; Ok(())",
            "let _ = items.iter().map(|x| conn.execute(\"SELECT 1\", [x])).collect::<Result<Vec<_>, _>>()?; Ok(())",
            "let s = conn.prepare(\"SELECT 1\")?; let _ = s.column_count(); drop(s); Ok(())",
            "let index = conn.prepare(\"SELECT 1\")?.column_index(\"a\").ok(); Ok(())",
            "let _ = conn.is_autocommit(); let path = conn.path().unwrap_or_default(); Ok(())",
            "let n = some.map(|x| find_sync(conn, x)).transpose()?; let _ = log(n); Ok(())",
        ],
    );
    none(
        diesel_transaction,
        &[
            "let _ = conn.transaction(|conn| add_sync(conn)); Ok(())",
            "conn.transaction(|conn| { diesel::delete(users.find(1)).execute(conn)?; add_sync(conn) }).ok(); Ok(())",
            "let user = users.first::<User>(conn).optional()?; let _ = log(user); Ok(())",
            "let n = conn.transaction(|conn| count_sync(conn))?; let _ = log(n); Ok(())",
            "let all: Vec<User> = users.load(conn)?; let first = all.first().unwrap_or(&none); Ok(())",
            "let all = users.load_iter::<User, _>(conn)?.collect::<Result<Vec<_>, _>>()?; Ok(())",
        ],
    );
    none(
        postgres_transaction,
        &[
            "for row in conn.query(\"SELECT 1\", &[])? { let _ = row.try_get(0); } Ok(())",
            "let row = conn.query_opt(\"SELECT 1\", &[])?.map(|row| row.get(0)).unwrap_or(0); Ok(())",
            "let rows = conn.query(\"SELECT 1\", &[])?; let all = rows.iter().map(|row| row.try_get(0)).flatten().collect(); Ok(())",
            "let rows = conn.query(\"SELECT 1\", &[])?; let _ = log(&rows); Ok(())",
        ],
    );
    none(
        postgres_operation,
        &["let conn = Stream::new(); conn.execute(1); let _ = conn.query(1); Ok(())"],
    );
}

#[test]
fn a_statement_without_an_await_runs() {
    let code = "#[transactional] fn f(conn: &mut rusqlite::Connection) -> dbop::Result<()> { let _ = conn.execute(\"SELECT 1\", ()); Ok(()) }";
    let options = proc_macro2::TokenStream::new();
    let function: syn::ItemFn = syn::parse_str(&code["#[transactional]".len()..]).unwrap();
    let kind = crate::options::Attribute::Transactional;
    let expansion = crate::expand_operation(kind, options, quote::quote!(#function)).to_string();
    assert!(expansion.contains("`conn.savepoint()`"), "{expansion}");
    assert!(!expansion.contains("never runs"), "{expansion}");
    assert!(!expansion.contains(".await"), "{expansion}");
}
