//! diesel on SQLite.

pub(crate) use dbop_tests::blocking::diesel::{SYSTEM, Session, World, exec, number, open};

#[path = "../common/mod.rs"]
mod common;
