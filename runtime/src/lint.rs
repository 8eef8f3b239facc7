//! Mistakes in async database code that the compiler accepts and dbop's attributes report. Each
//! lint has a page below.
//!
//! An error is reported at compile time like any other. A warning appears as the use of a
//! deprecated macro with the lint's name, because stable Rust offers no other way.
//! `#![allow(deprecated)]` therefore silences the warnings.
//!
//! To allow a justified exception, use `#[dbop::allow(..)]`, on the function or on one statement of
//! its body, best with a reason:
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
//! The lints read only the text of the function: they do not know types, do not look into the
//! functions that it calls, and also read statements that a `#[cfg(..)]` switches off. Two mistakes
//! that the text may not show are reported at run time: a poll that blocks the executor
//! ([`DbBuilder::blocking_poll_warning`](crate::DbBuilder::blocking_poll_warning)) and a transaction
//! that is idle between statements
//! ([`DbBuilder::idle_transaction_warning`](crate::DbBuilder::idle_transaction_warning)).

dbop_macros::lint_pages! {}
