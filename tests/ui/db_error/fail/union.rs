//! Nothing says what a union holds.
#![allow(unused)]

#[derive(dbop::DbError)]
union BankError {
    code: i32,
}

fn main() {}
