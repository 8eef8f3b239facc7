//! The text that Prometheus reads.
//!
//! ```
//! use dbop::prometheus::Prometheus;
//!
//! # fn example() -> Result<(), dbop::Error> {
//! // At the beginning of `main`:
//! let prometheus = Prometheus::install()?;
//! // Whenever Prometheus asks:
//! let text = prometheus.render();
//! # let _ = text;
//! # assert!(Prometheus::install().is_ok() && Prometheus::installed().is_some());
//! # Ok(())
//! # }
//! # example().unwrap();
//! ```
//!
//! With the feature `http`,
#![cfg_attr(
    feature = "http",
    doc = "[`Routes::metrics`](crate::http::Routes::metrics)"
)]
#![cfg_attr(not(feature = "http"), doc = "`Routes::metrics`")]
//! serves the text.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::sleep;

use crate::error::{Error, ErrorKind, Result};
use crate::rt::background;
use crate::telemetry::{BUCKETS, EVERY, HISTOGRAMS, observe_pools};

/// Renders what a recorder for Prometheus has recorded. A clone renders the same.
///
/// Histograms keep each value until somebody puts them into their buckets. That is done every 5 s for
/// as long as there is a `Prometheus`, and always after [`install`](Self::install), on a thread of
/// dbop's own.
#[derive(Clone, Debug)]
pub struct Prometheus(Arc<PrometheusHandle>);

/// The one that dbop has installed.
static INSTALLED: Mutex<Option<Prometheus>> = Mutex::new(None);

impl Prometheus {
    /// Installs a recorder for the whole process, with [buckets](crate::telemetry::BUCKETS) for dbop's
    /// histograms. Everything that the process tells the crate `metrics` is in the text. Calls that
    /// were made before are not.
    ///
    /// Returns the same again if it was called before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if the application has installed a recorder of its own. If that is
    /// one for Prometheus, make a `Prometheus` of its handle with `from`.
    ///
    /// ```
    /// use dbop::prometheus::Prometheus;
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    ///
    /// let handle = PrometheusBuilder::new().install_recorder().unwrap();
    /// assert!(Prometheus::install().is_err());
    /// assert!(Prometheus::installed().is_none());
    /// let prometheus = Prometheus::from(handle);
    /// # let _ = prometheus;
    /// ```
    pub fn install() -> Result<Self> {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prometheus) = &*installed {
            return Ok(prometheus.clone());
        }
        let handle = Self::builder().install_recorder().map_err(|_| {
            Error::programming(
                ErrorKind::Configuration,
                "the process has a recorder of the crate `metrics` already; if that is one for \
                 Prometheus, use `Prometheus::from(handle)` with its `PrometheusHandle`, and \
                 otherwise export dbop's metrics by that recorder",
            )
        })?;
        let prometheus = Self::from(handle);
        *installed = Some(prometheus.clone());
        Ok(prometheus)
    }

    /// Returns what [`install`](Self::install) has returned. `None` if it was not called, or has
    /// failed.
    #[must_use]
    pub fn installed() -> Option<Self> {
        let installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        installed.clone()
    }

    /// Returns a builder with the settings of [`install`](Self::install): buckets for dbop's
    /// histograms, and names with units, as Prometheus recommends them and OpenTelemetry's exporters
    /// write them. An application adds its own.
    ///
    /// ```
    /// use dbop::prometheus::Prometheus;
    ///
    /// # fn example() -> Result<(), metrics_exporter_prometheus::BuildError> {
    /// let builder = Prometheus::builder().add_global_label("service", "bank");
    /// let prometheus = Prometheus::from(builder.install_recorder()?);
    /// # let _ = prometheus;
    /// # Ok(())
    /// # }
    /// # example().unwrap();
    /// ```
    #[must_use]
    pub fn builder() -> PrometheusBuilder {
        let builder = PrometheusBuilder::new().with_recommended_naming(true);
        HISTOGRAMS.iter().fold(builder, |builder, name| {
            let matcher = Matcher::Full((*name).to_owned());
            let with_buckets = builder.set_buckets_for_metric(matcher, &BUCKETS);
            with_buckets.expect("there are buckets")
        })
    }

    /// Returns the text, in the format that Prometheus calls its text-based exposition format, version
    /// 0.0.4. The numbers of the pools are those of this moment.
    #[must_use]
    pub fn render(&self) -> String {
        observe_pools();
        self.0.render()
    }
}

/// Renders what a recorder of the application's own has recorded.
impl From<PrometheusHandle> for Prometheus {
    fn from(handle: PrometheusHandle) -> Self {
        let handle = Arc::new(handle);
        drop(background().spawn(keep_up(Arc::downgrade(&handle))));
        Self(handle)
    }
}

/// Puts what was recorded into its buckets from time to time, until nobody renders it any more.
async fn keep_up(handle: Weak<PrometheusHandle>) {
    loop {
        sleep(EVERY).await;
        match handle.upgrade() {
            Some(handle) => handle.run_upkeep(),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn values_are_put_into_buckets_for_as_long_as_somebody_may_render_them() {
        let recorder = Prometheus::builder().build_recorder();
        let prometheus = Arc::new(recorder.handle());
        let mut keeping = std::pin::pin!(keep_up(Arc::downgrade(&prometheus)));
        let minute = std::time::Duration::from_secs(60);
        let early = tokio::time::timeout(minute, keeping.as_mut()).await;
        early.expect_err("somebody may render them");
        drop(prometheus);
        let ended = tokio::time::timeout(minute, keeping).await;
        ended.expect("nobody can render them any more");
    }
}
