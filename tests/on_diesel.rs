//! The tests that hold with every driver of plain functions, with diesel. See `on_sqlite.rs`.

mod suites {
    mod blocking {
        mod common;
        use dbop_tests::blocking::diesel::{
            Database, SYSTEM, Session, TAKEN_CODE, World, exec, number, open,
        };
    }
}
