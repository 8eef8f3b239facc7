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
    note = "derive or require `Clone + Send + 'static` for `{Self}`, or take an owned value such as an `Arc`"
)]
pub trait Lent {
    /// The copy.
    type Owned: Send + 'static;

    #[doc(hidden)]
    fn own(&self) -> Self::Owned;

    #[doc(hidden)]
    fn lend(owned: &Self::Owned) -> &Self;
}

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned: Send + 'static> + ?Sized> Lent for T {
    type Owned = <T as ToOwned>::Owned;

    fn own(&self) -> Self::Owned {
        self.to_owned()
    }

    fn lend(owned: &Self::Owned) -> &Self {
        owned.borrow()
    }
}

/// An argument that was given away by the caller.
pub fn sent<T: Crosses>(argument: T) -> T {
    argument
}

/// The copy of a borrowed argument.
pub fn own<T: Lent + ?Sized>(argument: &T) -> T::Owned {
    argument.own()
}

/// The same of an argument that may be missing.
pub fn own_option<T: Lent + ?Sized>(argument: Option<&T>) -> Option<T::Owned> {
    argument.map(Lent::own)
}

/// The same of several.
pub fn own_each<T: Lent + ?Sized>(arguments: &[&T]) -> Vec<T::Owned> {
    arguments.iter().map(|argument| argument.own()).collect()
}

/// What the body borrows.
pub fn lend_owned<T: Lent + ?Sized>(owned: &T::Owned) -> &T {
    T::lend(owned)
}

/// The same of an argument that may be missing.
pub fn lend_option<T: Lent + ?Sized>(owned: &Option<T::Owned>) -> Option<&T> {
    owned.as_ref().map(T::lend)
}

/// The same of several.
pub fn lend_each<T: Lent + ?Sized>(owned: &[T::Owned]) -> Vec<&T> {
    owned.iter().map(T::lend).collect()
}
