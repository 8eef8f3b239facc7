//! Reads back what dbop tells a recorder of the crate `metrics`.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// What one metric with one set of labels was told since it was last read.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    /// The unit, such as `seconds`.
    pub unit: Option<&'static str>,
    pub labels: BTreeMap<String, String>,
    pub value: Value,
}

/// The value of a [`Series`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Counter(u64),
    Gauge(f64),
    Histogram(Vec<f64>),
}

/// Reads what a recorder was told.
#[derive(Debug)]
pub struct Reader(Snapshotter);

impl Reader {
    #[must_use]
    pub fn of(recorder: &DebuggingRecorder) -> Self {
        Self(recorder.snapshotter())
    }

    /// Returns what was told since this was last called.
    #[must_use]
    pub fn read(&self) -> Told {
        let all = self.0.snapshot().into_vec().into_iter();
        let series = all.map(|(key, unit, _, value)| {
            let key = key.key();
            let labels = key.labels();
            Series {
                name: key.name().to_owned(),
                unit: unit.map(|unit| unit.as_str()),
                labels: labels
                    .map(|label| (label.key().to_owned(), label.value().to_owned()))
                    .collect(),
                value: match value {
                    DebugValue::Counter(count) => Value::Counter(count),
                    DebugValue::Gauge(value) => Value::Gauge(value.0),
                    DebugValue::Histogram(values) => {
                        Value::Histogram(values.into_iter().map(|value| value.0).collect())
                    }
                },
            }
        });
        Told(series.collect())
    }
}

/// What a recorder was told.
#[derive(Debug)]
pub struct Told(pub Vec<Series>);

impl Told {
    /// Returns the series of a metric that have these labels, beside others.
    #[must_use]
    pub fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Series> {
        let has = |series: &Series, (key, value): &(&str, &str)| {
            series.labels.get(*key).is_some_and(|found| found == value)
        };
        let all = self.0.iter().filter(|series| series.name == name);
        all.filter(|series| labels.iter().all(|label| has(series, label)))
            .collect()
    }

    /// Returns the one series of a metric that has these labels, beside others.
    ///
    /// # Panics
    ///
    /// If there is none, or are several.
    #[must_use]
    #[track_caller]
    pub fn one(&self, name: &str, labels: &[(&str, &str)]) -> &Series {
        match &self.all(name, labels)[..] {
            [series] => series,
            found => panic!("{name} {labels:?}: {found:#?} of {:#?}", self.0),
        }
    }

    /// Returns the values of a histogram.
    ///
    /// # Panics
    ///
    /// If there is no such histogram, or are several.
    #[must_use]
    #[track_caller]
    pub fn values(&self, name: &str, labels: &[(&str, &str)]) -> &[f64] {
        match &self.one(name, labels).value {
            Value::Histogram(values) => values,
            other => panic!("{name} is no histogram: {other:?}"),
        }
    }

    /// Returns the value of a counter; 0 if there is none.
    ///
    /// # Panics
    ///
    /// If there are several.
    #[must_use]
    #[track_caller]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        match &self.all(name, labels)[..] {
            [] => 0,
            [series] => match series.value {
                Value::Counter(count) => count,
                ref other => panic!("{name} is no counter: {other:?}"),
            },
            found => panic!("{name} {labels:?}: {found:#?}"),
        }
    }

    /// Returns the value of a gauge.
    ///
    /// # Panics
    ///
    /// If there is no such gauge, or are several.
    #[must_use]
    #[track_caller]
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        match self.one(name, labels).value {
            Value::Gauge(value) => value,
            ref other => panic!("{name} is no gauge: {other:?}"),
        }
    }
}
