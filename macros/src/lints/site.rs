//! What is known about the place that the walk has reached, and the reports that are made there.

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::Type;

use super::api::Api;
use super::calls::is_any;
use super::levels::Levels;
use super::literal::Sql;
use super::names::{Is, Names};
use super::report::{Finding, Reports, without_attributes};
use super::{Lint, Subject, text, waits};
use crate::function::types;
use crate::lint_attributes::Level;
use crate::sql::Dialect;

/// When and where a piece of code runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Runs {
    /// In the body, while the session is open.
    Here,
    /// In a hook, or in a future that nobody is seen to await.
    Later,
    /// On a thread that may block.
    OnOtherThread,
}

/// The innermost loop around a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repeats {
    Not,
    /// Once for each of many values.
    Each,
    /// Once for each chunk of many values.
    EachChunk,
    /// `loop` and `while`: until a condition holds.
    Until,
}

/// What the code does with a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Around {
    Awaited,
    /// The value is the receiver of this method.
    Receiver(Ident),
    /// `let Some(..) = value else { .. }`
    LetElse,
    Anything,
}

pub(super) struct Site {
    pub(super) names: Names,
    /// The dialect of texts that run on the session.
    pub(super) dialect: Dialect,
    pub(super) runs: Runs,
    pub(super) repeats: Repeats,
    /// What each expression around this one does with its operand, the innermost last.
    pub(super) around: Vec<Around>,
    /// Whether the expression is a statement `expression;`, whose value nobody gets.
    pub(super) is_discarded: bool,
    /// The name of the session parameter, or of what the caller has lent in its place; `None` if
    /// there is none.
    session: Option<Ident>,
    pub(super) levels: Levels,
    reports: Reports,
}

impl Site {
    /// Returns the site at the beginning of the body.
    pub(super) fn new(subject: &Subject<'_>, levels: Levels) -> Site {
        let mut names = Names::new(Api::of(subject.function));
        names.open();
        for argument in &subject.function.arguments {
            let is = kind_of_parameter(&argument.parameter.ty);
            names.bind(&argument.parameter.pat, &is);
        }
        let session = subject.function.session.as_ref();
        let session = session.map(|session| (&session.name, &session.parameter));
        let lent = subject.function.lent();
        let session = session.or(lent.map(|lent| (&lent.name, &lent.parameter)));
        if let Some((_, parameter)) = session {
            names.bind(&parameter.pat, &Is::Session);
        }
        Site {
            names,
            dialect: text::dialect(subject),
            runs: Runs::Here,
            repeats: Repeats::Not,
            around: Vec::new(),
            is_discarded: false,
            session: session.map(|(name, _)| name.clone()),
            levels,
            reports: Reports::default(),
        }
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.around.last() == Some(&Around::Awaited)
    }

    /// Returns the library whose calls run the statements of the body.
    pub(super) fn api(&self) -> Api {
        self.names.api
    }

    /// Returns whether the code waits for the work that a call starts: `spawn(f).await`, or in a
    /// plain function `spawn(f).join()`.
    pub(super) fn is_waited_for(&self) -> bool {
        let joined = |around: &Around| matches!(around, Around::Receiver(name) if name == "join");
        self.is_awaited() || self.api().is_plain() && self.around.last().is_some_and(joined)
    }

    /// Returns whether the statement runs with the body, and not certainly on another session.
    pub(super) fn may_be_on_session(&self, sql: &Sql) -> bool {
        self.runs != Runs::Later && sql.on_session != Some(false)
    }

    pub(super) fn is_session_name(&self, ident: &Ident) -> bool {
        self.session.as_ref() == Some(ident)
    }

    pub(super) fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// Reports with the words of the lint. An error underlines `place`, a warning only the token at
    /// `point`. Returns `false` if the level is `allow` or `expect`, so that nothing is reported.
    pub(super) fn report(
        &mut self,
        lint: &'static Lint,
        place: impl ToTokens,
        point: Span,
    ) -> bool {
        self.report_as(lint, place, point, (lint.message, lint.help))
    }

    /// Like [`Site::report`], with other words: the message and the help.
    pub(super) fn report_as(
        &mut self,
        lint: &'static Lint,
        place: impl ToTokens,
        point: Span,
        words: (&str, &str),
    ) -> bool {
        let level = self.levels.of(lint);
        if matches!(level, Level::Allow | Level::Expect) {
            return false;
        }
        let finding = self.finding(lint, place, point, words);
        if level == Level::Warn {
            self.reports.warning(&finding);
        } else {
            self.reports.error(&finding);
        }
        true
    }

    /// Reports a mistake that is none of a lint's.
    pub(super) fn mistake(&mut self, place: impl ToTokens, message: &str) {
        let place = place.into_token_stream();
        let error = syn::Error::new_spanned(place, message);
        self.reports.errors.push(error);
    }

    /// Reports code that could not be compiled, whatever the level is.
    pub(super) fn reject(
        &mut self,
        lint: &'static Lint,
        place: impl ToTokens,
        words: (&str, &str),
    ) {
        let mut finding = self.finding(lint, place, Span::call_site(), words);
        if self.levels.of(lint) != Level::Deny {
            finding.help += "; no lint level can allow this";
        }
        self.reports.error(&finding);
    }

    fn finding(
        &self,
        lint: &'static Lint,
        place: impl ToTokens,
        point: Span,
        (message, help): (&str, &str),
    ) -> Finding {
        let session = self
            .session
            .as_ref()
            .map_or_else(|| "the session".to_owned(), Ident::to_string);
        let worded = |text: &str| text.replace("{session}", &session);
        Finding {
            lint,
            place: without_attributes(place.into_token_stream()),
            point,
            message: worded(message),
            help: worded(help),
        }
    }

    /// Ends the walk, and reports expectations that were not fulfilled if the body was read.
    pub(super) fn finish(mut self, body_was_read: bool) -> Reports {
        self.reports.errors.extend(self.levels.mistakes());
        if body_was_read {
            for expected in self.levels.unfulfilled() {
                self.reports.unfulfilled(expected);
            }
        }
        self.reports
    }
}

/// Returns what a parameter that is not the session stands for, by the name of its type.
fn kind_of_parameter(ty: &Type) -> Is {
    let inner = types::reference(ty).map_or_else(|| types::ungrouped(ty), |(inner, _)| inner);
    // Wrappers, some of which come from web frameworks.
    let around = ["Arc", "Data", "Extension", "State"];
    let inside = around.iter().find_map(|name| types::wrapped(inner, name));
    let inner = inside.unwrap_or(inner);
    let Type::Path(path) = inner else {
        return Is::Plain;
    };
    let words = &path.path.segments;
    let first = words.first().map(|segment| &segment.ident);
    let last = words.last().map(|segment| &segment.ident);
    const POOLS: [&str; 4] = ["Db", "PgPool", "Pool", "SqlitePool"];
    if first.is_some_and(|first| is_any(first, &["diesel", "postgres", "rusqlite"])) {
        Is::Blocking
    } else if waits::is_http_client(&path.path) {
        Is::Remote
    } else if last.is_some_and(|last| is_any(last, &POOLS)) {
        Is::Pool
    } else {
        Is::Plain
    }
}
