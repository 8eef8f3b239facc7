//! The contestants, each written as an expert in its library would write it.

pub(crate) mod backon;
pub(crate) mod by_hand;
pub(crate) mod dbop;
pub(crate) mod deadpool;
pub(crate) mod on_thread;
pub(crate) mod passing;
pub(crate) mod pools;
pub(crate) mod promising;
pub(crate) mod sea;
pub(crate) mod spawned;
pub(crate) mod with_diesel;
