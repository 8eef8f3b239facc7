//! What a `once` operation meets if the feature `once` is off: one error that says so.

use crate::error::Result;
use crate::op::OpResult;

/// Implemented for nothing.
#[diagnostic::on_unimplemented(
    message = "the option `once` needs dbop's feature `once`",
    label = "the feature `once` is off",
    note = "the feature is on by default; where dbop has `default-features = false`, add `once` to its `features`"
)]
pub trait FeatureOnce {}

/// Stands for the key of a `once` operation.
#[derive(Debug)]
pub enum OnceKey {}

impl OnceKey {
    /// Cannot be called.
    pub fn named<K: FeatureOnce + ?Sized>(_: &K) -> Self {
        unreachable!("nothing has the trait")
    }

    /// Cannot be called.
    pub fn new<K: FeatureOnce + ?Sized>(_: &str, _: &str, _: &K) -> Self {
        unreachable!("nothing has the trait")
    }

    /// Takes any argument, so that the missing feature is the only error.
    #[must_use]
    pub fn with<T: ?Sized>(self, _: &str, _: &T) -> Self {
        self
    }

    pub(super) fn finish(self) -> Result<(String, String)> {
        match self {}
    }
}

/// Any result of an operation, so that the missing feature is the only error.
pub trait OnceResult: OpResult {
    /// Cannot be called: there is no key.
    fn encode(&self) -> Option<Result<String>> {
        None
    }

    /// Cannot be called: there is no key.
    fn decode(_: &str) -> Result<Self> {
        unreachable!("a call without a key stores nothing")
    }
}

impl<T: OpResult> OnceResult for T {}
