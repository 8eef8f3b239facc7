//! Code of plain functions that a lint must find, and code that only looks like it.

mod errors;
mod statements;

use super::{all, found, none};

fn plain(attribute: &str, connection: &str, body: &str) -> Vec<String> {
    found(&format!(
        "#[{attribute}] fn f(conn: &mut {connection}, pool: &Pool, client: &reqwest::blocking::Client, items: &[i64]) -> R {{ {body} }}"
    ))
}

fn rusqlite_transaction(body: &str) -> Vec<String> {
    plain("transactional", "rusqlite::Connection", body)
}

fn rusqlite_operation(body: &str) -> Vec<String> {
    plain("db_op", "Connection", body)
}

fn rusqlite_read_only(body: &str) -> Vec<String> {
    plain("db_op(read_only)", "Connection", body)
}

fn diesel_transaction(body: &str) -> Vec<String> {
    plain("transactional", "SqliteConnection", body)
}

fn diesel_operation(body: &str) -> Vec<String> {
    plain("db_op", "diesel::SqliteConnection", body)
}

fn diesel_read_only(body: &str) -> Vec<String> {
    plain("db_op(read_only)", "SqliteConnection", body)
}

fn postgres_transaction(body: &str) -> Vec<String> {
    plain("transactional", "postgres::Client", body)
}

fn postgres_operation(body: &str) -> Vec<String> {
    plain("db_op", "Client", body)
}

fn postgres_read_only(body: &str) -> Vec<String> {
    plain("db_op(read_only)", "Client", body)
}

#[test]
fn calls_that_wait_for_something_else_are_found() {
    all(
        rusqlite_transaction,
        "foreign_await",
        &[
            "std::thread::sleep(second); Ok(())",
            "thread::sleep(second); Ok(())",
            "reqwest::blocking::get(url)?; Ok(())",
            "reqwest::blocking::Client::new().get(url).send()?; Ok(())",
            "let http = reqwest::blocking::Client::new(); http.get(url).send()?; Ok(())",
            "let text = client.post(url).json(&x).send()?.text()?; Ok(())",
            "client.execute(request)?; Ok(())",
            "self.http.get(url).send()?; Ok(())",
            "let agent = client; agent.execute(request)?; Ok(())",
            "ureq::get(url).call()?; Ok(())",
            "let stream = std::net::TcpStream::connect(address)?; Ok(())",
            "let stream = TcpStream::connect(address)?; Ok(())",
            "std::io::stdin().read_line(&mut line)?; Ok(())",
            "for line in io::stdin().lines() { line?; } Ok(())",
            "futures::executor::block_on(ask(1)); Ok(())",
            "dbop::blocking::block_on(transfer(&other, 1))?; Ok(())",
            "block_on(async { client.get(1).await })?; Ok(())",
            "Runtime::new()?.block_on(ask(1)); Ok(())",
            "tokio::task::block_in_place(|| handle.block_on(ask(1))); Ok(())",
            "let old = rusqlite::Connection::open(path)?; Ok(())",
            "let old = Connection::open(path)?; Ok(())",
            "let other = postgres::Client::connect(url, NoTls)?; Ok(())",
            "let other = SqliteConnection::establish(url)?; Ok(())",
            "let other = pool.get()?; Ok(())",
            "let other = self.pool.get()?; Ok(())",
            "let other = pool.get_timeout(second)?; Ok(())",
            "let n = receiver.recv()?; Ok(())",
            "let n = receiver.recv_timeout(second)?; Ok(())",
            "let guard = mutex.blocking_lock(); Ok(())",
            "std::thread::spawn(move || ask(1)).join()?; Ok(())",
            "std::process::Command::new(\"ls\").output()?; Ok(())",
            "Command::new(\"ls\").arg(1).status()?; Ok(())",
            "items.iter().for_each(|item| std::thread::sleep(second)); Ok(())",
            "conn.query_row(\"SELECT 1\", [], |row| { std::thread::sleep(second); row.get(0) })?; Ok(())",
        ],
    );
    all(
        diesel_transaction,
        "foreign_await",
        &["conn.transaction(|conn| { thread::sleep(second); add_sync(conn) })?; Ok(())"],
    );
}

#[test]
fn calls_that_do_not_wait_for_something_else_are_let_through() {
    none(
        rusqlite_transaction,
        &[
            "conn.execute(\"SELECT 1\", [])?; Ok(())",
            "let text = std::fs::read_to_string(path)?; let all = fs::read(path)?; Ok(())",
            "let file = File::open(path)?; Ok(())",
            "let scratch = Connection::open_in_memory()?; Ok(())",
            "let scratch = rusqlite::Connection::open_in_memory()?; Ok(())",
            "notice.send()?; hook.call()?; queue.get().send()?; Ok(())",
            "let form = reqwest::blocking::multipart::Form::new(); Ok(())",
            "let http = reqwest::blocking::Client::new(); Ok(())",
            "let request = client.get(url).build()?; Ok(())",
            "sender.send(1)?; Ok(())",
            "let path = root.join(\"a\"); let text = parts.join(\",\"); Ok(())",
            "let one = cache.get(1); let value = cell.get(); Ok(())",
            "let name = self.db.get(key); Ok(())",
            "let child = Command::new(\"ls\").spawn()?; Ok(())",
            "let status = response.status(); Ok(())",
            "fn inner() { std::thread::sleep(second); } Ok(())",
            "let wait = || std::thread::sleep(second); later(wait); Ok(())",
            "let stream = Stream::connect(1); Ok(())",
            "let agent = ureq::agent(); Ok(())",
            "audit_sync(conn, 1)?; Ok(())",
            "let error = ureq::Error::Http::from(e); Ok(())",
        ],
    );
    let waits = "std::thread::sleep(second); let all = std::fs::read(path)?; reqwest::blocking::get(url)?; futures::executor::block_on(ask(1)); let other = pool.get()?; Ok(())";
    none(rusqlite_operation, &[waits]);
    none(postgres_operation, &[waits]);
    assert_eq!(
        found(&format!("#[db_op] fn f(path: String) -> R {{ {waits} }}")),
        [] as [&str; 0],
        "it blocks a thread that is there for that"
    );
}

#[test]
fn detached_tasks_are_found() {
    all(
        rusqlite_transaction,
        "detached_task",
        &[
            "std::thread::spawn(|| send(1)); Ok(())",
            "thread::spawn(move || std::thread::sleep(second)); Ok(())",
            "let handle = std::thread::spawn(move || send(1)); Ok(())",
            "rayon::spawn(move || send(1)); Ok(())",
            "use std::thread; thread::spawn(run); Ok(())",
            "let work = move || send(1); thread::spawn(work); Ok(())",
            "tokio::spawn(async move { send(1).await }); Ok(())",
            "tokio::task::spawn_blocking(move || send(1)); Ok(())",
            "tokio::runtime::Handle::current().spawn(async move { send(1).await }); Ok(())",
            "for item in items { rayon::spawn(move || send(item)); } Ok(())",
            "conn.query_row(\"SELECT 1\", [], |row| { thread::spawn(|| send(1)); row.get(0) })?; Ok(())",
        ],
    );
    none(
        rusqlite_transaction,
        &[
            "std::thread::scope(|s| { s.spawn(|| 1).join() }); Ok(())",
            "rayon::scope(|s| s.spawn(|_| work(1))); Ok(())",
            "Command::new(\"ls\").spawn()?; Ok(())",
            "world.spawn(1); Ok(())",
            "let id = thread::spawn(conn, title)?; Ok(())",
            "let id = thread::spawn(title.to_owned())?; Ok(())",
            "crate::thread::spawn(new_title(1)); Ok(())",
            "use crate::workers::thread; thread::spawn(run); Ok(())",
        ],
    );
    none(
        rusqlite_operation,
        &["std::thread::spawn(|| send(1)); tokio::spawn(send(1)); Ok(())"],
    );
}

#[test]
fn what_cannot_cross_is_told_once() {
    for (parameters, what) in [
        (
            "conn: &mut Connection, into: &mut Vec<i64>",
            "a `&mut` argument cannot cross",
        ),
        (
            "&mut self, conn: &mut Connection",
            "a borrow that may write cannot cross",
        ),
    ] {
        let code = format!("#[transactional] fn f({parameters}) -> R {{ Ok(()) }}");
        let found = found(&code);
        assert!(
            found.len() == 1 && found[0].contains(what),
            "{code} {found:?}"
        );
    }
    for parameters in [
        "self, conn: &mut Connection",
        "self: Arc<Self>, conn: &mut Connection",
        "&self, conn: &mut Connection, a: &str",
    ] {
        let code = format!("#[transactional] fn f({parameters}) -> R {{ Ok(()) }}");
        assert_eq!(found(&code), [] as [&str; 0], "{code}");
    }
}

#[test]
fn levels_hold_in_plain_functions() {
    none(
        rusqlite_transaction,
        &[
            "#[dbop::allow(swallowed_error)] let _ = audit_sync(conn, 1); Ok(())",
            "#[dbop::expect(foreign_await, reason = \"short\")] std::thread::sleep(second); Ok(())",
        ],
    );
    none(
        |body| {
            plain(
                "transactional(allow(manual_transaction))",
                "Connection",
                body,
            )
        },
        &["conn.execute_batch(\"COMMIT; BEGIN\")?; Ok(())"],
    );
}
