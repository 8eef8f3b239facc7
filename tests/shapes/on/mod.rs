//! Functions with `on = [Sqlite, Postgres]`.

mod bodies;
mod chain;
mod names;
mod sizes;
