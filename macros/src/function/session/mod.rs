//! Which parameter is the session: a session of dbop or a connection of sqlx in an async function
//! ([`awaited`]), a connection of a synchronous driver in a plain one ([`plain`]).

pub(super) mod awaited;
pub(super) mod plain;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{FnArg, Ident, Pat, PatType, Signature, Type};

use crate::errors::Errors;
use crate::names;
use crate::options::Attribute;

/// The parameter whose type callers do not see.
pub(crate) struct Session {
    /// Its place among all parameters, the receiver included.
    pub(crate) index: usize,
    /// Its name in the signature.
    pub(crate) name: Ident,
    pub(crate) parameter: PatType,
    /// The tokens of the database type `DB`, or of a plain function's connection.
    pub(crate) database: TokenStream,
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
        }
    }

    /// Whether the body gets the driver's connection, or a type that may stand for it.
    pub(crate) fn may_be_raw(&self) -> bool {
        !awaited::is_of_dbop(&self.parameter.ty)
    }
}

/// A parameter that may be the session, and its place among all parameters.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    index: usize,
    parameter: &'a PatType,
}

/// What each kind of function takes for its session. A type that is wrong is reported and is the
/// session all the same: it is clear which parameter was meant, so callers see it as the session.
trait SessionKind {
    /// What messages call the session.
    const NOUN: &'static str;

    /// The session in a parameter that is marked `#[session]`.
    fn marked(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session>;

    /// The session in the first parameter after the receiver; `None` if it is something else.
    fn first(&self, candidate: Candidate<'_>, errors: &mut Errors) -> Option<Session>;

    /// The session in a later parameter, which is certainly one; `None` if it is something else.
    fn later(&self, candidate: Candidate<'_>) -> Option<Session>;

    /// Says that `#[transactional]` needs a session, and how to write one in the function `name`.
    fn missing(&self, name: &Ident, receiver: &str) -> String;
}

/// Finds the session parameter; every way to get it wrong is an error that shows the right one.
fn find<K: SessionKind>(
    kind: &K,
    attribute: Attribute,
    signature: &Signature,
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
    let later = candidates.find_map(|candidate| Some((candidate, kind.later(candidate)?)));
    if let Some((candidate, session)) = later {
        errors.on(candidate.parameter, format!("the {noun} is the first parameter; move this one to the front, or mark it with `#[session]`"));
        return Some(session);
    }
    // `#[db_op]` needs no session.
    if attribute == Attribute::Transactional {
        let name = &signature.ident;
        let receiver = signature.receiver().map_or("", |_| "&self, ");
        errors.at(name.span(), kind.missing(name, receiver));
    }
    None
}

/// The parameters that are not the receiver.
fn candidates(signature: &Signature) -> impl Iterator<Item = Candidate<'_>> {
    let inputs = signature.inputs.iter().enumerate();
    inputs.filter_map(|(index, input)| match input {
        FnArg::Typed(parameter) => Some(Candidate { index, parameter }),
        FnArg::Receiver(_) => None,
    })
}

/// A type as one would write it; token streams print with spaces around everything.
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
