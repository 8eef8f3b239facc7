//! The items that generated code uses. They change without notice, so no other code may use them.

pub use core;
pub use sqlx;
pub use std::boxed::Box;
pub use std::process::Termination;

#[cfg(feature = "postgres")]
pub use sqlx::Postgres;
#[cfg(feature = "sqlite")]
pub use sqlx::Sqlite;

#[cfg(feature = "blocking")]
pub use crate::blocking::SyncConnection;
#[cfg(feature = "blocking")]
pub use crate::blocking::call::Blocking;
pub use crate::blocking::owned_arg::{
    lend_each, lend_option, lend_owned, own, own_each, own_option, sent,
};
#[cfg(feature = "blocking")]
pub use crate::blocking::pool::handle;
pub use crate::blocking::thread::off_thread;
#[cfg(feature = "blocking")]
pub use crate::blocking::two_way::{Way, twin_call, twin_result, two_ways, unfit};
pub use crate::call::{Arg, Call, Captures, Guarded, LastItem, Unscoped, replay, stream};
#[cfg(all(feature = "sqlite", feature = "postgres"))]
pub use crate::call::{choose, choose_chunked};
pub use crate::chunks::{ChunkError, Chunked, Chunks};
pub use crate::classify::Category;
pub use crate::error::Error;
pub use crate::isolation::Isolation;
#[cfg(feature = "jobs")]
pub use crate::jobs::generated::*;
#[cfg(feature = "jobs")]
pub use crate::jobs::{
    Concurrency, EitherDatabase, Ended, Enqueued, Job, JobKind, JobOptions, JobState, NewJob, Rate,
    RunsOn, TakesDiscarded, Unique,
};
pub use crate::once::OnceKey;
pub use crate::op::{Cause, DbError, DriverError, Op};
pub use crate::scope::{AsScope, lent_or};
pub use crate::session::{SessionParam, fake_return, lend};
pub use crate::sql::text_for;
#[cfg(feature = "testing")]
pub use crate::testing::Test;
#[cfg(feature = "jobs")]
pub use crate::{AnyScope, Result, Scope};
#[cfg(feature = "jobs")]
pub use futures_core::future::BoxFuture;
#[cfg(feature = "jobs")]
pub use inventory;
#[cfg(feature = "jobs")]
pub use serde;
