//! Whether a database is there, and whether its handle has connections to spare.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), dbop::Error> {
//! use dbop::Db;
//! use dbop::health::HealthStatus;
//! use sqlx::Sqlite;
//!
//! let db = Db::<Sqlite>::connect("sqlite::memory:").await?;
//! let health = db.health().await;
//! assert_eq!(health.status, HealthStatus::Healthy);
//! assert_eq!(health.connectivity.connected, Some(true));
//! assert!(db.ready().await.ready);
//! assert_eq!(db.pool_status().write.max, 1);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! [The guide](crate::guide::health_and_http) says what each state means, and has the routes.

mod check;
mod report;

pub use report::{Connectivity, Health, HealthStatus, PoolCounts, PoolStatus, Readiness};
