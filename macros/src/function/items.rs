//! The items of a function in chunks: the slice that the body gets a part of.

use syn::Type;

use super::{Argument, Function, types};

/// The parameter `items: &[T]`.
pub(crate) struct Items<'f> {
    pub(crate) argument: &'f Argument,
    /// The type of an item.
    pub(crate) item: &'f Type,
}

impl Function {
    /// Returns the items: the slice among the arguments, or the one that is marked `#[items]` or named
    /// `items` if there are several. `None` if that is no single one.
    pub(crate) fn items(&self) -> Option<Items<'_>> {
        let marks = &self.source.item_marks;
        let slices = || {
            let arguments = self.arguments.iter();
            arguments.filter_map(|argument| {
                let item = types::slice(&argument.parameter.ty)?;
                Some(Items { argument, item })
            })
        };
        if let Some((marked, _)) = marks.first() {
            return slices().find(|items| items.argument.index == *marked);
        }
        let mut found = slices();
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => slices().find(|items| items.argument.name == "items"),
        }
    }
}

impl Items<'_> {
    /// Returns whether the argument is this one.
    pub(crate) fn is(&self, argument: &Argument) -> bool {
        self.argument.index == argument.index
    }
}
