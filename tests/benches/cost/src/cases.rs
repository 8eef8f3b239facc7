//! Everything that is measured, in the order of the tables.

use dbop::AnyDb;
use sqlx::SqliteConnection;

use crate::recorder::{INNER_NOTHING, NOTHING, Recorder, measure};
use crate::stub_world::StubWorld;
use crate::tables::FURTHER_POLLS;
use crate::world::World;
use crate::{annotated, careful, naive};

type Failure = Box<dyn std::error::Error>;

/// Runs every case. Prints what [`crate::callgrind`] reads.
pub(crate) async fn run(recorder: &Recorder) -> Result<(), Failure> {
    let world = World::open().await?;
    let World {
        db, careful, pool, ..
    } = &world;

    let nothing = || std::future::ready(Ok::<_, String>(()));
    measure!(recorder, NOTHING, Naive: nothing());
    measure!(recorder, INNER_NOTHING, Naive: nothing());
    measure!(
        recorder,
        "operation",
        Dbop: annotated::sqlite::add(db, 1, 1),
        Careful: careful::sqlite::add(careful, 1, 1),
        Naive: naive::sqlite::add(pool, 1, 1),
    );
    measure!(
        recorder,
        "transaction",
        Dbop: annotated::sqlite::transfer(db, 1, 2, 1),
        Careful: careful::sqlite::transfer(careful, 1, 2, 1),
        Naive: naive::sqlite::transfer(pool, 1, 2, 1),
    );
    let (file_db, readers) = (&world.file_db, &world.file_readers);
    let file_careful = &world.file_careful;
    measure!(
        recorder,
        "read",
        Dbop: annotated::sqlite::read(file_db, 1),
        Careful: careful::sqlite::read(file_careful, 1),
        Naive: naive::sqlite::read(readers, 1),
    );
    measure!(
        recorder,
        "guarded-read",
        Dbop: annotated::sqlite::read(db, 1),
        Careful: careful::guarded_read(careful, 1),
        Naive: naive::sqlite::read(pool, 1),
    );

    measure!(
        recorder,
        "callers-read",
        Dbop: annotated::sqlite::read(readers, 1),
        Careful: careful::callers_read(readers, 1),
        Naive: naive::sqlite::read(readers, 1),
    );

    // These functions are separate, because a call by hand must not be counted together with the
    // poll of a dbop transaction around it.
    annotated::joins(db, recorder).await?;
    let mut tx = careful.pool().begin().await?;
    joins_by_hand(&mut tx, recorder).await;
    tx.rollback().await?;

    on_the_stub(recorder).await?;

    let (sync_db, sync_careful) = (&world.sync_db, &world.sync_careful);
    let sync_pool = sync_careful.pool();
    measure!(
        recorder,
        "sync-operation",
        Dbop: annotated::sync_add(sync_db, 1, 1),
        Careful: careful::sync::sync_add(sync_careful, 1, 1),
        Naive: naive::sync_add(sync_pool, 1, 1),
    );
    measure!(
        recorder,
        "sync-transaction",
        Dbop: annotated::sync_transfer(sync_db, 1, 2, 1),
        Careful: careful::sync::sync_transfer(sync_careful, 1, 2, 1),
        Naive: naive::sync_transfer(sync_pool, 1, 2, 1),
    );
    measure!(
        recorder,
        "idle",
        Dbop: annotated::idle(db, 1),
        Careful: careful::idle(careful, 1),
        Naive: naive::idle(pool, 1),
    );
    measure!(
        recorder,
        "sessionless",
        Dbop: annotated::sessionless(1),
        Careful: careful::sessionless(1),
        Naive: naive::sessionless(1),
    );
    for_two_databases(&world, recorder).await;
    Ok(())
}

/// Compares functions for two databases with the same functions for one.
async fn for_two_databases(world: &World, recorder: &Recorder) {
    use annotated::each::{one, two};
    let db = &world.db;
    let any = &AnyDb::from(db.clone());
    measure!(recorder, "two-idle", Dbop: two::idle(any, 1), Careful: one::idle(db, 1));
    measure!(
        recorder,
        "two-polled",
        Dbop: two::polled(any, FURTHER_POLLS),
        Careful: one::polled(db, FURTHER_POLLS),
    );
    measure!(recorder, "two-known", Dbop: two::idle(db, 1), Careful: one::idle(db, 1));
    measure!(
        recorder,
        "two-known-polled",
        Dbop: two::polled(db, FURTHER_POLLS),
        Careful: one::polled(db, FURTHER_POLLS),
    );
}

async fn joins_by_hand(conn: &mut SqliteConnection, recorder: &Recorder) {
    let mut tx = careful::Tx::new(conn);
    measure!(
        recorder,
        "inner-idle",
        Careful: careful::joined(&mut tx, 1),
        Naive: naive::joined(tx.conn, 1),
    );
    measure!(
        recorder,
        "inner-joined",
        Careful: careful::sqlite::joined_add(&mut tx, 1, 1),
        Naive: naive::sqlite::joined_add(tx.conn, 1, 1),
    );
    measure!(
        recorder,
        "inner-nested",
        Careful: careful::sqlite::nested_add(&mut tx, 1, 1),
        Naive: naive::sqlite::nested_add(tx.conn, 1, 1),
    );
}

/// Runs the cases on a stub of a server.
async fn on_the_stub(recorder: &Recorder) -> Result<(), Failure> {
    let world = StubWorld::open().await?;
    let StubWorld {
        db, careful, pool, ..
    } = &world;
    measure!(
        recorder,
        "stub-operation",
        Dbop: annotated::postgres::add(db, 1, 1),
        Careful: careful::postgres::add(careful, 1, 1),
        Naive: naive::postgres::add(pool, 1, 1),
    );
    measure!(
        recorder,
        "stub-transaction",
        Dbop: annotated::postgres::transfer(db, 1, 2, 1),
        Careful: careful::postgres::transfer(careful, 1, 2, 1),
        Naive: naive::postgres::transfer(pool, 1, 2, 1),
    );
    let (careful_readers, readers) = (&world.careful_readers, &world.readers);
    measure!(
        recorder,
        "stub-read",
        Dbop: annotated::postgres::read(db, 1),
        Careful: careful::postgres::read(careful_readers, 1),
        Naive: naive::postgres::read(readers, 1),
    );
    annotated::stub_joins(db, recorder).await?;
    let mut begun = careful.pool().begin().await?;
    let mut tx = careful::Tx::new(&mut *begun);
    measure!(
        recorder,
        "stub-joined",
        Careful: careful::postgres::joined_add(&mut tx, 1, 1),
        Naive: naive::postgres::joined_add(tx.conn, 1, 1),
    );
    measure!(
        recorder,
        "stub-nested",
        Careful: careful::postgres::nested_add(&mut tx, 1, 1),
        Naive: naive::postgres::nested_add(tx.conn, 1, 1),
    );
    begun.rollback().await?;
    Ok(())
}
