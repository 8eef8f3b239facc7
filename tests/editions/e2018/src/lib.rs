//! Functions of the most common shapes, annotated and run, in edition 2018.
#![deny(warnings, clippy::pedantic)]
#![cfg(test)]

#[path = "../../shapes.rs"]
mod shapes;

#[path = "../../plain.rs"]
mod plain;

#[path = "../../streams.rs"]
mod streams;
