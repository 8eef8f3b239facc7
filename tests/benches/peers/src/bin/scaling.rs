//! Prints the section on scaling. This is a binary of its own, because its allocator counts, which
//! costs something.

use std::alloc::System;
use std::process::ExitCode;

use harness::Options;
use harness::bank::Fallible;
use peers::Counters;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    match start() {
        Ok(section) => {
            println!("{section}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("scaling: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Fallible<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [mode, of] = &*arguments
        && mode == "waiting"
    {
        return runtime.block_on(peers::waiting(of, counters));
    }
    let (section, options) = Options::read(&["scaling"])?;
    runtime.block_on(peers::measure(&section, &options))
}

fn counters() -> Counters {
    let stats = ALLOCATOR.stats();
    Counters {
        allocated: stats.bytes_allocated as i64 - stats.bytes_deallocated as i64,
        allocations: stats.allocations as i64 - stats.deallocations as i64,
    }
}
