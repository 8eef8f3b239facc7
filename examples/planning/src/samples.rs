//! Samples: thousands of rows for the attributes of a report, in chunks. Each chunk is a transaction, so
//! nobody waits for long, a process that dies loses one chunk at most, and progress can be told.

use chrono::{Days, NaiveDate};
use dbop::jobs::Job;
use dbop::{BulkInsert, Tx, job, transactional};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cycles::{self, Attribute};
use crate::error::{PlanningError, Result};
use crate::model::DataType;

/// How many samples of an attribute can be made at once.
pub const MOST: i32 = 100_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub attribute: Uuid,
    pub number: i32,
    pub value: String,
}

/// Makes so many samples of each attribute, one by one. The same attributes have the same samples. The
/// stream knows how many there are, so progress has a total.
pub fn of(attributes: &[Attribute], each: i32) -> impl Stream<Item = Sample> + Send + use<'_> {
    let each = usize::try_from(each).unwrap_or_default();
    stream::iter((0..attributes.len() * each).map(move |index| {
        let attribute = &attributes[index / each];
        let number = i32::try_from(index % each).expect("less than `each`");
        Sample {
            attribute: attribute.id,
            number,
            value: value(attribute, number),
        }
    }))
}

/// Returns a value of the type of an attribute.
fn value(attribute: &Attribute, number: i32) -> String {
    let seed = attribute.id.as_u64_pair().1 ^ u64::from(number.unsigned_abs());
    let mut random = fastrand::Rng::with_seed(seed);
    match attribute.data_type {
        DataType::Amount => format!("{}.{:02}", random.u32(..10_000_000), random.u32(..100)),
        DataType::Date => {
            let first = NaiveDate::default() + Days::new(365 * 30);
            (first + Days::new(random.u64(..365 * 25))).to_string()
        }
        DataType::Code => std::iter::repeat_with(|| random.uppercase())
            .take(8)
            .collect(),
        DataType::Text => format!("{} {number}", attribute.name),
    }
}

/// Makes so many samples of each attribute of a report. Returns how many that are.
#[job(
    on = [Sqlite, Postgres],
    name = "planning.samples",
    queue = "samples",
    timeout = "1h",
    backoff(base = "1s", max = "1m"),
    unique(args = [cycle, report])
)]
pub async fn generate(job: &Job<DB>, cycle: i64, report: i64, each: i32) -> Result<u64> {
    if !(1..=MOST).contains(&each) {
        job.cancel(); // the arguments of a job stay as they are
        return Err(PlanningError::Samples(MOST));
    }
    let read = async |tx: &mut Tx<'_, DB>| cycles::attributes(&mut *tx, cycle, report).await;
    let attributes: Vec<Attribute> = job.read("attributes", read).await?;
    let samples = of(&attributes, each);
    let made = add_samples(job.chunks("samples"), samples).await?;
    Ok(made.items)
}

/// Stores samples. Callers pass any number of them, as a slice or a stream.
#[transactional(chunk = 500, name = "samples.add", on = [Sqlite, Postgres])]
pub async fn add_samples(tx: &mut Tx<'_, DB>, samples: &[Sample]) -> Result<()> {
    BulkInsert::into("samples")
        .column("id", samples.iter().map(|_| Uuid::now_v7()))
        .column("attribute", samples.iter().map(|sample| sample.attribute))
        .column("number", samples.iter().map(|sample| sample.number))
        .column("value", samples.iter().map(|sample| &sample.value))
        .execute(&mut *tx)
        .await?;
    Ok(())
}
