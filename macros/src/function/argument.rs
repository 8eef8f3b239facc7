//! The parameters that are not the session.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Pat, PatType};

use super::types;
use crate::names;

/// A parameter that is not the session.
pub(crate) struct Argument {
    /// The place among all parameters, the receiver included.
    pub(crate) index: usize,
    /// The name in the signature. The name is the user's, unless the pattern has none.
    pub(crate) name: Ident,
    pub(crate) parameter: PatType,
}

impl Argument {
    pub(super) fn new(index: usize, parameter: &PatType) -> Argument {
        let name = match &*parameter.pat {
            Pat::Ident(pattern) if pattern.subpat.is_none() => pattern.ident.clone(),
            _ => names::parameter(index),
        };
        Argument {
            index,
            name,
            parameter: parameter.clone(),
        }
    }

    /// Returns whether the user named the argument.
    pub(crate) fn is_named(&self) -> bool {
        matches!(&*self.parameter.pat, Pat::Ident(pattern) if pattern.subpat.is_none())
    }

    pub(crate) fn is_mutable_reference(&self) -> bool {
        types::reference(&self.parameter.ty).is_some_and(|(_, mutable)| mutable)
    }

    /// Returns whether the argument is a transaction or a connection of sqlx's that the caller goes
    /// on with, or an alias that has the name of a transaction.
    pub(crate) fn is_lent(&self) -> bool {
        const ENDINGS: [&str; 4] = ["Transaction", "Trx", "Tx", "Txn"];
        let lent = types::reference(&self.parameter.ty).filter(|(_, mutable)| *mutable);
        let word = lent.and_then(|(inner, _)| types::last_segment(inner));
        word.is_some_and(|word| {
            let name = word.ident.to_string();
            name == "PoolConnection" || ENDINGS.iter().any(|ending| name.ends_with(ending))
        })
    }

    /// Returns whether the argument is `name: &T`, which the body cannot make refer to another
    /// value.
    pub(crate) fn is_unchanging_reference(&self) -> bool {
        let plain = matches!(&*self.parameter.pat, Pat::Ident(pattern)
            if pattern.mutability.is_none() && pattern.by_ref.is_none() && pattern.subpat.is_none());
        plain && types::reference(&self.parameter.ty).is_some_and(|(_, mutable)| !mutable)
    }

    /// Returns the part of generated names that tells this argument from all others: the user's
    /// name, or the place of the argument. No name begins with a digit, so the two cannot meet.
    pub(crate) fn label(&self) -> String {
        if self.is_named() {
            self.name.unraw().to_string()
        } else {
            self.index.to_string()
        }
    }

    /// Returns every name in the pattern.
    pub(crate) fn bindings(&self) -> Vec<Ident> {
        struct Bindings(Vec<Ident>);
        impl VisitMut for Bindings {
            fn visit_pat_ident_mut(&mut self, pattern: &mut syn::PatIdent) {
                self.0.push(pattern.ident.clone());
                visit_mut::visit_pat_ident_mut(self, pattern);
            }
        }
        let mut bindings = Bindings(Vec::new());
        bindings.visit_pat_mut(&mut self.parameter.pat.clone());
        bindings.0
    }
}

/// Returns the attributes that decide whether a parameter exists at all.
pub(crate) fn cfgs(parameter: &PatType) -> impl Iterator<Item = &Attribute> {
    parameter
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
}

/// Returns whether the attribute sets the level of lints of rustc. On a parameter, such an
/// attribute is about the user's binding of the parameter.
pub(crate) fn is_lint_level(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"]
        .iter()
        .any(|level| attribute.path().is_ident(level))
}
