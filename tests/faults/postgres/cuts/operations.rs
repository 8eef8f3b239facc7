//! Every sort of operation whose connection is cut.

use std::time::Duration;

use dbop::{Conn, Db, ErrorKind, Tx, db_op, transactional};
use dbop_tests::proxy::Place;
use sqlx::{Executor, Postgres};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Bench, Doubt, Promise, Start, Trouble, cut_everywhere};

const IN_ONE: &str = "WITH effect AS (INSERT INTO effects VALUES ($1))
    INSERT INTO counts VALUES ($1)";
const IN_ONE_IF_NEW: &str = "WITH effect AS (
        INSERT INTO unique_effects VALUES ($1) ON CONFLICT DO NOTHING RETURNING key
    ) INSERT INTO counts SELECT key FROM effect";

#[transactional]
pub(crate) async fn transaction(tx: &mut Tx<'_, Postgres>, key: i64) -> Result<(), Trouble> {
    tx.execute(sqlx::query("INSERT INTO effects VALUES ($1)").bind(key))
        .await?;
    tx.execute(sqlx::query("INSERT INTO counts VALUES ($1)").bind(key))
        .await?;
    Ok(())
}

#[transactional(idempotent)]
pub(crate) async fn idempotent_transaction(
    tx: &mut Tx<'_, Postgres>,
    key: i64,
) -> Result<(), Trouble> {
    let insert = "INSERT INTO unique_effects VALUES ($1) ON CONFLICT DO NOTHING";
    let inserted = tx.execute(sqlx::query(insert).bind(key)).await?;
    let count = sqlx::query("INSERT INTO counts SELECT $1 WHERE $2").bind(key);
    tx.execute(count.bind(inserted.rows_affected() == 1))
        .await?;
    Ok(())
}

#[db_op]
pub(crate) async fn operation(conn: &mut Conn<'_, Postgres>, key: i64) -> Result<(), Trouble> {
    conn.execute(sqlx::query(IN_ONE).bind(key)).await?;
    Ok(())
}

#[db_op(idempotent)]
pub(crate) async fn idempotent_operation(
    conn: &mut Conn<'_, Postgres>,
    key: i64,
) -> Result<(), Trouble> {
    conn.execute(sqlx::query(IN_ONE_IF_NEW).bind(key)).await?;
    Ok(())
}

/// Nothing in these tables prevents a second effect of the same call.
#[transactional(once = key)]
pub(crate) async fn once(tx: &mut Tx<'_, Postgres>, key: i64) -> Result<(), Trouble> {
    transaction(&mut *tx, key).await
}

/// A query that returns its argument, because there are no negative keys.
const SAME: &str = "SELECT $1 + count(*) FROM unique_effects WHERE key = -1";

#[db_op(read_only)]
pub(crate) async fn read(conn: &mut Conn<'_, Postgres>, key: i64) -> Result<(), Trouble> {
    let same = sqlx::query_scalar::<_, i64>(SAME).bind(key);
    assert_eq!(same.fetch_one(&mut *conn).await?, key);
    Ok(())
}

#[transactional(read_only)]
pub(crate) async fn read_in_transaction(
    tx: &mut Tx<'_, Postgres>,
    key: i64,
) -> Result<(), Trouble> {
    let same = sqlx::query_scalar::<_, i64>(SAME).bind(key);
    assert_eq!(same.fetch_one(&mut *tx).await?, key);
    Ok(())
}

at_every_message! {
    cut_everywhere:
    a_cut_transaction_is_applied_once_or_says_that_its_commit_is_unknown:
        transaction, Promise::OnceUnlessInDoubt(Doubt::Commit), Warm, 20;
    a_cut_idempotent_transaction_is_applied_once_and_says_so:
        idempotent_transaction, Promise::Once, Warm, 20;
    a_cut_transaction_with_a_key_is_applied_once_and_says_so:
        once, Promise::Once, Warm, 30;
    a_transaction_with_a_key_whose_connection_is_cut_while_it_opens_gets_another_one:
        once, Promise::Once, Cold, 10;
    a_cut_operation_is_applied_once_or_says_that_its_statement_is_unknown:
        operation, Promise::OnceUnlessInDoubt(Doubt::Statement), Warm, 8;
    a_cut_idempotent_operation_is_applied_once_and_says_so:
        idempotent_operation, Promise::Once, Warm, 8;
    a_cut_read_is_repeated:
        read, Promise::Reads, Warm, 8;
    a_cut_reading_transaction_is_repeated:
        read_in_transaction, Promise::Reads, Warm, 14;
    a_transaction_whose_connection_is_cut_while_it_opens_gets_another_one:
        transaction, Promise::Once, Cold, 10;
    an_operation_whose_connection_is_cut_while_it_opens_gets_another_one:
        operation, Promise::Once, Cold, 10;
    a_read_whose_connection_is_cut_while_it_opens_gets_another_one:
        read, Promise::Reads, Cold, 10;
}

#[tokio::test]
async fn opening_a_handle_over_a_cut_connection_ends_with_an_error_that_says_so() {
    let bench = Bench::open().await;
    for number in 0..10 {
        for place in [Place::Before, Place::After] {
            bench.proxy.cut_at(number, place);
            let opening = Db::<Postgres>::connect(&bench.proxy.url);
            let opened = timeout(Duration::from_secs(20), opening).await;
            let error = opened.expect("connecting hangs").unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Connection,
                "{place:?} {number}: {error}"
            );
            assert!(bench.proxy.was_cut().is_some());
        }
    }
}

/// Tests the proxy itself. The server answers such a request with a single byte, which is not a
/// message.
#[tokio::test]
async fn the_proxy_understands_a_client_that_asks_for_encryption_first() {
    let bench = Bench::open().await;
    let (_, rest) = bench.proxy.url.rsplit_once('@').unwrap();
    let (address, _) = rest.split_once('/').unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    bench.proxy.cut_at(usize::MAX, Place::Before);
    client
        .write_all(&[0, 0, 0, 8, 4, 210, 22, 47])
        .await
        .unwrap();
    let mut answer = [0];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"N");
    let start = b"\0\0\0\x11\0\x03\0\0user\0dbop\0\0";
    let mut start = start.to_vec();
    start[3] = u8::try_from(start.len()).unwrap();
    client.write_all(&start).await.unwrap();
    client.read_exact(&mut answer).await.unwrap();
    let kinds: Vec<_> = bench
        .proxy
        .passed()
        .iter()
        .map(|p| p.message.kind)
        .collect();
    assert_eq!(kinds, [0, b'N', 0, b'R']);
}
