//! Finds mistakes that compile. Every lint has a file of its own.
//!
//! [`walk`] goes through the body once, and asks the [`Pass`] of every lint about each thing that
//! it meets. [`names`] knows which variables stand for the session. [`text`] and [`built`] find the
//! SQL. [`api`] tells the calls of async functions from the calls of plain ones. [`levels`] keeps
//! what the user said about each lint. A lint says what it looks for and with which words it
//! reports; the same words make its page in the documentation ([`pages`]).

mod api;
mod built;
mod calls;
mod levels;
mod lift;
mod literal;
mod names;
pub(crate) mod pages;
mod parts;
mod placeholder;
mod report;
mod results;
mod site;
mod strip;
mod text;
mod waits;
mod walk;

mod blocking_call;
mod detached_task;
mod foreign_await;
mod manual_transaction;
mod no_session;
mod query_in_loop;
mod retry_without_idempotence;
mod session_state;
mod swallowed_error;
mod unfiltered_write;
mod unreplayable_argument;
mod write_in_read_only;

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::{Block, Expr, Local, Macro};

use crate::errors::Errors;
use crate::function::Function;
use crate::lint_attributes::{self, Level};
use crate::options::{Attribute, Options};
use levels::Levels;
use literal::Sql;
use parts::Parts;
use site::Site;

/// A lint, with the words that a user reads about it.
pub(crate) struct Lint {
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    /// What the lint finds, in one line.
    pub(crate) finds: &'static str,
    /// The message: what is wrong, and what harm it does. `{session}` stands for the name of the
    /// session parameter.
    message: &'static str,
    /// The advice: what to write instead.
    help: &'static str,
    /// The background of the message, for the page of the lint.
    why: &'static str,
    /// Code that the lint rejects, and code that does the same in the right way. Lines that start
    /// with `# ` are hidden on the page.
    bad: &'static str,
    good: &'static str,
    /// Returns the pass that looks for the mistake in this function; `None` if the function cannot
    /// have the mistake.
    pass: fn(&Subject<'_>) -> Option<Box<dyn Pass>>,
}

impl Lint {
    /// Whether the lint has a meaning for the body of a function that is no operation on a database.
    fn looks_at_any_body(&self) -> bool {
        let any = [&blocking_call::LINT, &unreplayable_argument::LINT];
        any.iter().any(|lint| lint.name == self.name)
    }
}

/// All lints, in the order of the documentation.
pub(crate) static LINTS: [&Lint; lint_attributes::NAMES.len()] = [
    &foreign_await::LINT,
    &blocking_call::LINT,
    &detached_task::LINT,
    &swallowed_error::LINT,
    &unreplayable_argument::LINT,
    &write_in_read_only::LINT,
    &unfiltered_write::LINT,
    &query_in_loop::LINT,
    &retry_without_idempotence::LINT,
    &manual_transaction::LINT,
    &session_state::LINT,
    &no_session::LINT,
];

/// The function that the lints look at.
pub(crate) struct Subject<'a> {
    pub(crate) attribute: Attribute,
    pub(crate) function: &'a Function,
    pub(crate) options: &'a Options,
}

impl Subject<'_> {
    fn is_transaction(&self) -> bool {
        self.attribute == Attribute::Transactional
    }

    fn has_session(&self) -> bool {
        self.function.session.is_some()
    }
}

/// The search for one lint in one function.
trait Pass {
    /// Looks at the signature, before the body.
    fn signature(&mut self, _subject: &Subject<'_>, _site: &mut Site) {}
    /// Looks at an expression, after everything inside of the expression. The methods below are
    /// called in the same order.
    fn expression(&mut self, _expression: &Expr, _site: &mut Site) {}
    fn binding(&mut self, _local: &Local, _site: &mut Site) {}
    fn macro_call(&mut self, _call: &Macro, _parts: &Parts, _site: &mut Site) {}
    fn sql(&mut self, _sql: &Sql, _site: &mut Site) {}
}

/// Looks for every lint in the function. Adds errors to `errors`, and returns warnings as tokens
/// for the beginning of the new body. Removes the attributes that set levels from the body.
pub(crate) fn check(
    attribute: Attribute,
    function: &mut Function,
    options: &Options,
    errors: &mut Errors,
) -> TokenStream {
    let levels = Levels::of_function(&function.source.levels, options, errors);
    let subject = Subject {
        attribute,
        function,
        options,
    };
    // A transaction that has no session is a mistake, and what the body does depends on its cure.
    let is_readable = subject.has_session() || !subject.is_transaction();
    let is_asked = |lint: &&&Lint| attribute != Attribute::Guarded || lint.looks_at_any_body();
    let lints = LINTS.iter().filter(|_| is_readable).filter(is_asked);
    let passes = lints.filter_map(|lint| (lint.pass)(&subject));
    let passes = passes.chain(placeholder::pass(&subject));
    // rustc reports a body that does not parse.
    let mut body = Block::parse_within.parse2(function.block.stream()).ok();
    let has_levels = strip::has_levels(function.block.stream());
    if let Some(body) = body.as_mut().filter(|_| has_levels) {
        lift::lift(body);
    }
    let reports = walk::walk(&subject, body.as_deref(), passes.collect(), levels);
    if has_levels {
        function.block = strip::without_levels(&function.block);
    }
    reports.finish(errors)
}

#[cfg(test)]
mod tests;
