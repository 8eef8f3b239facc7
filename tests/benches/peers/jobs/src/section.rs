//! What is measured, and by whom.

use std::sync::Arc;
use std::time::Duration;

use harness::bank::Fallible;
use harness::{Contestant, Options, interleave};

use crate::place::{Files, Server};
use crate::queue::{Pace, Queue, Work, contestant};
use crate::queues::{apalis, dbop::Dbop, river::River};
use crate::report::Report;

pub(crate) const DBOP: &str = "dbop";
pub(crate) const RIVER: &str = "riverqueue";
const RIVER_OF_FIVE: &str = "riverqueue, five connections";
const APALIS: &str = "apalis";
/// What dbop adds to riverqueue, step by step.
const NAMES: &str = "riverqueue, each attempt writes its name";
const GUARDED: &str = "riverqueue, each attempt writes its name, with dbop's trigger";
const UNGUARDED: &str = "dbop, without its trigger";
const NO_GIN: &str = "riverqueue, without its index on `metadata`";
const DBOP_NO_GIN: &str = "dbop, without the index on `metadata`";

const DROP_ON_SQLITE: &str = "DROP TRIGGER dbop_job_fence";
const DROP_ON_POSTGRES: &str = "DROP TRIGGER dbop_job_fence ON river_job";
const DROP_INDEX: &str = "DROP INDEX river_job_metadata_index";

/// How many jobs run at once.
const AT_ONCE: [usize; 2] = [10, 50];

/// A contestant, whatever the piece of work.
type Entry = Box<dyn Fn(Work) -> Contestant>;

fn entry<Q: Queue>(name: &'static str, queue: Q) -> Entry {
    let queue = Arc::new(queue);
    Box::new(move |work| contestant(name, &queue, work))
}

pub(crate) async fn run(options: &Options) -> Fallible<String> {
    let mut report = Report::new(options);
    let files = Files::create()?;
    let file = |name: &str| files.file(name);
    let all = [
        entry(DBOP, Dbop::on_sqlite(&file("dbop")?).await?),
        entry(RIVER, River::on_sqlite(&file("river")?, 1).await?),
        entry(
            RIVER_OF_FIVE,
            River::on_sqlite(&file("river_of_five")?, 5).await?,
        ),
        entry(APALIS, apalis::OnSqlite::open(&file("apalis")?).await?),
    ];
    let names = River::on_sqlite(&file("names")?, 1).await?;
    let guarded = River::on_sqlite(&file("guarded")?, 1).await?;
    let unguarded = Dbop::on_sqlite(&file("unguarded")?).await?;
    let parts = [
        entry(NAMES, names.writing_names()),
        entry(GUARDED, guarded.writing_names().guarded().await?),
        entry(UNGUARDED, unguarded.changed(DROP_ON_SQLITE).await?),
    ];
    measure(options, "SQLite", &all, &parts, &mut report).await;
    drop((all, parts));

    let server = Server::start().await?;
    report.version(&server.version().await?);
    let url = async |name: &str| server.database(name).await;
    let all = [
        entry(DBOP, Dbop::on_postgres(&url("dbop").await?).await?),
        entry(RIVER, River::on_postgres(&url("river").await?).await?),
        entry(
            APALIS,
            apalis::OnPostgres::open(&url("apalis").await?).await?,
        ),
    ];
    let names = River::on_postgres(&url("names").await?).await?;
    let guarded = River::on_postgres(&url("guarded").await?).await?;
    let no_gin = River::on_postgres(&url("no_gin").await?).await?;
    let unguarded = Dbop::on_postgres(&url("unguarded").await?).await?;
    let dbop_no_gin = Dbop::on_postgres(&url("dbop_no_gin").await?).await?;
    let parts = [
        entry(NAMES, names.writing_names()),
        entry(GUARDED, guarded.writing_names().guarded().await?),
        entry(UNGUARDED, unguarded.changed(DROP_ON_POSTGRES).await?),
        entry(NO_GIN, no_gin.changed(DROP_INDEX).await?),
        entry(DBOP_NO_GIN, dbop_no_gin.changed(DROP_INDEX).await?),
    ];
    measure(options, "Postgres", &all, &parts, &mut report).await;
    Ok(report.finish())
}

async fn measure(
    options: &Options,
    database: &str,
    all: &[Entry],
    parts: &[Entry],
    report: &mut Report,
) {
    let jobs = options.choose(500, 3000);
    let turns = async |entries: &[&Entry], work| {
        let contestants: Vec<_> = entries.iter().map(|entry| entry(work)).collect();
        eprintln!("{database}, {work:?}");
        // A turn lasts until its work is done.
        interleave(options, &contestants, 1, Duration::ZERO).await
    };
    let everybody: Vec<_> = all.iter().collect();
    for at_once in AT_ONCE {
        let pace = Pace::without_pauses(at_once);
        let work = Work::Working { jobs, pace };
        report.working(database, at_once, &turns(&everybody, work).await);
    }
    // dbop and riverqueue alone: the pauses are theirs.
    for at_once in AT_ONCE {
        let jobs = 10 * i64::try_from(at_once).expect("a small number");
        let pace = Pace::by_default(at_once);
        let work = Work::Working { jobs, pace };
        let results = turns(&everybody[..2], work).await;
        report.with_pauses(database, at_once, &results);
    }
    let work = Work::Enqueueing {
        calls: options.choose(100, 500),
        jobs_a_call: 1,
    };
    report.enqueueing(database, "one in a call", &turns(&everybody, work).await);
    let work = Work::Enqueueing {
        calls: options.choose(1, 5),
        jobs_a_call: 1000,
    };
    report.enqueueing(database, "1,000 in a call", &turns(&everybody, work).await);

    let pace = Pace::without_pauses(AT_ONCE[1]);
    let work = Work::Working { jobs, pace };
    let by_part: Vec<_> = everybody[..2].iter().copied().chain(parts).collect();
    report.parts(database, &turns(&by_part, work).await);
}
