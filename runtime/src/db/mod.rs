//! [`Db`]: the handle that an application keeps, how it is opened, and its settings.

mod adopted;
mod any;
mod builder;
mod handle;
mod settings;

pub use any::AnyDb;
pub use builder::DbBuilder;
pub use handle::Db;
#[cfg(feature = "blocking")]
pub(crate) use settings::Settings;
