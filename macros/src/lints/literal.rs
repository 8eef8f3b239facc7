//! A string literal in a body, and the statements in it when it is read as SQL.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::LitStr;

use crate::sql::{self, Dialect, Statement, TextForm};

/// The statements that a text or a chain of calls contains.
pub(super) struct Sql {
    /// The literal with the text, or the call that builds the statement.
    pub(super) place: TokenStream,
    pub(super) point: Span,
    pub(super) statements: Vec<Statement>,
    /// Whether the statements run on the session; `None` if the code does not show it.
    pub(super) on_session: Option<bool>,
    /// Whether calls build the statement, which is then not written as text.
    pub(super) is_built: bool,
    /// Whether the text is for one of the databases of the function.
    pub(super) is_for_one: bool,
}

/// A string literal, and how much the literal says about the whole text.
#[derive(Clone)]
pub(super) struct Literal {
    pub(super) literal: LitStr,
    pub(super) form: TextForm,
    /// The database that the text is for, if the place of the text says that.
    pub(super) dialect: Option<Dialect>,
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form
            && self.dialect == other.dialect
            && self.literal.value() == other.literal.value()
    }
}

impl Literal {
    pub(super) fn whole(literal: &LitStr) -> Literal {
        Literal {
            literal: literal.clone(),
            form: TextForm::Whole,
            dialect: None,
        }
    }

    /// Notes that the text is for this database.
    pub(super) fn of(mut self, dialect: Dialect) -> Literal {
        self.dialect = Some(dialect);
        self
    }

    /// Marks the literal as the beginning of a longer text.
    pub(super) fn and_more(mut self) -> Literal {
        if self.form == TextForm::Whole {
            self.form = TextForm::Beginning;
        }
        self
    }

    pub(super) fn read(&self, on_session: Option<bool>, dialect: Dialect) -> Sql {
        // Another session may belong to another database.
        let dialect = match (self.dialect, on_session) {
            (Some(own), _) => own,
            (None, Some(false)) => Dialect::Unknown,
            (None, _) => dialect,
        };
        Sql {
            place: self.literal.to_token_stream(),
            point: self.literal.span(),
            statements: sql::read(&self.literal.value(), self.form, dialect),
            on_session,
            is_built: false,
            is_for_one: self.dialect.is_some(),
        }
    }
}
