//! Tests what the example promises, of each half and of both together.

mod agreement;
mod common;
mod constraints;
mod processing;
mod program;
mod steps;
