//! What dbop tells the recorder of the crate [`metrics`](https://docs.rs/metrics): names, buckets,
//! and when numbers are told.
//!
//! The application installs a recorder, such as
#![cfg_attr(
    feature = "prometheus",
    doc = "[`Prometheus`](crate::prometheus::Prometheus)"
)]
#![cfg_attr(
    not(feature = "prometheus"),
    doc = "dbop's own of the feature `prometheus`"
)]
//! or any other exporter for this crate. The [guide](crate::guide::logs_and_metrics) has the table of
//! all metrics with their labels. Names, units and labels are those of OpenTelemetry's semantic
//! conventions, version 1.44
//! (<https://opentelemetry.io/docs/specs/semconv/db/database-metrics/>).
//!
//! An exporter keeps a histogram in buckets, and has to be told which:
//!
//! ```
//! # #[cfg(feature = "prometheus")]
//! # fn example() -> Result<(), metrics_exporter_prometheus::BuildError> {
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//!
//! let mut builder = PrometheusBuilder::new();
//! for name in dbop::telemetry::HISTOGRAMS {
//!     let matcher = Matcher::Full(name.to_owned());
//!     builder = builder.set_buckets_for_metric(matcher, &dbop::telemetry::BUCKETS)?;
//! }
//! # let _ = builder;
//! # Ok(())
//! # }
//! # #[cfg(feature = "prometheus")]
//! # example().unwrap();
//! ```

mod calls;
mod gauges;
mod handles;
mod names;
mod pools;

pub(crate) use calls::{CallReport, Calls};
#[cfg(feature = "prometheus")]
pub(crate) use gauges::EVERY;
pub use gauges::observe_pools;
pub(crate) use gauges::{PoolGauges, Sums, Watched, watch};
pub use names::{BUCKETS, HISTOGRAMS};
pub(crate) use pools::PoolReport;
