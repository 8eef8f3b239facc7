//! Finds the session parameter: a session of dbop or a connection of sqlx in an async function
//! ([`awaited`]), a connection of a synchronous driver in a plain one ([`plain`]).

pub(super) mod awaited;
pub(super) mod plain;

pub(crate) use awaited::names_session;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{FnArg, Ident, Pat, PatType, Path, Signature, Type};

use super::executor::Executor;
use super::lookalike::{self, Lookalike};
use super::types;
use crate::errors::Errors;
use crate::names;
use crate::options::{Attribute, Callers, Options};

/// The parameter whose type callers do not see.
pub(crate) struct Session {
    /// The place among all parameters, the receiver included.
    pub(crate) index: usize,
    /// The name in the signature.
    pub(crate) name: Ident,
    pub(crate) parameter: PatType,
    /// The tokens of the database type `DB`, or of the connection type of a plain function.
    pub(crate) database: TokenStream,
    pub(crate) callers: Callers,
    /// The type parameter that stands for what callers pass; `None` if it has no name.
    pub(crate) generic: Option<Ident>,
    /// The traits that the user has named, whose imports would be unused now.
    pub(crate) traits: Vec<Path>,
    /// What the user has written for the type, and what of it stands in bounds.
    written: TokenStream,
}

impl Session {
    fn new(candidate: Candidate<'_>, database: TokenStream) -> Session {
        let parameter = candidate.parameter;
        let name = match &*parameter.pat {
            Pat::Ident(pattern) => pattern.ident.clone(),
            _ => names::unnamed_session(),
        };
        Session {
            index: candidate.index,
            name,
            parameter: parameter.clone(),
            database,
            callers: Callers::Scope,
            generic: None,
            traits: Vec::new(),
            written: parameter.ty.to_token_stream(),
        }
    }

    /// Notes that the parameter was written as any executor.
    fn was(mut self, executor: Executor) -> Session {
        self.callers = executor.callers;
        self.generic = executor.generic;
        self.traits = executor.traits;
        self.written = executor.written;
        self
    }

    /// Lets callers pass what the options ask for.
    pub(super) fn with_callers(mut self, options: &Options) -> Session {
        if self.callers == Callers::Optional {
            return self;
        }
        if options.db.is_some() {
            self.callers = Callers::Nothing;
        } else if let Some(asked) = &options.callers {
            self.callers = asked.value;
        }
        self
    }

    /// Returns what leaves the signature with the session. The `&'a mut` that callers still see
    /// stays.
    pub(super) fn left(&self) -> TokenStream {
        match (self.callers, types::reference(&self.parameter.ty)) {
            (Callers::Place, Some((inner, _))) if self.generic.is_none() => inner.to_token_stream(),
            (Callers::Optional, _) => TokenStream::new(),
            _ => self.written.clone(),
        }
    }

    /// Returns whether the body was written to begin transactions of its own: on an `impl Acquire` or on
    /// the driver's connection.
    pub(crate) fn lets_body_begin(&self) -> bool {
        let is_acquire = |path: &Path| path.segments.last().is_some_and(|it| it.ident == "Acquire");
        let is_optional = self.callers == Callers::Optional;
        self.may_be_raw() && !is_optional || self.traits.iter().any(is_acquire)
    }

    /// Returns whether the body gets a connection of the driver, or a type that may stand for one.
    pub(crate) fn may_be_raw(&self) -> bool {
        !awaited::is_of_dbop(&self.parameter.ty)
    }
}

/// A parameter that may be the session, with its place among all parameters.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    index: usize,
    parameter: &'a PatType,
}

/// The types that a kind of function takes for its session. If a type is wrong, an implementation
/// reports the type and returns the session all the same: it is clear which parameter was meant, so
/// callers see that parameter as the session.
trait SessionKind {
    /// The word for the session in messages.
    const NOUN: &'static str;

    /// Returns the session in a parameter that is marked `#[session]`.
    fn marked(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session>;

    /// Returns the session in the first parameter after the receiver; `None` if the parameter is
    /// something else.
    fn first(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session>;

    /// Returns the session in a later parameter that is certainly meant as one; `None` if the
    /// parameter is something else.
    fn later(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session>;

    /// Says that `#[transactional]` needs a session, and how to write one in the function `name`.
    fn missing(&self, name: &Ident, receiver: &str, lookalike: Option<&Lookalike>) -> String;
}

/// Finds the session parameter. Every mistake gets an error that shows the right way to write it.
fn find<K: SessionKind>(
    kind: &K,
    attribute: Attribute,
    signature: &Signature,
    body: &TokenStream,
    marks: &[(usize, syn::Attribute)],
    errors: &mut Errors,
) -> Option<Session> {
    let noun = K::NOUN;
    for (_, again) in marks.iter().skip(1) {
        errors.on(
            again,
            format!("only one parameter can be the {noun}; remove this `#[session]`"),
        );
    }
    let mut candidates = candidates(signature);
    if let Some((index, mark)) = marks.first() {
        let Some(candidate) = candidates.find(|candidate| candidate.index == *index) else {
            errors.on(mark, format!("a receiver cannot be the {noun}; mark a parameter, or write `db = self.field` in the attribute"));
            return None;
        };
        return kind.marked(candidate, errors);
    }
    let first = candidates.next();
    if let Some(session) = first.and_then(|first| kind.first(first, errors)) {
        return Some(session);
    }
    let later = candidates.find_map(|candidate| kind.later(candidate, errors));
    if later.is_some() {
        return later;
    }
    // `#[db_op]` needs no session.
    if attribute == Attribute::Transactional {
        let name = &signature.ident;
        let receiver = signature.receiver().map_or("", |_| "&self, ");
        let lookalike = lookalike::find(attribute, signature, body);
        let message = kind.missing(name, receiver, lookalike.as_ref());
        let place = lookalike.map_or_else(|| name.to_token_stream(), |found| found.place);
        errors.on(place, message);
    }
    None
}

/// Returns the parameters that are not the receiver.
fn candidates(signature: &Signature) -> impl Iterator<Item = Candidate<'_>> {
    let inputs = signature.inputs.iter().enumerate();
    inputs.filter_map(|(index, input)| match input {
        FnArg::Typed(parameter) => Some(Candidate { index, parameter }),
        FnArg::Receiver(_) => None,
    })
}

/// Writes a type as a person would. Token streams print with spaces around everything.
fn written(ty: &Type) -> String {
    ty.to_token_stream()
        .to_string()
        .replace(" < ", "<")
        .replace(" <", "<")
        .replace("< ", "<")
        .replace(" >", ">")
        .replace(" ,", ",")
        .replace(" :: ", "::")
        .replace("& ", "&")
}
