//! Section 1 of `tests/bench`: what a call costs, in instructions, allocations and bytes.
//!
//! `dbop-cost table` prints the tables. `dbop-cost check` fails if a call costs more than it did.

mod allocations;
mod annotated;
mod callgrind;
mod careful;
mod cases;
mod check;
mod naive;
mod recorder;
mod stub;
mod stub_world;
mod tables;
mod texts;
mod world;

use std::process::ExitCode;

use recorder::Recorder;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match &*arguments {
        ["table"] => callgrind::measure(40).and_then(|rows| tables::print(&rows)),
        ["check"] => check::check(|| callgrind::measure(15)),
        // The other two commands run this one under callgrind.
        ["calls", repeats] => run(repeats),
        _ => Err("usage: dbop-cost table | check".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("dbop-cost: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(repeats: &str) -> Result<(), Failure> {
    let recorder = Recorder::new(repeats.parse()?);
    // The runtime has one thread, so that only the driver's threads run besides it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(cases::run(&recorder))?;
    recorder.print();
    Ok(())
}
