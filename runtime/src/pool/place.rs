//! [`PlaceOfPools`]: where the database of a handle's pools is.

use sqlx::Pool;

use super::connect_hook::ConnectHook;
use crate::backend::{Backend, DatabaseFile};

/// Where a database is, and how its sessions are prepared.
pub(super) struct PlaceOfPools<'a, DB: Backend> {
    pub(super) pool: &'a Pool<DB>,
    pub(super) file: &'a DatabaseFile,
    /// What the application does to each session, and whether the session is one that only reads.
    pub(super) hook: Option<(&'a ConnectHook<DB>, bool)>,
}
