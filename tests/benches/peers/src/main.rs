//! Prints one section as Markdown.
//!
//! ```text
//! tests/benches/peers/run same-work --quick
//! ```

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
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Fallible<String> {
    let (section, options) = Options::read(&["same-work", "contention"])?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(peers::measure(&section, &options))
}
