//! A string literal in a body, and what it says when it is read as SQL.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::LitStr;

use crate::sql::{self, Dialect, Statement, TextForm};

/// What is known of SQL in a body.
pub(super) struct Sql {
    /// The literal that it was read in, or the call that builds it.
    pub(super) place: TokenStream,
    pub(super) point: Span,
    pub(super) statements: Vec<Statement>,
    /// Whether it runs on the session, where that can be seen.
    pub(super) on_session: Option<bool>,
    /// Whether it is built by calls, and not written as text.
    pub(super) is_built: bool,
}

/// A string literal, and how much it says of the text it becomes.
#[derive(Clone)]
pub(super) struct Literal {
    pub(super) literal: LitStr,
    pub(super) form: TextForm,
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form && self.literal.value() == other.literal.value()
    }
}

impl Literal {
    pub(super) fn whole(literal: &LitStr) -> Literal {
        Literal {
            literal: literal.clone(),
            form: TextForm::Whole,
        }
    }

    /// The same, of which only the beginning is known.
    pub(super) fn and_more(mut self) -> Literal {
        if self.form == TextForm::Whole {
            self.form = TextForm::Beginning;
        }
        self
    }

    pub(super) fn read(&self, on_session: Option<bool>, dialect: Dialect) -> Sql {
        // Another session may be one of another database.
        let dialect = match on_session {
            Some(false) => Dialect::Unknown,
            _ => dialect,
        };
        Sql {
            place: self.literal.to_token_stream(),
            point: self.literal.span(),
            statements: sql::read(&self.literal.value(), self.form, dialect),
            on_session,
            is_built: false,
        }
    }
}
