//! What a call in chunks meets if the feature `once` is off: no call can be resumed.

use crate::backend::KnownDatabase;
use crate::error::Result;
use crate::once::OnceKey;

/// Stands for the position of a call. There is none.
#[derive(Debug)]
pub enum Resumable<T> {
    #[doc(hidden)]
    Never(std::convert::Infallible, std::marker::PhantomData<T>),
}
