
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("account {0} has insufficient funds")]
    InsufficientFunds(i64),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
