//! Functions of every shape, annotated and run. They compile without a single warning of pedantic
//! clippy.
#![deny(warnings, clippy::pedantic)]

mod arguments;
mod attributes;
mod bodies;
mod common;
mod errors;
mod futures;
mod generics;
mod hygiene;
mod lent;
mod lifetimes;
mod lints;
mod macros;
mod once;
mod options;
mod plain;
mod receivers;
mod returns;
mod scopes;
mod sessions;
mod streams;
mod traits;
