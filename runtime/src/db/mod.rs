//! [`Db`]: the handle that an application keeps, how it is opened, and its settings.

mod adopted;
mod any;
mod any_builder;
mod builder;
mod environment;
mod handle;
mod migrate;
#[cfg(feature = "metrics")]
mod reported;
mod settings;
mod setup;
mod shutdown;
mod verify;

pub use any::AnyDb;
pub(crate) use any::with_db;
pub use any_builder::AnyDbBuilder;
pub use builder::DbBuilder;
#[cfg(feature = "blocking")]
pub(crate) use environment::read as read_environment;
pub use handle::Db;
#[cfg(feature = "blocking")]
pub(crate) use settings::Settings;
