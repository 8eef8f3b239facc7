//! The guide: how to use dbop, one page for each subject.
//!
//! | page | what it answers |
//! |---|---|
//! | [`settings`] | how a database is opened, which settings there are, and what the environment says |
//! | [`adoption`] | how existing functions are annotated, shape by shape, and in which order |
//! | [`two_databases`] | functions that are written once, for SQLite and PostgreSQL, and what differs there |
//! | [`sessions`] | what a function gets, what its callers pass, `query!`, clean sessions, advisory locks |
//! | [`streams`] | rows one by one: functions that return streams |
//! | [`options`] | every option of the attributes and of `#[derive(DbError)]`, with its default |
//! | [`errors`] | what an error tells, error types of your own, HTTP statuses |
//! | [`replay_and_outcomes`] | when a call is replayed, and what is known when it has failed |
//! | [`once`] | transactions that take effect once for each key |
//! | [`chunks`] | many rows: a transaction for each chunk, calls that are resumed, bulk inserts |
//! | [`hooks_and_savepoints`] | work after a commit, savepoints, calls inside of calls |
//! | [`lints`] | what does not compile, and how to allow an exception |
//! | [`sync_code`] | plain functions over rusqlite, diesel or `postgres`, and calls from sync code |
//! | [`from_sync_to_async`] | step by step from plain to async functions, with a switch between both |
//! | [`jobs`] | durable jobs, their steps, and when something else is the right tool |
//! | [`testing`] | `#[dbop::test]`: tests with a database of their own |
//! | [`in_an_application`] | migrations, tests |
//! | [`health_and_http`] | a service with axum: answers to failed calls, keys of requests, health |
//! | [`start_maintenance_shutdown`] | what a service does at its start, from time to time, and at its end |
//! | [`overload_and_outages`] | the circuit breaker, lost connections, `max_concurrency` |
//! | [`guarded`] | calls of other services: their circuit breakers, deadlines, retries and limits |
//! | [`logs_and_metrics`] | spans, events and counts |
//! | [`guarantees`] | what holds when it fails, and the test of each promise |
//! | [`costs`] | what a call costs |
//!
//! The pages are Markdown files in the folder `guide` beside `src`.

// Each page ends with definitions of its links for readers of the Markdown file.
// `rustdoc-links.md` defines the same links for rustdoc, where the first definition counts.

pub mod settings {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/settings.md")]
}

pub mod adoption {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/adoption.md")]
}

pub mod two_databases {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/two-databases.md")]
}

pub mod sessions {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/sessions.md")]
}

pub mod streams {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/streams.md")]
}

pub mod options {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/options.md")]
}

pub mod errors {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/errors.md")]
}

pub mod replay_and_outcomes {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/replay-and-outcomes.md")]
}

pub mod once {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/once.md")]
}

pub mod chunks {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/chunks.md")]
}

pub mod hooks_and_savepoints {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/hooks-and-savepoints.md")]
}

pub mod lints {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/lints.md")]
}

// Its examples need rusqlite.
#[cfg(any(not(doctest), feature = "rusqlite"))]
pub mod sync_code {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/sync-code.md")]
}

// Its examples need rusqlite and the answers to failed calls.
#[cfg(any(not(doctest), all(feature = "rusqlite", feature = "http")))]
pub mod from_sync_to_async {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/from-sync-to-async.md")]
}

// Its examples need the attribute.
#[cfg(any(not(doctest), feature = "testing"))]
#[cfg(feature = "jobs")]
pub mod jobs {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/jobs.md")]
}

pub mod testing {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/testing.md")]
}

pub mod in_an_application {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/in-an-application.md")]
}

// Its examples need axum.
#[cfg(any(not(doctest), feature = "http"))]
pub mod health_and_http {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/health-and-http.md")]
}

pub mod start_maintenance_shutdown {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/start-maintenance-shutdown.md")]
}

pub mod overload_and_outages {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/overload-and-outages.md")]
}

pub mod guarded {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/guarded.md")]
}

pub mod logs_and_metrics {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/logs-and-metrics.md")]
}

pub mod guarantees {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/guarantees.md")]
}

pub mod costs {
    #![doc = include_str!("../guide/rustdoc-links.md")]
    #![doc = include_str!("../guide/costs.md")]
}

// The example of the package's README is compiled, too. The example of the repository's README is
// compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
