//! An audit of how visible a company is in the answers of language models. Questions about the
//! company and its industry are put to several providers. The answers are stored, analysed and
//! scored.
//!
//! This example is a conversion of a program that called a blocking database driver from async
//! code, and stood still because of it. Its ten database functions are here twice, with the same
//! results:
//!
//! | | the functions | are |
//! |---|---|---|
//! | [`sync`] | over rusqlite, blocking | as they were |
//! | [`native`] | over sqlx, async | rewritten |
//!
//! `diff -r src/sync src/native` shows what each way costs.
//!
//! Around the two halves, [`processor`] has the order of the steps, for which [`half`] gives both
//! halves one name. [`questions`], [`analysis`] and [`insights`] know no database. [`client`]
//! stands for the providers, and [`report`] shows the scores.
#![deny(missing_docs)]

pub mod analysis;
pub mod client;
pub mod error;
pub mod half;
pub mod insights;
pub mod model;
pub mod native;
pub mod processor;
pub mod progress;
pub mod questions;
pub mod report;
pub mod setup;
pub mod snapshot;
pub mod sync;
mod words;
