//! `rusqlite`.

pub(crate) use dbop_tests::blocking::rusqlite::{SYSTEM, Session, World, exec, number, open};

#[path = "../common/mod.rs"]
mod common;
