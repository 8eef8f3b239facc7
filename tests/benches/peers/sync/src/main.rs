//! Measures the plain functions of dbop beside rusqlite by hand, and the lag of an event loop.
//!
//! ```text
//! tests/benches/peers/run lag --quick
//! ```

#[path = "../../src/peers/bodies.rs"]
mod bodies;
mod event_loop;
mod file;
mod plain;
mod promising;
mod same_work;
#[path = "../../src/peers/spawned.rs"]
mod spawned;

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
            eprintln!("peers-sync: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Fallible<String> {
    let (section, options) = Options::read(&["same-work", "lag"])?;
    if section == "lag" {
        return Ok(event_loop::run(&options)); // creates runtimes of its own
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(same_work::run(&options))
}
