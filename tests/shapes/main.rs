//! Functions of every shape, annotated and run. They compile without a single warning of pedantic
//! clippy.
#![deny(warnings, clippy::pedantic)]
#![recursion_limit = "400"] // for a chain of thirty joined calls, each inside of the next

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
mod on;
mod once;
mod options;
mod plain;
mod receivers;
mod returns;
mod scopes;
mod sessions;
mod streams;
mod traits;
mod two_way;
