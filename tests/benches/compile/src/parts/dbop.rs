
use dbop::{Conn, DbError, Tx, db_op, transactional};

#[derive(Debug, thiserror::Error, DbError)]
pub enum Error {
    #[error("account {0} has insufficient funds")]
    InsufficientFunds(i64),
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
