//! A lint whose level is a warning.
#![deny(deprecated)]

use dbop::guarded;

#[guarded]
#[dbop::warn(blocking_call)]
async fn blocks() -> dbop::Result<()> {
    std::thread::sleep(std::time::Duration::from_millis(1));
    Ok(())
}

fn main() {}
