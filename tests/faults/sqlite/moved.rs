//! A file that is no longer where it was, and a process that changes its folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dbop::{Conn, Db, ErrorKind, Outcome, db_op};
use dbop_tests::eventually;
use sqlx::{Connection, Executor, Sqlite, SqliteConnection};
use tempfile::TempDir;
use tokio::time::timeout;

use super::common::once::Trouble;
use dbop_tests::process::{Process, say, test_name};

const FOLDERS: [&str; 2] = ["DBOP_TEST_CHILD_FOLDER", "DBOP_TEST_CHILD_OTHER_FOLDER"];
/// How long a call waits for a connection. This is much longer than it takes to report why there is
/// none.
const ACQUIRE: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(20);

#[db_op]
async fn write(conn: &mut Conn<'_, Sqlite>) -> Result<(), Trouble> {
    conn.execute("INSERT INTO t VALUES (1)").await?;
    Ok(())
}

#[db_op(read_only)]
async fn count(conn: &mut Conn<'_, Sqlite>) -> Result<i64, Trouble> {
    let rows = sqlx::query_scalar("SELECT count(*) FROM t");
    Ok(rows.fetch_one(&mut *conn).await?)
}

#[tokio::test]
#[ignore = "the other process of the test below"]
async fn child_that_goes_to_another_folder() {
    let [Ok(first), Ok(other)] = FOLDERS.map(std::env::var) else {
        return;
    };
    for (url, name) in [
        ("sqlite:a.db?mode=rwc", "a.db"),
        ("sqlite://b%20b.db?mode=rwc", "b b.db"),
        ("sqlite:file:c.db?mode=rwc", "c.db"),
    ] {
        std::env::set_current_dir(&first).expect("the first folder");
        let db = Db::<Sqlite>::connect(url).await.expect(url);
        db.pool().execute("CREATE TABLE t (x)").await.expect(url);
        std::env::set_current_dir(&other).expect("the other folder");
        write(&db).await.expect(url);
        assert_eq!(count(&db).await.expect(url), 1, "{url}");
        db.close().await;
        assert!(Path::new(&first).join(name).exists(), "{url}");
    }
    assert_eq!(fs::read_dir(&other).expect("a folder").count(), 0);
    say("the same");
}

#[tokio::test]
async fn a_relative_path_stays_what_it_was_when_the_process_goes_to_another_folder() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let [first, other] = folders
        .each_ref()
        .map(|folder| folder.path().to_str().unwrap());
    let child = test_name(module_path!(), "child_that_goes_to_another_folder");
    let mut child = Process::start(&child, &[(FOLDERS[0], first), (FOLDERS[1], other)]);
    child.expect("the same").await;
}

/// Opens a handle whose connections are replaced whenever they are given back, and its file.
async fn open() -> (TempDir, PathBuf, Db<Sqlite>) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("test.db");
    let db = Db::builder()
        .url(format!("sqlite:{}?mode=rwc", file.display()))
        .max_lifetime(Duration::from_nanos(1))
        .acquire_timeout(ACQUIRE)
        .timeout(ACQUIRE)
        .connect()
        .await
        .unwrap();
    db.pool().execute("CREATE TABLE t (x)").await.unwrap();
    write(&db).await.unwrap();
    assert_eq!(count(&db).await.unwrap(), 1);
    // Until the connections are closed, the file's journal is beside it.
    eventually("every connection has been recycled", || async {
        db.pool().size() == 0 && !folder.path().join("test.db-wal").exists()
    })
    .await;
    (folder, file, db)
}

async fn refuses(db: &Db<Sqlite>, file: &Path, words: &str) {
    for attempt in [write(db).await.map(|()| 0), count(db).await] {
        let error = attempt.unwrap_err();
        let error = error.database();
        let text = error.to_string();
        assert!(text.contains(file.to_str().unwrap()), "{text}");
        assert!(text.contains(words), "{text}");
        assert!(text.contains("open a new handle"), "{text}");
        assert!(!text.contains("mode=rwc"), "{text}");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(error.outcome().unwrap(), Outcome::RolledBack);
    }
}

#[tokio::test]
async fn a_file_that_was_removed_is_reported_and_not_made_again() {
    let (_folder, file, db) = open().await;
    fs::remove_file(&file).unwrap();
    timeout(SOON, refuses(&db, &file, "was removed"))
        .await
        .expect("an answer long before the wait for a connection ends");
    assert!(
        !file.exists(),
        "an empty database has taken the file's place"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_replaced_is_reported() {
    let (folder, file, db) = open().await;
    let other = folder.path().join("other.db");
    let url = format!("sqlite:{}?mode=rwc", other.display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    conn.execute("CREATE TABLE t (x)").await.unwrap();
    conn.close().await.unwrap();
    // The old file is kept, so that its inode number is not used for another file.
    fs::rename(&file, folder.path().join("kept.db")).unwrap();
    fs::rename(&other, &file).unwrap();
    timeout(SOON, refuses(&db, &file, "was replaced"))
        .await
        .expect("an answer long before the wait for a connection ends");

    let url = format!("sqlite:{}", file.display());
    let again = Db::<Sqlite>::connect(&url).await.unwrap();
    assert_eq!(count(&again).await.unwrap(), 0);
    db.close().await;
}

#[tokio::test]
async fn a_file_that_is_put_back_is_used_again() {
    let (folder, file, db) = open().await;
    let kept = folder.path().join("kept.db");
    fs::rename(&file, &kept).unwrap();
    timeout(SOON, refuses(&db, &file, "was removed"))
        .await
        .unwrap();
    fs::rename(&kept, &file).unwrap();
    write(&db).await.unwrap();
    assert_eq!(count(&db).await.unwrap(), 2);
}
