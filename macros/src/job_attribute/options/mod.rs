//! The options of `#[job]`.

mod lists;
mod texts;

use proc_macro2::TokenStream;
use syn::{LitStr, Path};

pub(super) use lists::{Arguments, Backoff, Limit, Rate, Schedule, Unique};
pub(super) use texts::check_kind;

use crate::database::Database;
use crate::errors::Errors;
use crate::options::reader::{self, Given, Row};

/// Every option; `None` stands for what was not written. Durations are in milliseconds.
#[derive(Default)]
pub(super) struct Options {
    /// The kind under which the database knows the job.
    pub(super) name: Option<Given<LitStr>>,
    pub(super) queue: Option<Given<LitStr>>,
    pub(super) priority: Option<Given<u16>>,
    pub(super) max_attempts: Option<Given<u16>>,
    pub(super) timeout: Option<Given<u64>>,
    pub(super) delay: Option<Given<u64>>,
    pub(super) unique: Option<Given<Unique>>,
    pub(super) backoff: Option<Given<Backoff>>,
    pub(super) concurrency: Option<Given<Limit>>,
    pub(super) rate: Option<Given<Rate>>,
    pub(super) schedule: Option<Given<Schedule>>,
    /// The job that is enqueued when this job is discarded.
    pub(super) discarded: Option<Given<Path>>,
    pub(super) idempotent: Option<Given<()>>,
    pub(super) on: Option<Given<Vec<Database>>>,
    pub(super) krate: Option<Given<Path>>,
}

/// The table of all options, which is the only place that names them.
static TABLE: [Row<Options>; 15] = [
    Row::new("name", "name = \"mail.receipt\"", |options, value| {
        texts::read_kind(value).map(|given| options.name = given)
    }),
    Row::new("queue", "queue = \"mail\"", |options, value| {
        texts::read_queue(value).map(|given| options.queue = given)
    }),
    Row::new("priority", "priority = 2", |options, value| {
        let given = value.whole_number(1..=4);
        given.map(|given| options.priority = given)
    }),
    Row::new("max_attempts", "max_attempts = 5", |options, value| {
        let given = value.whole_number(1..=32_767);
        given.map(|given| options.max_attempts = given)
    }),
    Row::new("timeout", "timeout = \"10m\"", |options, value| {
        value.duration().map(|given| options.timeout = given)
    }),
    Row::new("delay", "delay = \"10s\"", |options, value| {
        value.duration().map(|given| options.delay = given)
    }),
    Row::new(
        "unique",
        "unique` or `unique(args = [customer_id], period = \"1h\")",
        |options, value| lists::read_unique(value).map(|given| options.unique = given),
    ),
    Row::new(
        "backoff",
        "backoff(base = \"1s\", max = \"1h\")",
        |options, value| lists::read_backoff(value).map(|given| options.backoff = given),
    ),
    Row::new(
        "concurrency",
        "concurrency(limit = 2, key = customer_id)",
        |options, value| lists::read_concurrency(value).map(|given| options.concurrency = given),
    ),
    Row::new(
        "rate",
        "rate(limit = 10, per = \"1m\", key = customer_id)",
        |options, value| lists::read_rate(value).map(|given| options.rate = given),
    ),
    Row::new(
        "schedule",
        "schedule = \"0 3 * * *\"` or `schedule(cron = \"0 3 * * *\", time_zone = \"Europe/Berlin\")",
        |options, value| lists::read_schedule(value).map(|given| options.schedule = given),
    ),
    Row::new("discarded", "discarded = tell_support", |options, value| {
        value.path().map(|given| options.discarded = given)
    }),
    Row::new("idempotent", "idempotent", |options, value| {
        value.flag().map(|given| options.idempotent = given)
    }),
    Row::new("on", "on = [Sqlite, Postgres]", |options, value| {
        value.words(&Database::ALL).map(|given| options.on = given)
    }),
    Row::new("crate", "crate = ::path::to::dbop", |options, value| {
        value.path().map(|given| options.krate = given)
    }),
];

pub(super) fn read(tokens: TokenStream, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    reader::read_options(tokens, &TABLE, "`#[job]`", &mut options, errors);
    options
}
