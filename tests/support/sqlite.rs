//! SQLite files in temporary folders.

use dbop::Db;
use sqlx::{Connection, Sqlite, SqliteConnection};

use crate::{Configure, Fresh};

/// Creates a new database in a file of its own.
///
/// # Panics
///
/// If the file cannot be created.
pub async fn fresh_with(configure: Configure<Sqlite>) -> Fresh<Sqlite> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}/test.db", folder.path().display());
    let builder = Db::builder().url(format!("{url}?mode=rwc"));
    let db = configure(builder)
        .connect()
        .await
        .expect("a new SQLite file");
    Fresh {
        db,
        url,
        _folder: Some(folder),
    }
}

/// Opens a connection to the same file that dbop knows nothing about.
///
/// # Panics
///
/// If the connection cannot be opened.
pub async fn outside(fresh: &Fresh<Sqlite>) -> SqliteConnection {
    SqliteConnection::connect(&fresh.url)
        .await
        .expect("a second connection to the file")
}
