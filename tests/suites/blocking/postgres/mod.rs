//! The crate `postgres`.

pub(crate) use dbop_tests::blocking::postgres::{SYSTEM, Session, World, exec, number, open};

#[path = "../common/mod.rs"]
mod common;
