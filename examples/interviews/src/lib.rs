//! A service for job interviews: a bank of questions, interview sessions, conversations, a log and
//! payments, on SQLite or PostgreSQL from the same functions.
//!
//! | part | modules |
//! |---|---|
//! | values that are valid once they exist | [`values`], [`page`] |
//! | operations, a module for each sort of row | [`users`], [`catalogue`], [`questions`], [`sessions`], [`answers`], [`conversations`], [`messages`], [`logs`], [`payments`], [`feedback`], [`admin`] |
//! | what the service comes with | [`bank`] |
//! | routes, which know no SQL | [`http`] |
//! | work in the background | [`reviewer`] |
//!
//! There is no session of the database that is kept for a request or for a thread:
//!
//! - A call has a session while it runs. A handler that makes two calls holds nothing between them.
//! - A handler whose work belongs together calls one `#[transactional]`, which calls others with
//!   `&mut *tx`: see [`sessions::create_with_questions`].
//! - A task in the background has a clone of the handle, and calls the same functions: see [`reviewer`].

pub mod admin;
pub mod answers;
pub mod bank;
pub mod catalogue;
pub mod conversations;
pub mod error;
pub mod feedback;
pub mod http;
pub mod logs;
pub mod messages;
pub mod page;
pub mod payments;
pub mod questions;
pub mod reviewer;
pub mod sessions;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod users;
pub mod values;

use sqlx::migrate::Migrator;

/// The migrations, which both databases understand.
pub static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
