//! `#[session]` on an alias of something else.
#![allow(unused)]

use dbop::transactional;

type Name<'a> = &'a str;

#[transactional]
async fn alias(#[session] tx: Name<'_>) -> dbop::Result<()> {
    Ok(())
}

fn main() {}
