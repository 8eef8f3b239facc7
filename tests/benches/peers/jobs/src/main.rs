//! Prints the section on durable jobs as Markdown.
//!
//! ```text
//! tests/benches/peers/run jobs --quick
//! ```

mod place;
mod pools;
mod queue;
mod queues;
mod report;
mod section;

use std::process::ExitCode;

use harness::Options;
use harness::bank::Fallible;

fn main() -> ExitCode {
    match start() {
        Ok(section) => {
            println!("{section}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("peers-jobs: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Fallible<String> {
    let (_, options) = Options::read(&["jobs"])?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(section::run(&options))
}
