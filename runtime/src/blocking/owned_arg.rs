//! Arguments and results of a body that runs on another thread.

use std::borrow::Borrow;

/// What can be handed to another thread and outlive the call: everything `Send + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross to the blocking pool, where the body of a plain `fn` runs",
    label = "not `Send + 'static`",
    note = "take and return owned values that are `Send`; a type parameter or `impl Trait` needs the bounds `Send + 'static`, and `Clone` unless the operation says `retry = never`"
)]
pub trait Crosses: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Crosses for T {}

/// What can be lent to another thread as a copy: `&str` as a `String`, `&[T]` as a `Vec<T>`, `&T` as
/// a `T` that is `Clone`.
#[diagnostic::on_unimplemented(
    message = "`&{Self}` cannot cross to the blocking pool, where the body of a plain `fn` runs",
    label = "no copy of `{Self}` can be made there",
    note = "a copy needs `Clone + Send + 'static`: derive or require them for `{Self}` and what it consists of, or share it, as in `&Arc<T>` and `self: &Arc<Self>`"
)]
pub trait Lent {
    #[doc(hidden)]
    fn own(&self) -> OwnedArg<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned: Send + 'static> + ?Sized + 'static> Lent for T {
    fn own(&self) -> OwnedArg<T> {
        OwnedArg(Box::new(Copied::<T>(self.to_owned())))
    }
}

/// The copy of a borrowed argument.
///
/// It names no more than what was borrowed, and asks nothing of that. So a type of which no copy can
/// be made is one error, and what is done with the copy makes no more of them.
#[expect(missing_debug_implementations, reason = "holds what an argument was")]
pub struct OwnedArg<T: ?Sized>(Box<dyn Held<T>>);

trait Held<T: ?Sized>: Send {
    fn lend(&self) -> &T;

    fn again(&self) -> OwnedArg<T>;
}

struct Copied<T: ToOwned + ?Sized>(T::Owned);

impl<T: ToOwned<Owned: Send + 'static> + ?Sized + 'static> Held<T> for Copied<T> {
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

/// An argument that was given away by the caller.
pub fn sent<T: Crosses>(argument: T) -> T {
    argument
}

/// The copy of a borrowed argument.
pub fn own<T: Lent + ?Sized>(argument: &T) -> OwnedArg<T> {
    argument.own()
}

/// The same of an argument that may be missing.
pub fn own_option<T: Lent + ?Sized>(argument: Option<&T>) -> Option<OwnedArg<T>> {
    argument.map(own)
}

/// The same of several.
pub fn own_each<T: Lent + ?Sized>(arguments: &[&T]) -> Vec<OwnedArg<T>> {
    arguments.iter().map(|argument| own(*argument)).collect()
}

/// What the body borrows.
pub fn lend_owned<T: ?Sized>(owned: &OwnedArg<T>) -> &T {
    owned.0.lend()
}

/// The same of an argument that may be missing.
pub fn lend_option<T: ?Sized>(owned: &Option<OwnedArg<T>>) -> Option<&T> {
    owned.as_ref().map(lend_owned)
}

/// The same of several.
pub fn lend_each<T: ?Sized>(owned: &[OwnedArg<T>]) -> Vec<&T> {
    owned.iter().map(lend_owned).collect()
}
