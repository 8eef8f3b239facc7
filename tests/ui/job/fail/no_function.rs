//! A type that is no job.
#![allow(unused)]

use dbop::job;

#[job]
struct Pay;

fn main() {}
