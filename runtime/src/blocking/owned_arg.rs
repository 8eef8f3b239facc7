//! Arguments and results of a body that runs on another thread.

use std::borrow::Borrow;

/// A value that can be handed to another thread and outlive the call: everything that is
/// `Send + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross to the blocking pool, where the body of a plain `fn` runs",
    label = "not `Send + 'static`",
    note = "take and return owned values that are `Send`; a type parameter or `impl Trait` needs the bounds `Send + 'static`, and `Clone` unless the operation says `retry = never`"
)]
pub trait Crosses: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Crosses for T {}

/// A type whose references can be lent to another thread as a copy: `&str` as a `String`, `&[T]` as
/// a `Vec<T>`, and `&T` as a clone of the `T`.
#[diagnostic::on_unimplemented(
    message = "`&{Self}` cannot cross to the blocking pool, where the body of a plain `fn` runs",
    label = "no copy of `{Self}` can be made there",
    note = "a copy needs `Clone + Send + 'static`: derive or require them for `{Self}` and what it consists of, or share it, as in `&Arc<T>` and `self: &Arc<Self>`"
)]
pub trait Lent {
    /// Makes the copy.
    fn own(&self) -> OwnedArg<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned: Send + 'static> + ?Sized + 'static> Lent for T {
    fn own(&self) -> OwnedArg<T> {
        OwnedArg(Box::new(OwnedCopy::<T>(self.to_owned())))
    }
}

/// The copy of a borrowed argument.
///
/// The type has no bounds and names only the type that was borrowed. If that type cannot be copied,
/// the compiler therefore reports one error, where the copy is made, and none for each use of the
/// copy.
#[expect(missing_debug_implementations, reason = "holds what an argument was")]
pub struct OwnedArg<T: ?Sized>(Box<dyn Held<T>>);

trait Held<T: ?Sized>: Send {
    fn lend(&self) -> &T;

    /// Makes another copy, for another attempt.
    fn again(&self) -> OwnedArg<T>;
}

struct OwnedCopy<T: ToOwned + ?Sized>(T::Owned);

impl<T: ToOwned<Owned: Send + 'static> + ?Sized + 'static> Held<T> for OwnedCopy<T> {
    fn lend(&self) -> &T {
        self.0.borrow()
    }

    fn again(&self) -> OwnedArg<T> {
        self.lend().own()
    }
}

impl<T: ?Sized> Clone for OwnedArg<T> {
    fn clone(&self) -> Self {
        self.0.again()
    }
}

/// Passes on an argument that the caller gives away, and checks that the argument can cross to
/// another thread.
pub fn sent<T: Crosses>(argument: T) -> T {
    argument
}

/// Copies a borrowed argument.
pub fn own<T: Lent + ?Sized>(argument: &T) -> OwnedArg<T> {
    argument.own()
}

/// Like [`own`], for an optional argument.
pub fn own_option<T: Lent + ?Sized>(argument: Option<&T>) -> Option<OwnedArg<T>> {
    argument.map(own)
}

/// Like [`own`], for a slice of references.
pub fn own_each<T: Lent + ?Sized>(arguments: &[&T]) -> Vec<OwnedArg<T>> {
    arguments.iter().map(|argument| own(*argument)).collect()
}

/// Lends a copy to the body.
pub fn lend_owned<T: ?Sized>(owned: &OwnedArg<T>) -> &T {
    owned.0.lend()
}

/// Like [`lend_owned`], for an optional argument.
pub fn lend_option<T: ?Sized>(owned: &Option<OwnedArg<T>>) -> Option<&T> {
    owned.as_ref().map(lend_owned)
}

/// Like [`lend_owned`], for a slice of references.
pub fn lend_each<T: ?Sized>(owned: &[OwnedArg<T>]) -> Vec<&T> {
    owned.iter().map(lend_owned).collect()
}
