//! Steps that commit chunk by chunk.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use dbop::jobs::Job;
use dbop::{BulkInsert, ErrorKind, Tx, job, transactional};
use futures_util::{StreamExt, stream};

use super::super::notes::stored;
use super::*;

/// Refuses the chunk that has the number, as long as there is one.
#[derive(Debug, Default)]
struct Refused(AtomicI64);

/// How many items were read from streams.
#[derive(Debug, Default)]
struct Read(AtomicI64);

#[transactional(chunk = 10)]
async fn store(tx: &mut Tx<'_, Database>, items: &[i64], refused: &Refused) -> Result<(), Trouble> {
    let insert = BulkInsert::into("notes").column("id", items);
    insert.execute(&mut *tx).await?;
    match items.contains(&refused.0.load(SeqCst)) {
        true => Err(Trouble::Refused),
        false => Ok(()),
    }
}

#[job(backoff(base = "1ms", max = "1ms"))]
async fn stores_in_chunks(
    job: &Job<Database>,
    refused: &Refused,
    read: &Read,
) -> Result<u64, Trouble> {
    let items = stream::iter(1..=45).inspect(|_| {
        read.0.fetch_add(1, SeqCst);
    });
    let first = store(job.chunks("first.of-a 世界 $'%{}"), items, refused).await;
    if job.attempt() == 1 {
        let failed = first.expect_err("this attempt is refused");
        assert_eq!(failed.committed.items, 20);
        // The same attempt goes on, and then the next one does.
        refused.0.store(35, SeqCst);
        let items = up_to(1, 45);
        let again = store(job.chunks("first.of-a 世界 $'%{}"), &items, refused);
        let failed = again.await.expect_err("the fourth chunk is refused");
        assert_eq!((failed.committed.items, failed.committed.skipped), (30, 20));
        refused.0.store(0, SeqCst);
        return Err(Trouble::NotNow);
    }
    let first = first?;
    let second = store(job.chunks("second"), &up_to(101, 112), refused).await?;
    match job.attempt() {
        2 => {
            assert_eq!((first.items, first.skipped, first.chunks), (45, 30, 5));
            assert_eq!((second.items, second.skipped), (12, 0));
            read.0.store(0, SeqCst);
            Err(Trouble::NotNow)
        }
        _ => {
            assert_eq!((first.items, first.skipped), (45, 45));
            Ok(first.items + second.items)
        }
    }
}

fn up_to(first: i64, last: i64) -> Vec<i64> {
    (first..=last).collect()
}

#[tokio::test]
async fn a_step_in_chunks_goes_on_in_the_next_attempt_and_reads_nothing_once_it_is_done() {
    let fresh = open().await;
    let (refused, read) = (Arc::new(Refused(25.into())), Arc::new(Read::default()));
    let working = workers(&fresh, ["stores_in_chunks"])
        .shared_state(Arc::clone(&refused))
        .shared_state(Arc::clone(&read));
    let working = working.start().await.unwrap();
    let id = stores_in_chunks::enqueue(&fresh.db).await.unwrap().id;
    let job = waits_for("the end", &fresh, id, |job| job.state.is_final()).await;
    assert_eq!(job.state, JobState::Completed, "{:?}", job.errors);
    assert_eq!((job.attempt, job.output().unwrap()), (3, Some(57)));
    assert_eq!(
        stored(&fresh).await,
        [up_to(1, 45), up_to(101, 112)].concat()
    );
    assert_eq!(read.0.load(SeqCst), 0, "the third attempt finds both done");
    assert_eq!(job.steps, ["first.of-a 世界 $'%{}", "second"]);
    let progress = job.progress.expect("that of the last chunk");
    assert_eq!((progress.done, progress.total), (12, 12));
    assert_eq!(progress.message, "second");
    stop(working).await;
}

#[job(max_attempts = 2, backoff(base = "1ms", max = "1ms"))]
async fn stores_other_items(job: &Job<Database>) -> Result<(), Trouble> {
    let none = Refused(match job.attempt() {
        1 => 15.into(),
        _ => 0.into(),
    });
    let first = i64::from(job.attempt());
    let failed = store(job.chunks("items"), &up_to(first, 20), &none).await;
    let error = failed.expect_err("refused, or other items").error;
    if job.attempt() == 2 {
        assert_eq!(error.database().kind(), ErrorKind::KeyReused);
    }
    Err(error)
}

#[job]
async fn has_two_steps_in_chunks_of_one_name(job: &Job<Database>) -> Result<(), Trouble> {
    let none = Refused::default();
    store(job.chunks("items"), &[1], &none).await?;
    let error = store(job.chunks("items"), &[1], &none).await;
    let error = error.expect_err("a second step of the name").error;
    assert!(
        error.to_string().contains("two steps of the name"),
        "{error}"
    );
    let error = store(job.chunks("it\"ems"), &[1], &none).await;
    let error = error.expect_err("a name with a quote").error;
    assert!(error.to_string().contains("cannot be the name"), "{error}");
    Ok(())
}

/// The first step of the name is done when the second attempt comes to the second one.
#[job(max_attempts = 2, backoff(base = "1ms", max = "1ms"))]
async fn has_two_steps_of_one_name_later(job: &Job<Database>) -> Result<(), Trouble> {
    let none = Refused::default();
    store(job.chunks("items"), &[1], &none).await?;
    if job.attempt() == 1 {
        return Err(Trouble::NotNow);
    }
    let error = store(job.chunks("items"), &[2], &none).await;
    let error = error.expect_err("a second step of the name").error;
    assert!(
        error.to_string().contains("two steps of the name"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn a_second_step_of_a_name_is_refused_in_a_later_attempt_as_well() {
    let fresh = open().await;
    let kinds = ["has_two_steps_of_one_name_later"];
    let working = workers(&fresh, kinds).start().await.unwrap();
    let twice = has_two_steps_of_one_name_later::enqueue(&fresh.db);
    let twice = twice.await.unwrap().id;
    becomes(&fresh, twice, JobState::Completed).await;
    assert_eq!(stored(&fresh).await, [1]);
    stop(working).await;
}

#[tokio::test]
async fn other_items_and_a_second_step_of_a_name_are_refused() {
    let fresh = open().await;
    let kinds = ["stores_other_items", "has_two_steps_in_chunks_of_one_name"];
    let working = workers(&fresh, kinds).start().await.unwrap();
    let other = stores_other_items::enqueue(&fresh.db).await.unwrap().id;
    let job = becomes(&fresh, other, JobState::Cancelled).await;
    let last = job.errors.last().expect("an error");
    assert!(
        last.error.contains("not those that were passed"),
        "{last:?}"
    );
    assert_eq!(stored(&fresh).await, up_to(1, 10));
    run_sql(&fresh, "DELETE FROM notes").await;
    let twice = has_two_steps_in_chunks_of_one_name::enqueue(&fresh.db);
    let twice = twice.await.unwrap().id;
    becomes(&fresh, twice, JobState::Completed).await;
    assert_eq!(stored(&fresh).await, [1]);
    stop(working).await;
}
