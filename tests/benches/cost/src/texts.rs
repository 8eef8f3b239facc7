//! The statements that all sides run.

pub(crate) mod sqlite {
    pub(crate) const ADD: &str = "UPDATE accounts SET cents = cents + ? WHERE id = ?";
    pub(crate) const READ: &str = "SELECT cents FROM accounts WHERE id = ?";
}

pub(crate) mod postgres {
    pub(crate) const ADD: &str = "UPDATE accounts SET cents = cents + $1 WHERE id = $2";
    pub(crate) const READ: &str = "SELECT cents FROM accounts WHERE id = $1";
}
