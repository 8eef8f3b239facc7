//! dbop beside what its users would use instead.

#[path = "peers/bodies.rs"]
mod bodies; // declared here, so that `sync` can have it at the same path
mod contention;
mod peers;
mod place;
mod same_work;
mod scaling;

use futures_util::future::LocalBoxFuture;
use harness::Options;
use harness::bank::Fallible;
pub use scaling::{Counters, waiting};

/// Measures a section, and returns it as Markdown. The future is boxed, because otherwise the
/// binaries would compile all contestants again.
///
/// # Errors
///
/// Returns the error of a database.
pub fn measure<'a>(section: &str, options: &'a Options) -> LocalBoxFuture<'a, Fallible<String>> {
    match section {
        "same-work" => Box::pin(same_work::run(options)),
        "contention" => Box::pin(contention::run(options)),
        _ => Box::pin(scaling::run(options)),
    }
}
