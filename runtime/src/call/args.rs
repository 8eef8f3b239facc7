//! Arguments of a body that may run more than once.

/// An argument of the body, kept for all attempts.
#[derive(Debug)]
pub struct Arg<T>(Option<T>);

impl<T> Arg<T> {
    /// Keeps the caller's value.
    pub const fn new(value: T) -> Self {
        Self(Some(value))
    }
}

/// An argument that can be handed to every attempt. Implemented for everything that is `Clone`.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` cannot be replayed when the attempt is retried",
    label = "every attempt needs its own copy of this argument, and `{Self}` is not `Clone`",
    note = "derive or require `Clone` for `{Self}`, take it by reference, or write `retry = never` on the operation"
)]
pub trait Replay: Sized {
    #[doc(hidden)]
    fn replay(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Replay for T {
    fn replay(&self) -> Self {
        self.clone()
    }
}

/// Whether another attempt may follow.
pub trait Attempted {
    #[doc(hidden)]
    fn is_last(&self) -> bool;
}

/// Returns the argument for this attempt: a clone, or the caller's value itself if no attempt can
/// follow.
pub fn replay<T: Replay>(arg: &mut Arg<T>, attempt: &impl Attempted) -> T {
    let value = if attempt.is_last() {
        arg.0.take()
    } else {
        arg.0.as_ref().map(Replay::replay)
    };
    value.expect("no attempt follows the last one")
}
