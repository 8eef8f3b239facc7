//! The part of section 2 that measures plain functions.

use std::sync::Arc;

use harness::bank::{Fallible, Place};
use harness::same_work::{Entry, POOL, Report, measure};
use harness::{Lock, Options, Promises};

use crate::file::File;
use crate::plain::Plain;
use crate::promising::Promising;
use crate::spawned::Spawned;

const LOCK: Lock = Lock(include_str!("../Cargo.lock"));

pub(crate) async fn run(options: &Options) -> Fallible<String> {
    let file = File::create()?;
    let path = file.path.clone();
    let place: Arc<dyn Place> = Arc::new(file);
    let (all, none) = (Promises::ALL, Promises::NONE);
    let promising = Promising::open(&path, POOL)?;
    let spawned = Spawned::open(&path, POOL)?;
    let entries = [
        Entry::new("dbop", all, Plain::open(&path, POOL), &place),
        Entry::new("spawn_blocking, same promises", all, promising, &place),
        Entry::new("spawn_blocking", none, spawned, &place),
    ];
    let mut report = Report::new(options);
    measure(options, "SQLite", &entries, &place, &mut report).await?;
    let versions = ["rusqlite", "r2d2_sqlite", "libsqlite3-sys"];
    let versions = versions.map(|name| LOCK.of(name)).join(", ");
    let about = format!(
        "dbop's plain functions over rusqlite, with one pool for readers and the writer, are \
         compared with rusqlite in `spawn_blocking`, in the same way as above. {versions}: \
         rusqlite is not its newest version, 0.41, which has another libsqlite3-sys than sqlx 0.9."
    );
    Ok(report.finish("The same work in plain functions", &about))
}
