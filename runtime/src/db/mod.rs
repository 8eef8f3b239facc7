//! [`Db`]: the handle an application keeps, how it is opened, and what can be set.

mod builder;
mod handle;
mod settings;

pub use builder::Builder;
pub use handle::Db;
#[cfg(feature = "blocking")]
pub(crate) use settings::Settings;
