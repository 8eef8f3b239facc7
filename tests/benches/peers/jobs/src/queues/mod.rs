//! The contestants.

pub(crate) mod apalis;
pub(crate) mod dbop;
pub(crate) mod river;
