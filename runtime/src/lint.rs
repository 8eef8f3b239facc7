//! Mistakes of async database code that compile, and that the attributes reject: one page each.
//!
//! An error is told at compile time like any other; a warning is told as the use of a deprecated
//! macro that has the lint's name, because stable Rust has no other way, so `#![allow(deprecated)]`
//! silences it.
//!
//! What is right all the same is let through with `#[dbop::allow(..)]`, on the function or on one
//! statement of its body, best with a reason:
//!
//! ```
//! use dbop::{Tx, transactional};
//! use sqlx::Sqlite;
//!
//! #[transactional]
//! async fn take_turn(tx: &mut Tx<'_, Sqlite>, locks: &tokio::sync::Mutex<i64>) -> dbop::Result<()> {
//!     #[dbop::allow(foreign_await, reason = "held for microseconds, and by nobody with a session")]
//!     let turn = locks.lock().await;
//!     sqlx::query("UPDATE turns SET taken = 1 WHERE id = ?").bind(*turn).execute(&mut *tx).await?;
//!     Ok(())
//! }
//! ```
//!
//! The lints read the text of the function alone: they do not know types, do not look into what it
//! calls, and read statements that a `#[cfg(..)]` switches off. What cannot be seen there is reported at run time: a poll that blocks the executor
//! ([`Builder::blocking_poll_warning`](crate::Builder::blocking_poll_warning)) and a transaction
//! that is idle between statements
//! ([`Builder::idle_transaction_warning`](crate::Builder::idle_transaction_warning)).

dbop_macros::lint_pages! {}
