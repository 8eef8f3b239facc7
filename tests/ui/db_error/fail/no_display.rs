//! An error that cannot be printed.
#![allow(unused)]

#[derive(Debug, dbop::DbError)]
enum BankError {
    Database(dbop::Error),
}

fn main() {}
