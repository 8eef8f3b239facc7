//! Code that a lint must find, and code that only looks like it.

use super::{Find, all, found, in_operation, in_transaction, none};

#[test]
fn foreign_awaits_are_found() {
    all(
        in_transaction,
        "foreign_await",
        &[
            "client.get(url).send().await?; Ok(())",
            "let tx = client; tx.send(1).await?; Ok(())",
            "let (tx, mut rx) = channel(); rx.recv().await; Ok(())",
            "query(\"SELECT 1\").execute(pool).await?; Ok(())",
            "query(\"SELECT 1\").fetch_one(&self.pool).await?; Ok(())",
            "let row = a(&mut *tx).await?; client.post(row).await?; Ok(())",
            "client.post(a(&mut *tx).await?).await?; Ok(())",
            "join!(a(&mut *tx), client.get(1)); Ok(())",
            "tokio::try_join!(biased; client.get(1), a(&mut *tx))?; Ok(())",
            "select! { x = client.get(1) => x, y = client.get(2) => y }",
            "select! { x = a(&mut *tx) => { client.get(x).await } }",
            "println!(\"{}\", client.get(1).await); Ok(())",
            "odd! { a => client.get(1).await; b }; Ok(())",
            "match client.get(1).await { Ok(x) => x, Err(e) => e }",
            "if let Some(x) = client.get(1).await { x } else { 0 }",
            "while let Some(x) = rx.recv().await { x; } Ok(())",
            "for x in client.get(1).await { x; } Ok(())",
            "async { client.get(1).await }.await",
            "let f = async { client.get(1).await }; f.await",
            "timeout(second, client.get(1)).await",
            "timeout(second, async { a(&mut *tx).await?; client.get(1).await }).await",
            "tx.savepoint(async |tx| { client.get(1).await }).await?; Ok(())",
            "tx.savepoint(async |sp: &mut Tx<'_, Sqlite>| -> R { a(sp).await?; client.get(1).await }).await?; Ok(())",
            "query(\"SELECT 1\").fetch(tx).try_for_each(|row| async move { client.post(row).await }).await?; Ok(())",
            "Ok(client.get(1).await?)",
            "return client.get(1).await;",
            "let x = [client.get(1).await, 2]; Ok(())",
            "let Some(x) = client.get(1).await else { return Ok(()) }; Ok(())",
            "barrier.wait().await; Ok(())",
            "each(&mut *tx, |t| Box::pin(async move { client.get(1).await })).await?; Ok(())",
            "each(&mut *tx, |t| { let c = client.clone(); async move { c.get(1).await } }).await?; Ok(())",
            "let n = tx.conn().version(); client.get(n).await?; Ok(())",
            "let text = format!(\"{:?}\", tx); client.send(text).await?; Ok(())",
            "let (client, tx) = (tx, client); tx.get(1).await?; Ok(())",
            "let ids = load(&mut *tx).await?; ids.iter().map(|id| client.get(id)).collect::<FuturesUnordered<_>>().next().await; Ok(())",
            "let rows = client.stream(&mut *tx); rows.next().await; client.notify(1).await?; Ok(())",
            "let user = load(&mut *tx).await?; notify(&user).await?; Ok(())",
            "let user = load(&mut *tx).await?; notify(user).await?; Ok(())",
            "tokio::spawn(send(1)).await?; Ok(())",
            "webhook(&mut *tx, client.get(1).await?).await?; Ok(())",
            "insert_after(&mut *tx, client.get(1).await).await?; Ok(())",
            "let user = load(&mut *tx).await?; mailer.send(&user).await?; Ok(())",
            "each(&mut *tx, async |row| client.get(1).await).await?; Ok(())",
            "with_lock(&mut *tx, |t| Box::pin(async move { a(t).await?; Ok(()) }), client.get(1).await).await?; Ok(())",
            "let both = future::join(a(&mut *tx), client.get(1)).await; Ok(())",
            "let f = async |_: &mut Tx<'_, Sqlite>| -> R { client.get(1).await }; tx.savepoint(f).await?; Ok(())",
            "let (a, b) = (&mut *tx, client); b.get(1).await?; Ok(())",
            "names(pool).await?; Ok(())",
            "names(&self.db).await?; Ok(())",
            "P { #[dbop::allow(foreign_await)] a: x.y().await, b: x.z().await }; Ok(())",
            "#[transactional] async fn inner() -> R { Ok(()) } x.y().await",
            "let f = async { other.tx.run().await }; f.await; Ok(())",
            "let (x, y) = join!(a(&mut *tx), b(&mut *tx)); x.send().await; Ok(())",
            "let both = join(a(&mut *tx), client.get(1)).await; Ok(())",
            "futures::future::try_join(client.get(1), a(&mut *tx)).await?; Ok(())",
            "let f = a(&mut *tx); let both = future::join(f, rx.recv()).await; Ok(())",
            "team::join(client, 1).await?; Ok(())",
            "crate::team::join(user, 1).await?; Ok(())",
        ],
    );
}

#[test]
fn awaits_on_the_transaction_are_not_foreign() {
    none(
        in_transaction,
        &[
            "a(&mut *tx).await?; Ok(())",
            "let t = &mut *tx; a(t).await?; Ok(())",
            "let t = tx; let u = &mut *t; query!(\"SELECT 1\").fetch_one(&mut *u).await?; Ok(())",
            "let tx = &mut *tx; a(tx).await?; Ok(())",
            "let mut s = query(\"SELECT 1\").fetch(&mut *tx); while let Some(row) = s.try_next().await? { row; } Ok(())",
            "let s = query(\"SELECT 1\").fetch(&mut *tx); pin!(s); s.next().await; Ok(())",
            "let mut s; s = query(\"SELECT 1\").fetch(&mut *tx); s.next().await; Ok(())",
            "let f = a(&mut *tx); f.await?; Ok(())",
            "let f = async { a(&mut *tx).await }; f.await?; Ok(())",
            "Box::pin(a(&mut *tx)).await?; Ok(())",
            "timeout(second, a(&mut *tx)).await??; Ok(())",
            "Repo { tx }.load().await?; Ok(())",
            "let repo = Repo::new(&mut *tx); repo.load().await?; Ok(())",
            "let mut copy = tx.conn().copy_in_raw(\"COPY t FROM STDIN\").await?; copy.send(data).await?; copy.finish().await?; Ok(())",
            "tx.after_commit(async move { client.post(1).await; Ok(()) }); Ok(())",
            "Tx::after_commit(tx, async move { client.post(1).await; Ok(()) }); Ok(())",
            "tx.savepoint(async |tx: &mut Tx<'_, Sqlite>| -> R { a(&mut *tx).await }).await?; Ok(())",
            "tx.savepoint(async |inner| a(&mut *inner).await).await?; Ok(())",
            "select! { x = a(&mut *tx) => x, _ = cancelled.wait() => 0 }",
            "tokio::select! { biased; _ = sleep(second) => 0, x = a(&mut *tx) => x, else => 1 }",
            "join!(a(&mut *tx), async { b(&mut *tx).await }); Ok(())",
            "ready(1); std::future::ready(1).await; Ok(())",
            "async { 1 }.await; Ok(())",
            "tokio::task::yield_now().await; Ok(())",
            "let mut guard = lock.acquire(tx.conn()).await?; query(\"SELECT 1\").execute(guard.as_mut()).await?; Ok(())",
            "let mut work = Uow::begin(&mut *tx).await?; save(&mut work).await?; query(\"SELECT 1\").execute(work.conn()).await?; Ok(())",
            "let mut work; work = Uow::begin(&mut *tx).await?; work.users().insert(u).await?; Ok(())",
            "let mut work = match Uow::begin(&mut *tx).await { Ok(w) => w, Err(e) => return Err(e) }; work.users().insert(u).await?; Ok(())",
            "let mut c = Ctx::default(); c.attach(&mut *tx)?; run(&mut c).await?; Ok(())",
            "let mut c = Ctx::default(); let _ = c.attach(&mut *tx); run(&mut c).await?; Ok(())",
            "let mut c = Ctx::default(); attach(&mut c, tx); run(&mut c).await?; Ok(())",
            "let (t, n) = (&mut *tx, 1); a(t, n).await?; Ok(())",
            "let work = if x { Some(begin(&mut *tx).await?) } else { None }; work.users().insert(u).await?; Ok(())",
            "let users = tx.users(); users.insert(u).await?; Ok(())",
            "audit(&mut *tx, &self.db).await?; Ok(())",
            "futures::future::ok::<i64, E>(1).await?; Ok(())",
            "tx.with_lock(1, async |tx| a(&mut *tx).await).await?; Ok(())",
            "tx.with_retry(|t| async move { insert(t).await }).await?; Ok(())",
            "with_lock(&mut *tx, async |t| a(t).await).await?; Ok(())",
            "let mut work = UnitOfWork::begin_in(&mut *tx).await?; work.users().insert(u).await?; Ok(())",
            "let guard = PgAdvisoryLock::new(1).acquire(tx.conn()).await?; a(tx).await?; guard.release_now().await?; Ok(())",
            "let tx = returns_tx(tx).await?; other(tx).await?; Ok(())",
            "let (tx, id) = insert(tx, 1).await?; other(tx, id).await?; Ok(())",
            "let mut context = Context::new(); context.bind(&mut *tx); context.step().await?; Ok(())",
            "let mut context = Context::new(); context.tx = Some(&mut *tx); context.step().await?; Ok(())",
            "let mut all = Vec::new(); all.push(a(&mut *tx).boxed()); for f in all { f.await?; } Ok(())",
            "hooks::on_commit(&mut *tx, async move || client.get(1).await); Ok(())",
            "client.later(async { client.get(1).await }); Ok(())",
            "async fn inner(client: &Client) -> i64 { client.get(1).await } a(tx).await",
            "let run = |x| x + 1; a(&mut *tx, run(1)).await?; Ok(())",
            "my_query!(tx, \"SELECT 1\").await?; Ok(())",
            "let stream = try_stream! { let mut rows = query(\"SELECT 1\").fetch(&mut *tx); while let Some(r) = rows.next().await { yield r; } }; stream.collect().await?; Ok(())",
            "(if x { a(&mut *tx) } else { b(&mut *tx) }).await?; Ok(())",
            "with(tx, |t| Box::pin(async move { a(t).await })).await?; Ok(())",
            "let __self = self; let tx = tx; let __ret: R = { a(&mut *tx).await?; Ok(()) }; __ret",
            "let __future = async move { a(&mut *tx).await?; Ok(()) }; if !off { Instrument::instrument(__future, span).await } else { __future.await }",
            "let __future = async move { Ok(()) }; __future.await",
            "join(&mut *tx, user).await?; Ok(())",
            "join(tx, team, user).await",
            "try_join(user, &mut *tx).await",
            "team::join(tx, user).await?; Ok(())",
            "crate::team::join(&mut *tx, user).await?; Ok(())",
            "self.join(tx, user).await?; Ok(())",
            "Self::join(&mut *tx, user).await?; Ok(())",
            "let repo = Repo::new(&mut *tx); join(&repo, user).await?; Ok(())",
            "let repo = Repo::new(&mut *tx); team::join(repo, user).await?; Ok(())",
            "let repo = Repo::new(&mut *tx); join(repo, 7).await?; Ok(())",
            "let repo = Repo::new(&mut *tx); super::join(repo, user).await?; Ok(())",
            "use crate::team::join; let repo = Repo::new(&mut *tx); join(repo, user).await?; Ok(())",
            "use super::{a, team::{self, try_join as join}}; let repo = Repo::new(&mut *tx); join(repo, user).await?; Ok(())",
            "async fn join(repo: Repo, user: User) -> R { Ok(()) } let repo = Repo::new(&mut *tx); join(repo, user).await?; Ok(())",
            "let both = future::join(a(&mut *tx), async { b(&mut *tx).await }).await; Ok(())",
        ],
    );
    none(
        in_operation,
        &["client.get(1).await?; a(&mut *conn).await?; Ok(())"],
    );
}

#[test]
fn blocking_calls_are_found() {
    all(
        in_operation,
        "blocking_call",
        &[
            "std::thread::sleep(second); Ok(())",
            "thread::sleep(second); Ok(())",
            "let text = std::fs::read_to_string(path)?; Ok(())",
            "let text = fs::read_to_string(path)?; Ok(())",
            "let file = File::open(path).unwrap(); Ok(())",
            "let stream = std::net::TcpStream::connect(address)?; Ok(())",
            "let stream = TcpStream::connect(address).expect(\"up\"); Ok(())",
            "reqwest::blocking::get(url)?; Ok(())",
            "let client = reqwest::blocking::Client::new(); Ok(())",
            "runtime.block_on(f()); Ok(())",
            "futures::executor::block_on(f()); Ok(())",
            "tokio::runtime::Handle::current().block_on(f()); Ok(())",
            "let c = rusqlite::Connection::open(path)?; Ok(())",
            "let c = PgConnection::establish(url)?; Ok(())",
            "let c = diesel::PgConnection::establish(url)?; Ok(())",
            "diesel::insert_into(users).values(v).execute(c)?; Ok(())",
            "let c = postgres::Client::connect(url, NoTls)?; Ok(())",
            "mutex.blocking_lock(); Ok(())",
            "items.iter().map(|path| std::fs::read(path)).count(); Ok(())",
            "async { std::thread::sleep(second) }.await; Ok(())",
            "select! { x = a(&mut *conn, std::fs::read(path)) => Ok(()) }",
            "let text = fs::read_to_string(path).map_err(E)?; Ok(())",
            "let text = fs::read(path).ok(); Ok(())",
            "if let Ok(text) = fs::read(path) { text; } Ok(())",
            "std::process::Command::new(\"ls\").arg(1).status()?; Ok(())",
            "std::io::stdin().read_line(text)?; Ok(())",
        ],
    );
    all(
        in_transaction,
        "blocking_call",
        &["tx.after_commit(async move { std::thread::sleep(second); Ok(()) }); Ok(())"],
    );
    for code in [
        "#[db_op] async fn f(&self) -> R { std::thread::sleep(second); self.pool.a().await }",
        "#[db_op] async fn f(old: &rusqlite::Connection) -> R { old.execute(\"SELECT 1\", ())?; Ok(()) }",
        "#[db_op(retry = never)] async fn f(conn: &mut Conn<'_, Sqlite>, old: &mut diesel::SqliteConnection) -> R { users.load(old)?; Ok(()) }",
    ] {
        assert_eq!(found(code), ["blocking_call"], "{code}");
    }
}

#[test]
fn async_calls_and_other_threads_do_not_block() {
    none(
        in_operation,
        &[
            "tokio::time::sleep(second).await; Ok(())",
            "sleep(second).await; Ok(())",
            "tokio::fs::read_to_string(path).await?; Ok(())",
            "fs::read_to_string(path).await?; Ok(())",
            "timeout(second, fs::read(path)).await??; Ok(())",
            "let file = File::open(path).await?; Ok(())",
            "TcpStream::connect(address).await?; Ok(())",
            "let ip = std::net::Ipv4Addr::new(127, 0, 0, 1); Ok(())",
            "let p = std::fs::Permissions::from_mode(0o600); Ok(())",
            "let address: std::net::SocketAddr = text.parse()?; Ok(())",
            "tokio::task::spawn_blocking(|| std::fs::read(path)).await?; Ok(())",
            "tokio::task::spawn_blocking(move || { std::thread::sleep(second); 1 }).await?; Ok(())",
            "tokio::task::block_in_place(|| std::fs::read(path))?; Ok(())",
            "conn2.interact(|c| rusqlite::Connection::open(path)).await?; Ok(())",
            "diesel::insert_into(users).values(v).execute(c).await?; Ok(())",
            "sqlx::postgres::PgConnectOptions::new(); Ok(())",
            "fn inner() { std::thread::sleep(second); } Ok(())",
            "AsyncPgConnection::establish(url).await?; Ok(())",
            "Session::establish(&mut *conn, user).await?; Ok(())",
            "let file = File::from_row(&row)?; Ok(())",
            "let file = models::File::create(name)?; Ok(())",
            "let all = vfs::fs::read(path)?; Ok(())",
            "SmtpConnection::establish(x)?; Ok(())",
            "let error = ureq::Error::Http::from(e); Ok(())",
            "let file = File::try_from(row)?; Ok(())",
            "let clean = fs::sanitize(path)?; Ok(())",
            "asyncify(move || std::fs::read(path)).await?; Ok(())",
            "web::block(move || std::fs::read(path)).await?; Ok(())",
            "spawn_blocking_with_tracing(move || std::fs::read(path)).await?; Ok(())",
            "tokio::task::spawn_blocking({ let p = p.clone(); move || std::fs::read(p) }).await?; Ok(())",
            "let read = move || std::fs::read(path); spawn_blocking(read).await?; Ok(())",
            "tokio::task::block_in_place(|| handle.block_on(f)); Ok(())",
            "Command::new(\"ls\").status().await?; Ok(())",
            "crate::thread::sleep(1); Ok(())",
        ],
    );
}

#[test]
fn detached_tasks_are_found() {
    all(
        in_transaction,
        "detached_task",
        &[
            "tokio::spawn(send(1)); Ok(())",
            "tokio::spawn(async { 1 }); Ok(())",
            "tokio::spawn(async move { send(1).await }); Ok(())",
            "tokio::task::spawn(send(1)); Ok(())",
            "task::spawn_local(send(1)); Ok(())",
            "spawn(async move { send(1).await }); Ok(())",
            "tokio::task::spawn_blocking(|| 1); Ok(())",
            "std::thread::spawn(|| 1); Ok(())",
            "handle.spawn(send(1)); Ok(())",
            "let mut tasks = JoinSet::new(); tasks.spawn(send(1)); Ok(())",
            "rayon::spawn(|| 1); Ok(())",
            "actix_web::rt::spawn(send(1)); Ok(())",
            "spawn(send(1)); Ok(())",
            "for x in items { tokio::spawn(send(x)); } Ok(())",
            "tokio::spawn(future); Ok(())",
            "std::thread::spawn(work); Ok(())",
            "use std::thread; thread::spawn(|| 1); Ok(())",
            "thread::spawn(move || send(1)); Ok(())",
            "thread::spawn(run); Ok(())",
            "thread::spawn(jobs::run); Ok(())",
            "let work = move || send(1); thread::spawn(work); Ok(())",
            "thread::spawn({ let x = x.clone(); move || send(x) }); Ok(())",
            "thread::spawn(Box::new(|| 1)); Ok(())",
            "task::spawn(send(1)); Ok(())",
            "async_std::task::spawn(send(1)); Ok(())",
            "let f = async { send(1).await }; let g = f; task::spawn(g); Ok(())",
            "spawn(async { 1 }.instrument(span)); Ok(())",
            "handle.spawn(Box::pin(send(1))); Ok(())",
            "crate::task::spawn(async move { send(1).await }); Ok(())",
            "use crate::jobs; tokio::spawn(jobs::send(1)); Ok(())",
        ],
    );
}

#[test]
fn work_for_after_the_commit_is_not_detached() {
    none(
        in_transaction,
        &[
            "tx.after_commit(async move { tokio::spawn(send(1)); Ok(()) }); Ok(())",
            "Command::new(\"ls\").spawn()?; Ok(())",
            "spawn(1); Ok(())",
            "work::spawn(1); Ok(())",
            "world.spawn(1); Ok(())",
            "Workspace::spawn(config); Ok(())",
            "std::thread::scope(|s| { s.spawn(|| 1).join() }); Ok(())",
            "let send = move || tokio::spawn(f(1)); tx.after_commit(async move { send(); Ok(()) }); Ok(())",
            "async fn inner() { tokio::spawn(send(1)); } Ok(())",
            "scope.spawn(a(&mut *tx)); Ok(())",
            "self.spawner.register(1); Ok(())",
            "thread::spawn(1); Ok(())",
            "thread::spawn(\"title\"); Ok(())",
            "thread::spawn(&title); Ok(())",
            "thread::spawn(items); Ok(())",
            "let title = title_of(1); thread::spawn(title); Ok(())",
            "thread::spawn(title.clone()); Ok(())",
            "thread::spawn(title_of(1)); Ok(())",
            "thread::spawn(Kind::Open); Ok(())",
            "thread::spawn(run, 1); Ok(())",
            "let id = thread::spawn(&mut *tx, 1).await?; Ok(())",
            "let id = thread::spawn(tx, 1); Ok(())",
            "crate::thread::spawn(&mut *tx, title).await?; Ok(())",
            "crate::thread::spawn(title_of(1)); Ok(())",
            "self::task::spawn(title.next()); Ok(())",
            "super::rt::spawn(run); Ok(())",
            "use crate::workers::thread; thread::spawn(run); Ok(())",
            "use self::{workers::{thread::{self, other}}, a}; thread::spawn(run); Ok(())",
            "use super::workers as task; task::spawn(title_of(1)); Ok(())",
            "mod thread { pub fn spawn(n: fn()) {} } thread::spawn(run); Ok(())",
            "fn spawn(n: i64) {} spawn(next(1)); Ok(())",
            "task::spawn(title); Ok(())",
            "task::spawn(Task::new(1)); Ok(())",
            "spawn(Monster::new(1)); Ok(())",
            "spawn(name.clone()); Ok(())",
            "spawn(next(1), 2); Ok(())",
            "world.spawn(Player::new(1)); Ok(())",
            "world.spawn(name.to_owned()); Ok(())",
            "Self::spawn(next(1)); Ok(())",
        ],
    );
    none(in_operation, &["tokio::spawn(send(1)); Ok(())"]);
}

#[test]
fn swallowed_errors_are_found() {
    let finders: [(&str, Find); 2] = [("tx", in_transaction), ("conn", in_operation)];
    for (name, find) in finders {
        let bodies = [
            "let _ = query(\"SELECT 1\").execute(&mut *S).await; Ok(())",
            "let _ = transfer(&mut *S, 1).await; Ok(())",
            "_ = transfer(&mut *S, 1).await; Ok(())",
            "let _: Result<(), E> = transfer(&mut *S, 1).await; Ok(())",
            "query(\"SELECT 1\").execute(&mut *S).await; Ok(())",
            "transfer(&mut *S, 1).await; Ok(())",
            "transfer(&mut *S, 1).await.ok(); Ok(())",
            "let x = transfer(&mut *S, 1).await.ok().flatten(); Ok(())",
            "let x = query(\"SELECT 1\").fetch_one(&mut *S).await.unwrap_or_default(); Ok(())",
            "let x = query(\"SELECT 1\").fetch_one(&mut *S).await.map_err(log).unwrap_or(0); Ok(())",
            "let x = query(\"SELECT 1\").fetch_one(&mut *S).await.unwrap_or_else(|_| 0); Ok(())",
            "let x = transfer(&mut *S, 1).await.map_err(log).ok(); Ok(())",
            "drop(transfer(&mut *S, 1).await); Ok(())",
            "if let Ok(x) = transfer(&mut *S, 1).await && x > 1 { x; } Ok(())",
            "match transfer(&mut *S, 1).await { Ok(x) => x, _ => () } Ok(())",
            "let repo = Repo::new(&mut *S); repo.insert(1).await.ok(); Ok(())",
            "let _ = (&mut *S).insert_user(1).await; Ok(())",
            "if let Ok(x) = transfer(&mut *S, 1).await { x; } Ok(())",
            "let mut s = query(\"SELECT 1\").fetch(&mut *S); while let Ok(Some(row)) = s.try_next().await { row; } Ok(())",
            "match transfer(&mut *S, 1).await { Ok(x) => x, Err(_) => {} } Ok(())",
            "query(\"SELECT 1\").execute(&mut *S); Ok(())",
            "let _ = query(\"SELECT 1\").execute(&mut *S); Ok(())",
        ];
        for body in bodies {
            let body = body.replace("*S", &format!("*{name}"));
            assert_eq!(find(&body), ["swallowed_error"], "{body}");
        }
    }
}

#[test]
fn errors_that_go_on_are_not_swallowed() {
    none(
        in_transaction,
        &[
            "transfer(&mut *tx, 1).await?; Ok(())",
            "transfer(&mut *tx, 1).await",
            "let x = transfer(&mut *tx, 1).await.ok().ok_or(NotFound)?; Ok(())",
            "let x = transfer(&mut *tx, 1).await.ok().ok_or_else(|| NotFound)?; Ok(())",
            "let x = transfer(&mut *tx, 1).await.unwrap(); Ok(())",
            "let x = query(\"SELECT 1\").fetch_one(&mut *tx).await.unwrap_or_else(|error| panic!(\"{error}\")); Ok(())",
            "let x = find(&mut *tx).await.unwrap_or(7); Ok(())",
            "let _value = find(&mut *tx).await; Ok(())",
            "match insert(&mut *tx).await { Err(e) if e.is_unique() => return Err(Taken), Err(e) => return Err(e), _ => {} } Ok(())",
            "match lookup(&mut *tx).await { Some(_) => return Err(Taken), _ => () } Ok(())",
            "find(&mut *tx).await.ok().flatten().ok_or(NotFound)?; Ok(())",
            "let Some(row) = find(&mut *tx).await.ok() else { return Err(NotFound) }; Ok(())",
            "let x = transfer(&mut *tx, 1).await; x?; Ok(())",
            "let _ = transfer(&mut *tx, 1).await?; Ok(())",
            "let _unused = transfer(&mut *tx, 1).await?; Ok(())",
            "let () = helper(&mut *tx).await; Ok(())",
            "#[dbop::allow(manual_transaction)] let _ = tx.rollback().await; Ok(())",
            "let x = transfer(&mut *tx, 1).await?.unwrap_or_default(); Ok(())",
            "let x = transfer(&mut *tx, 1).await?.ok(); Ok(())",
            "if let Ok(x) = transfer(&mut *tx, 1).await { x } else { return Err(E) }",
            "if let Err(e) = transfer(&mut *tx, 1).await { return Err(e) } Ok(())",
            "match transfer(&mut *tx, 1).await { Ok(x) => x, Err(e) => return Err(e.into()) }",
            "match transfer(&mut *tx, 1).await { Ok(x) => x, Err(_) => return Err(Mine) }",
            "let _ = tx.savepoint(async |tx| transfer(tx, 1).await).await; Ok(())",
            "tx.savepoint(async |tx| transfer(tx, 1).await).await.ok(); Ok(())",
            "let _ = text.parse::<i64>(); text.parse::<i64>().ok(); Ok(())",
            "tx.after_commit(async move { let _ = client.post(1).await; Ok(()) }); Ok(())",
            "let mut s = query(\"SELECT 1\").fetch(tx); s.next().await; Ok(())",
            "let f = query(\"SELECT 1\").execute(&mut *tx); f.await?; Ok(())",
        ],
    );
    none(
        in_operation,
        &[
            "let n = conn.conn().version(); tokio::time::sleep(n).await; Ok(())",
            "let _ = client.post(1).await; Ok(())",
            "cache.set(1).await.ok(); Ok(())",
        ],
    );
}

#[test]
fn arguments_that_cannot_be_replayed_are_found() {
    let function = |parameters: &str, output: &str| {
        format!("#[transactional] async fn f({parameters}) -> {output} {{ a(tx).await }}")
    };
    for (parameters, output) in [
        ("tx: &mut Tx<'_, Sqlite>, into: &mut Vec<i64>", "R"),
        ("tx: &mut Tx<'_, Sqlite>, (a, b): &mut (i64, i64)", "R"),
        ("self, tx: &mut Tx<'_, Sqlite>", "R"),
        ("self: Arc<Self>, tx: &mut Tx<'_, Sqlite>", "R"),
        ("tx: &mut Tx<'_, Sqlite>, a: &i64", "Result<&mut i64, E>"),
        ("&mut self, tx: &mut Tx<'_, Sqlite>", "Result<&i64, E>"),
    ] {
        let code = function(parameters, output);
        assert_eq!(found(&code), ["unreplayable_argument"], "{code}");
    }
    for (parameters, output) in [
        (
            "tx: &mut Tx<'_, Sqlite>, a: &i64, b: Vec<i64>, c: fn(&mut i64)",
            "R",
        ),
        ("&mut self, tx: &mut Tx<'_, Sqlite>", "R"),
        ("self: Pin<&mut Self>, tx: &mut Tx<'_, Sqlite>", "R"),
        ("self: &Arc<Self>, tx: &mut Tx<'_, Sqlite>", "R"),
    ] {
        let code = function(parameters, output);
        assert_eq!(found(&code), [] as [&str; 0], "{code}");
    }
    for option in ["retry = never", "allow(unreplayable_argument)"] {
        let code = format!(
            "#[transactional({option})] async fn f(tx: &mut Tx<'_, Sqlite>, a: &mut i64) -> R {{ b(tx).await }}"
        );
        assert_eq!(found(&code), [] as [&str; 0], "{code}");
    }
    let consumed = "#[transactional(allow(unreplayable_argument))] async fn f(self, tx: &mut Tx<'_, Sqlite>) -> R { b(tx).await }";
    assert_eq!(
        found(consumed),
        ["unreplayable_argument"],
        "no level makes it possible"
    );
}

#[test]
fn writes_in_read_only_operations_are_found() {
    let read_only = |text: &str| {
        found(&format!(
            "#[db_op(read_only)] async fn f(conn: &mut Conn<'_, Sqlite>) -> R {{ {text} }}"
        ))
    };
    for body in [
        "query(\"UPDATE t SET a = 1 WHERE b\").execute(&mut *conn).await?; Ok(())",
        "sqlx::query!(\"INSERT INTO t VALUES (1)\").execute(&mut *conn).await?; Ok(())",
        "query_as!(User, \"DELETE FROM t WHERE a = 1 RETURNING *\", id).fetch_one(&mut *conn).await?; Ok(())",
        "conn.execute(\"CREATE TABLE t (a)\").await?; Ok(())",
        "let sql = \"DROP TABLE t\"; query(sql).execute(&mut *conn).await?; Ok(())",
        "const SQL: &str = \"TRUNCATE t\"; query(SQL).execute(&mut *conn).await?; Ok(())",
        "query(\"WITH gone AS (DELETE FROM t WHERE a RETURNING *) SELECT * FROM gone\").fetch_all(&mut *conn).await?; Ok(())",
        "query(\"SELECT * FROM t FOR UPDATE\").fetch_all(&mut *conn).await?; Ok(())",
        "query(AssertSqlSafe(format!(\"DELETE FROM {table} WHERE a = 1\"))).execute(&mut *conn).await?; Ok(())",
        "let mut q = QueryBuilder::new(\"INSERT INTO t \"); q.build().execute(&mut *conn).await?; Ok(())",
        "let sql = if x { \"SELECT 1\" } else { \"DELETE FROM t WHERE a\" }; query(sql).execute(&mut *conn).await?; Ok(())",
    ] {
        assert_eq!(read_only(body), ["write_in_read_only"], "{body}");
    }
    for body in [
        "query(\"SELECT 'DELETE FROM t'\").fetch_one(&mut *conn).await?; Ok(())",
        "query(\"SELECT \\\"update\\\" FROM t -- DELETE FROM t\").fetch_one(&mut *conn).await?; Ok(())",
        "let message = \"UPDATE t SET a = 1 WHERE b\"; query(\"SELECT 1\").bind(message).fetch_one(&mut *conn).await?; Ok(())",
        "cache.execute(\"DELETE FROM cache WHERE k = 1\").await?; query(\"SELECT 1\").fetch_one(&mut *conn).await?; Ok(())",
        "log(\"DELETE FROM t\"); query(\"SELECT 1\").fetch_one(&mut *conn).await?; Ok(())",
        "query(statement).fetch_one(&mut *conn).await?; Ok(())",
        "query(\"UPDATE t SET a = 1 WHERE b\").execute(other).await?; Ok(())",
        "let log = diesel::insert_into(log).values(x); log.execute(&mut other).await?; Ok(())",
    ] {
        assert_eq!(read_only(body), [] as [&str; 0], "{body}");
    }
    assert_eq!(
        found(
            "#[db_op(read_only, allow(no_session))] async fn f(pool: &PgPool) -> R { query(\"UPDATE t SET a = 1 WHERE b\").execute(pool).await?; Ok(()) }"
        ),
        ["write_in_read_only"],
        "whose session it is, is not seen"
    );
}

#[test]
fn writes_without_where_are_found() {
    all(
        in_operation,
        "unfiltered_write",
        &[
            "query(\"DELETE FROM t\").execute(&mut *conn).await?; Ok(())",
            "query(\"UPDATE t SET a = (SELECT b FROM u WHERE c)\").execute(&mut *conn).await?; Ok(())",
            "query(concat!(\"UPDATE t \", \"SET a = 1\")).execute(&mut *conn).await?; Ok(())",
            "query!(\"UPDATE t \" + \"SET a = 1\").execute(&mut *conn).await?; Ok(())",
            "let mut q = query(\"DELETE FROM t\"); q.execute(&mut *conn).await?; Ok(())",
            "sqlx::raw_sql(\"SELECT 1; DELETE FROM t; SELECT 2\").execute(&mut *conn).await?; Ok(())",
        ],
    );
    none(
        in_operation,
        &[
            "query(\"DELETE FROM t WHERE true\").execute(&mut *conn).await?; Ok(())",
            "query(\"INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2\").execute(&mut *conn).await?; Ok(())",
            "let mut q = QueryBuilder::new(\"DELETE FROM t\"); q.push(\" WHERE a = 1\"); q.build().execute(&mut *conn).await?; Ok(())",
            "let mut sql = String::from(\"DELETE FROM t\"); sql.push_str(\" WHERE a\"); query(&sql).execute(&mut *conn).await?; Ok(())",
            "query(&format!(\"DELETE FROM t {filter}\")).execute(&mut *conn).await?; Ok(())",
            "query(&(\"DELETE FROM t\".to_owned() + filter)).execute(&mut *conn).await?; Ok(())",
            "let sql = Sql::from(\"DELETE FROM t\"); sql.add(\" WHERE a\"); query(sql.as_str()).execute(&mut *conn).await?; Ok(())",
            "query(&with_filter(\"DELETE FROM t\")).execute(&mut *conn).await?; Ok(())",
        ],
    );
}

#[test]
fn statements_in_loops_are_found() {
    all(
        in_operation,
        "query_in_loop",
        &[
            "for x in items { query(\"SELECT 1\").bind(x).execute(&mut *conn).await?; } Ok(())",
            "for x in items { let row = query!(\"SELECT 1\", x).fetch_one(&mut *conn).await?; } Ok(())",
            "for x in items.iter().rev() { conn.execute(\"SELECT 1\").await?; } Ok(())",
            "while let Some(x) = queue.pop() { query(\"SELECT 1\").bind(x).execute(&mut *conn).await?; } Ok(())",
            "loop { query(\"SELECT 1\").execute(&mut *conn).await?; }",
            "for x in items { let all: Vec<i64> = query(\"SELECT 1\").fetch(&mut *conn).try_collect().await?; } Ok(())",
            "for x in items { timeout(second, query(\"SELECT 1\").execute(&mut *conn)).await??; } Ok(())",
            "for x in items { try_join!(query(\"SELECT 1\").execute(&mut *conn))?; } Ok(())",
            "for x in items { query(\"SELECT 1 LIMIT 1\").fetch_optional(&mut *conn).await?; } Ok(())",
            "for x in items { if x > 1 { async { query(\"SELECT 1\").execute(&mut *conn).await }.await?; } } Ok(())",
        ],
    );
    assert_eq!(
        found(
            "#[db_op(allow(no_session))] async fn f(&self, items: &[i64]) -> R { for x in items { query(\"SELECT 1\").execute(&self.pool).await?; } Ok(()) }"
        ),
        ["query_in_loop"]
    );
}

#[test]
fn without_a_session_a_future_is_taken_for_a_part_of_the_body() {
    assert_eq!(
        found(
            "#[db_op(allow(no_session))] async fn f(&self, items: &[i64]) -> R { let work = async { for x in items { query(\"SELECT 1\").execute(&self.pool).await?; } Ok(()) }; Instrument::instrument(work, span).await }"
        ),
        ["query_in_loop"]
    );
}

#[test]
fn loops_without_round_trips_of_their_own_are_left_alone() {
    none(
        in_transaction,
        &[
            "for x in query(\"SELECT 1\").fetch_all(&mut *tx).await? { total += x; } Ok(())",
            "for x in items { transfer(&mut *tx, x).await?; } Ok(())",
            "let chunks = items.chunks(10); for part in chunks { query(\"SELECT 1\").execute(&mut *tx).await?; } Ok(())",
            "let chunks = items.iter().chunks(10); for part in &chunks { query(\"SELECT 1\").execute(&mut *tx).await?; } Ok(())",
            "while let Some(chunk) = rows.pop() { query(\"SELECT 1\").execute(&mut *tx).await?; } Ok(())",
            "loop { let q = query(\"DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 9)\"); if q.execute(&mut *tx).await? == 0 { break } } Ok(())",
            "loop { tx.execute(\"DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 9)\").await?; }",
            "for attempt in 0..3 { query(\"SELECT 1\").execute(&mut *tx).await?; } Ok(())",
            "loop { let done = query(\"SELECT 1\").fetch_one(&mut *tx).await?; if done { break } tx.sleep(second).await?; }",
            "loop { let n = query(\"SELECT 1\").execute(&mut *tx).await?; if n == 1 { continue } break; }",
            "for migration in migrations.iter() { tx.execute(&*migration.sql).await?; } Ok(())",
            "for statement in text.split(';') { query(AssertSqlSafe(statement)).execute(&mut *tx).await?; } Ok(())",
            "for table in [\"a\", \"b\"].iter() { query(statement).execute(&mut *tx).await?; } Ok(())",
            "for chunk in items.chunks(500) { insert(chunk).build().execute(&mut *tx).await?; } Ok(())",
            "for (i, chunk) in items.chunks(500).enumerate() { query(\"SELECT 1\").execute(&mut *tx).await?; } Ok(())",
            "let mut s = query(\"SELECT 1\").fetch(&mut *tx); while let Some(row) = s.try_next().await? { total += row; } Ok(())",
            "loop { let n = query(\"DELETE FROM t WHERE id IN (SELECT id FROM t WHERE old LIMIT 1000)\").execute(&mut *tx).await?; if n == 0 { break } } Ok(())",
            "for x in items { tx.savepoint(async |sp| query(\"SELECT 1\").bind(x).execute(&mut *sp).await).await.ok(); } Ok(())",
            "for x in items { let insert = async |sp: &mut Tx<'_, Sqlite>| -> R { query(\"SELECT 1\").bind(x).execute(&mut *sp).await?; Ok(()) }; tx.savepoint(insert).await.ok(); } Ok(())",
            "for x in items { tx.after_commit(async move { client.execute(x).await; Ok(()) }); } Ok(())",
        ],
    );
    none(
        in_operation,
        &["for x in items { client.execute(x).await?; } Ok(())"],
    );
}

#[test]
fn retries_that_have_no_effect_are_found() {
    let operation = |options: &str, sql: &str| {
        found(&format!(
            "#[db_op({options})] async fn f(conn: &mut Conn<'_, Sqlite>) -> R {{ query(\"{sql}\").execute(&mut *conn).await?; query(\"{sql}\").execute(&mut *conn).await?; Ok(()) }}"
        ))
    };
    let write = "UPDATE t SET a = a + 1 WHERE b";
    assert_eq!(
        operation("retry(attempts = 8)", write),
        ["retry_without_idempotence"]
    );
    assert_eq!(
        operation("retry(attempts = 8)", "INSERT INTO t VALUES (1)"),
        ["retry_without_idempotence"]
    );
    for (options, sql) in [
        ("retry(attempts = 8), idempotent", write),
        ("retry(attempts = 8)", "SELECT 1"),
        ("retry = never", write),
        ("timeout = \"1s\"", write),
        (
            "retry(attempts = 8), allow(retry_without_idempotence)",
            write,
        ),
    ] {
        assert_eq!(operation(options, sql), [] as [&str; 0], "{options} {sql}");
    }
    assert_eq!(
        found(
            "#[transactional(retry(attempts = 8))] async fn f(tx: &mut Tx<'_, Sqlite>) -> R { query(\"UPDATE t SET a = 1 WHERE b\").execute(tx).await?; Ok(()) }"
        ),
        [] as [&str; 0]
    );
}

#[test]
fn transactions_by_hand_are_found() {
    all(
        in_operation,
        "manual_transaction",
        &[
            "query(\"BEGIN\").execute(&mut *conn).await?; Ok(())",
            "conn.execute(\"begin immediate\").await?; Ok(())",
            "sqlx::raw_sql(\"SELECT 1; COMMIT\").execute(&mut *conn).await?; Ok(())",
            "query!(\"ROLLBACK TO a\").execute(&mut *conn).await?; Ok(())",
            "let mut tx = conn.begin().await?; Ok(())",
            "let mut tx = conn.conn().begin_with(\"BEGIN IMMEDIATE\").await?; Ok(())",
            "conn.conn().rollback().await?; Ok(())",
            "let mut inner = conn.conn().transaction(|t| f(t)).await?; Ok(())",
            "sqlx::Executor::execute(&mut *conn, \"COMMIT\").await?; Ok(())",
            "query(\"SAVEPOINT a\").execute(&mut *conn).await?; Ok(())",
        ],
    );
    all(
        in_transaction,
        "manual_transaction",
        &[
            "tx.conn().begin().await?; Ok(())",
            "let mut inner = tx.conn().begin().await?; query(\"SELECT 1\").execute(&mut *inner).await?; Ok(())",
        ],
    );
    let once = "let mut inner = pool.begin().await?; Ok(())";
    assert_eq!(in_transaction(once), ["foreign_await"]);
    none(
        in_operation,
        &[
            "writer.commit()?; Ok(())",
            "consumer.commit().await?; Ok(())",
            "query(\"BEGIN\").execute(&mut *other).await?; other.execute(\"COMMIT\").await?; Ok(())",
            "editor.begin(1).await?; Ok(())",
            "query(\"SELECT 'COMMIT'\").execute(&mut *conn).await?; Ok(())",
            "query(\"CREATE TRIGGER a AFTER INSERT ON t BEGIN DELETE FROM u; END\").execute(&mut *conn).await?; Ok(())",
            "log(\"COMMIT\"); Ok(())",
        ],
    );
    none(
        in_transaction,
        &[
            "tx.after_commit(async move { let mut tx = pool.begin().await?; tx.commit().await }); Ok(())",
        ],
    );
    assert_eq!(
        found(
            "#[db_op(allow(no_session))] async fn f(pool: &PgPool) -> R { let mut tx = pool.begin().await?; tx.commit().await?; Ok(()) }"
        ),
        [] as [&str; 0]
    );
}

#[test]
fn changes_of_the_session_are_found() {
    let finders: [(&str, Find); 2] = [("tx", in_transaction), ("conn", in_operation)];
    for (name, find) in finders {
        let bodies = [
            "query(\"SET statement_timeout = '5s'\").execute(&mut *S).await?; Ok(())",
            "query(\"SET SESSION app.tenant = '7'\").execute(&mut *S).await?; Ok(())",
            "(&mut *S).execute(\"SET ROLE auditor\").await?; Ok(())",
            "query(\"SELECT pg_advisory_lock(1)\").execute(&mut *S).await?; Ok(())",
            "let got: bool = query_scalar(\"SELECT pg_try_advisory_lock(1)\").fetch_one(&mut *S).await?; Ok(())",
            "query_scalar!(\"SELECT set_config('app.tenant', 'a', false)\").fetch_one(&mut *S).await?; Ok(())",
            "const SQL: &str = \"CREATE TEMP TABLE t (a int)\"; query(SQL).execute(&mut *S).await?; Ok(())",
            "query(\"SELECT a INTO TEMP t FROM s\").execute(&mut *S).await?; Ok(())",
            "query(&format!(\"LISTEN {channel}\")).execute(&mut *S).await?; Ok(())",
            "query(\"PREPARE p AS SELECT 1\").execute(&mut *S).await?; Ok(())",
            "query(\"DISCARD ALL\").execute(&mut *S).await?; Ok(())",
            "query(\"DECLARE c CURSOR WITH HOLD FOR SELECT 1\").execute(&mut *S).await?; Ok(())",
            "query(\"PRAGMA foreign_keys = OFF\").execute(&mut *S).await?; Ok(())",
            "sqlx::raw_sql(\"SELECT 1; PRAGMA cache_size = 9; PRAGMA mmap_size = 9\").execute(&mut *S).await?; Ok(())",
            "query(\"ATTACH ? AS other\").bind(path).execute(&mut *S).await?; Ok(())",
            "sqlx::Executor::execute(&mut *S, \"DETACH other\").await?; Ok(())",
            "let mut q = QueryBuilder::new(\"SET app.tenant = \"); q.build().execute(&mut *S).await?; Ok(())",
        ];
        for body in bodies {
            let body = body.replace("*S", &format!("*{name}"));
            assert_eq!(find(&body), ["session_state"], "{body}");
        }
    }
    let several =
        "sqlx::raw_sql(\"SET a = 1; SET b = 2; LISTEN c\").execute(&mut *conn).await?; Ok(())";
    assert_eq!(
        in_operation(several),
        ["session_state", "session_state"],
        "each kind once"
    );
    assert_eq!(
        found(
            "#[db_op(allow(no_session))] async fn f(pool: &PgPool) -> R { let mut conn = pool.acquire().await?; query(\"SET a = 1\").execute(&mut *conn).await?; Ok(()) }"
        ),
        ["session_state"],
        "whose session it is, is not seen"
    );
}

#[test]
fn what_ends_with_the_transaction_is_no_change_of_the_session() {
    let finders: [(&str, Find); 2] = [("tx", in_transaction), ("conn", in_operation)];
    for (name, find) in finders {
        let bodies = [
            "query(\"SET LOCAL statement_timeout = '5s'\").execute(&mut *S).await?; Ok(())",
            "query(\"SET CONSTRAINTS ALL DEFERRED\").execute(&mut *S).await?; Ok(())",
            "query(\"UPDATE t SET a = 1 WHERE b\").execute(&mut *S).await?; Ok(())",
            "query(\"SELECT pg_advisory_xact_lock(1), pg_advisory_unlock(2)\").execute(&mut *S).await?; Ok(())",
            "query(\"SELECT set_config('a', $1, true)\").bind(x).execute(&mut *S).await?; Ok(())",
            "query(\"CREATE TEMP TABLE t (a int) ON COMMIT DROP\").execute(&mut *S).await?; Ok(())",
            "query(\"RESET ALL\").execute(&mut *S).await?; Ok(())",
            "query(\"PRAGMA table_info(t)\").fetch_all(&mut *S).await?; Ok(())",
            "query(\"PRAGMA user_version = 3\").execute(&mut *S).await?; Ok(())",
            "query(\"SELECT 'SET a = 1'\").execute(&mut *S).await?; Ok(())",
            "query(\"SELECT $1\").bind(\"SET a = 1\").execute(&mut *S).await?; Ok(())",
            "log(\"SET a = 1\"); cache.execute(\"SET a = 1\").unwrap(); Ok(())",
            "let mut sql = String::from(\"SET \"); sql.push_str(scope); query(&sql).execute(&mut *S).await?; Ok(())",
        ];
        for body in bodies {
            let body = body.replace("*S", &format!("*{name}"));
            assert_eq!(find(&body), [] as [&str; 0], "{body}");
        }
    }
    none(
        in_operation,
        &[
            "query(\"SET a = 1\").execute(&mut *other).await?; query(\"SELECT 1\").execute(&mut *conn).await?; Ok(())",
        ],
    );
    none(
        in_transaction,
        &[
            "tx.after_commit(async move { query(\"SET a = 1\").execute(&mut *other).await?; Ok(()) }); Ok(())",
        ],
    );
}

#[test]
fn functions_that_get_no_session_are_found() {
    for parameters in [
        "pool: &PgPool",
        "pool: Pool<Sqlite>",
        "pool: Arc<PgPool>",
        "id: i64, pool: &SqlitePool",
    ] {
        for body in [
            "query(\"SELECT 1\").fetch_one(pool).await",
            "let mut tx = pool.begin().await?; Ok(())",
            "loop { pool.execute(\"SELECT 1\").await?; }",
        ] {
            let code = format!("#[db_op] async fn f({parameters}) -> R {{ {body} }}");
            assert!(found(&code).contains(&"no_session".to_owned()), "{code}");
        }
        let code = format!("#[db_op] async fn f({parameters}) -> R {{ names(&pool, 1).await }}");
        assert_eq!(found(&code), [] as [&str; 0], "{code}");
    }
    for parameters in [
        "conn: &mut PoolConnection<Postgres>",
        "conn: &PgConnection",
        "mut conn: SqliteConnection",
        "executor: impl Executor<'_, Database = D>",
        "executor: impl DbExecutor",
        "tx: Option<&mut Transaction<'_, Postgres>>",
    ] {
        let generics = if parameters.contains("= D") {
            "<D: Database>"
        } else {
            ""
        };
        let code = format!("#[db_op] async fn f{generics}({parameters}) -> R {{ Ok(()) }}");
        assert_eq!(found(&code), ["no_session"], "{code}");
    }
    for body in [
        "query(\"SELECT 1\").fetch_one(&self.pool).await",
        "self.read_pool.acquire().await",
        "let mut tx = self.db.begin().await?; Ok(())",
        "query(\"SELECT 1\").execute(&self.queue.pool).await",
        "self.queue.db.begin().await",
    ] {
        let code = format!("#[db_op] async fn f(&self) -> R {{ {body} }}");
        assert_eq!(found(&code), ["no_session"], "{code}");
    }
    for function in [
        "async fn f(&self) -> R { self.client.get(&self.url).await }",
        "async fn f(&self) -> R { self.pool.size(); Ok(()) }",
        "async fn f(&self) -> R { names(&self.pool).await }",
        "async fn f(db: &Db<Sqlite>) -> R { names(db).await }",
        "async fn f(tx: &mut Tx<'_>) -> R { Ok(()) }",
        "async fn f(url: &str) -> R { Ok(()) }",
        "async fn f(tx: &mut Transaction<'_, Postgres>) -> R { Ok(()) }",
        "async fn f(tx: &mut PgTransaction<'_>) -> R { Ok(()) }",
        "async fn f(tx: &mut Txn<'_>) -> R { Ok(()) }",
        "async fn f(tx: &mut DbTx<'_>) -> R { Ok(()) }",
        "async fn f(tx: &mut Conn<'_, Postgres>, pool: &PgPool) -> R { Ok(()) }",
        "fn f(pool: &Pool) -> R { Ok(()) }",
    ] {
        assert_eq!(
            found(&format!("#[db_op] {function}")),
            [] as [&str; 0],
            "{function}"
        );
    }
}

#[test]
fn statements_on_a_transaction_that_was_lent_are_read() {
    let in_lent = |body: &str| {
        found(&format!(
            "#[db_op(read_only)] async fn f(tx: &mut Transaction<'_, Postgres>, items: &[i64]) -> R {{ {body} }}"
        ))
    };
    let read = in_lent("query(\"DELETE FROM t\").execute(&mut **tx).await?; Ok(())");
    assert_eq!(read, ["write_in_read_only", "unfiltered_write"]);
    let read = in_lent("let _ = query(\"SELECT 1\").execute(&mut **tx).await; Ok(())");
    assert_eq!(read, ["swallowed_error"]);
    let read = in_lent("for x in items { query(\"SELECT 1\").execute(&mut **tx).await?; } Ok(())");
    assert_eq!(read, ["query_in_loop"]);
    // Whoever has begun the transaction allows savepoints in it.
    let read = in_lent("let mut inner = tx.begin().await?; inner.commit().await?; Ok(())");
    assert_eq!(read, [] as [&str; 0]);
}

#[test]
fn the_types_tell_whether_comments_nest() {
    let deletes = "\"/* /* */ DELETE FROM t; -- */\"";
    let is_found = |code: &str| match found(code).as_slice() {
        [] => false,
        [lint] if lint == "unfiltered_write" => true,
        others => panic!("{code}: {others:?}"),
    };
    for (parameters, is_sqlite) in [
        ("conn: &mut Conn<'_, Sqlite>", true),
        (
            "conn: &mut dbop::Conn<'_, sqlx::Sqlite>, pool: &PgPool",
            true,
        ),
        ("conn: &mut SqliteConnection", true),
        ("conn: &SqlitePool", true),
        ("conn: &Pool<Sqlite>", true),
        ("id: i64, conn: Db<Sqlite>", true),
        ("conn: &mut Conn<'_, Postgres>", false),
        ("conn: &mut sqlx::PgConnection", false),
        ("conn: &PgPool", false),
        // The dialect is not known.
        ("conn: &mut Conn<'_, DB>", false),
        ("conn: &SqlitePool, other: &PgPool", false),
        ("conn: impl Executor", false),
    ] {
        let code = format!(
            "#[db_op(allow(no_session))] async fn f({parameters}) -> R {{ query({deletes}).execute(&mut *conn).await?; Ok(()) }}"
        );
        assert_eq!(is_found(&code), is_sqlite, "{code}");
    }
    for (connection, is_sqlite) in [
        ("rusqlite::Connection", true),
        ("diesel::SqliteConnection", true),
        ("postgres::Client", false),
        ("diesel::PgConnection", false),
        ("diesel::MysqlConnection", false),
    ] {
        let code = format!(
            "#[db_op] fn f(conn: &mut {connection}) -> R {{ conn.batch_execute({deletes})?; Ok(()) }}"
        );
        assert_eq!(is_found(&code), is_sqlite, "{code}");
    }
    let elsewhere = format!("query({deletes}).execute(other).await?; Ok(())");
    none(in_operation, &[&elsewhere]);
}
