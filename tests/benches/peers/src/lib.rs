//! dbop beside what its users would take instead.

#[path = "peers/bodies.rs"]
mod bodies; // here, so that `sync` can have it at the same place
mod contention;
mod peers;
mod place;
mod same_work;
mod scaling;

use futures_util::future::LocalBoxFuture;
use harness::Options;
use harness::bank::Fallible;
pub use scaling::{Counters, waiting};

/// Measures a section, and returns it as markdown. Boxed, because the binaries would have to
/// compile all contestants again otherwise.
///
/// # Errors
///
/// Of the databases.
pub fn measure<'a>(section: &str, options: &'a Options) -> LocalBoxFuture<'a, Fallible<String>> {
    match section {
        "same-work" => Box::pin(same_work::run(options)),
        "contention" => Box::pin(contention::run(options)),
        _ => Box::pin(scaling::run(options)),
    }
}
