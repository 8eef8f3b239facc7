//! What goes wrong in the shop.

use dbop::DbError;

use crate::values::{Cents, Status};

#[derive(Debug, thiserror::Error, DbError)]
pub(crate) enum ShopError {
    #[error("fewer than {units} of {sku} are left")]
    SoldOut { sku: String, units: i64 },
    #[error("there is no product {0}")]
    NoProduct(String),
    #[error("the cart of customer {0} is empty")]
    EmptyCart(i64),
    #[error("coupon {0} cannot be used, or not any more")]
    CouponUsedUp(String),
    #[error("customer {0} has no such address")]
    NoAddress(i64),
    #[error("there is no order {0}")]
    NoOrder(i64),
    #[error("order {order} is {is}, and not {needed}")]
    WrongStatus {
        order: i64,
        is: Status,
        needed: Status,
    },
    #[error("order {order} costs {costs}, and {offered} were offered")]
    WrongAmount {
        order: i64,
        costs: Cents,
        offered: Cents,
    },
    #[error(transparent)]
    Database(#[from] dbop::Error),
}

pub(crate) type Result<T, E = ShopError> = std::result::Result<T, E>;
