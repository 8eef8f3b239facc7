//! The model of an annotated function: everything that the checks and the expansion need to know,
//! except what the body does.

mod argument;
pub(crate) mod crossing;
mod executor;
mod form;
mod items;
mod lifetimes;
pub(crate) mod lookalike;
mod session;
mod source;
pub(crate) mod types;
mod yields;

use proc_macro2::{Group, Ident};
use quote::ToTokens;
use syn::{FnArg, Lifetime, Safety, Signature, Type};

pub(crate) use argument::{Argument, cfgs, is_lint_level};
use form::Unclear;
pub(crate) use form::{Form, Streamed};
pub(crate) use items::Items;
use lifetimes::Lifetimes;
pub(crate) use session::{Session, names_session};
pub(crate) use source::Source;
pub(crate) use yields::Shape;

use crate::errors::Errors;
use crate::names::Runtime;
use crate::options::{self, Callers, Options};

pub(crate) struct Function {
    pub(crate) source: Source,
    pub(crate) form: Form,
    /// The type that the function returns, or that the future returns that the function returns,
    /// or the type of each item of the stream that the function returns.
    pub(crate) output: Type,
    /// The user's block, with its braces.
    pub(crate) block: Group,
    pub(crate) session: Option<Session>,
    pub(crate) arguments: Vec<Argument>,
    lifetimes: Option<Lifetimes>,
}

impl Function {
    /// Step two of an attribute: makes the model. `Err` gives the source back; the mistakes are in
    /// `errors`.
    pub(crate) fn model(
        attribute: options::Attribute,
        options: &Options,
        mut source: Source,
        runtime: &Runtime,
        errors: &mut Errors,
    ) -> Result<Function, Box<Source>> {
        let form = Form::of(&source.signature, &source.body);
        let plain = matches!(&form, Ok((Form::Plain, ..)));
        let mut signature = source.signature.clone();
        let session = if attribute == options::Attribute::Guarded {
            None
        } else if plain {
            session::plain::find_connection(attribute, &source, errors)
        } else {
            session::awaited::find_session(attribute, &mut signature, &source, runtime, errors)
        };
        let Some((form, output, block)) = returned(attribute, &source, form, errors) else {
            return Err(Box::new(source));
        };
        source.signature = signature;
        let session = session.map(|session| session.with_callers(options));
        let arguments = source
            .signature
            .inputs
            .iter()
            .enumerate()
            .filter_map(|(index, input)| match input {
                FnArg::Typed(parameter)
                    if session
                        .as_ref()
                        .is_none_or(|session| session.index != index) =>
                {
                    Some(Argument::new(index, parameter))
                }
                _ => None,
            });
        let arguments = arguments.collect();
        let lifetimes = session.as_ref().map(|session| {
            Lifetimes::of(
                &source.signature,
                session.left(),
                session.index,
                source.body.stream(),
            )
        });
        Ok(Function {
            source,
            form,
            output,
            block,
            session,
            arguments,
            lifetimes,
        })
    }

    /// Returns the transaction or connection of sqlx's that the caller has lent in the place of a
    /// session.
    pub(crate) fn lent(&self) -> Option<&Argument> {
        let mut arguments = self.arguments.iter();
        let may_be_lent = self.session.is_none() && !self.is_plain();
        arguments.find(|argument| may_be_lent && argument.is_lent())
    }

    /// Returns whether the body uses a transaction in `self`, such as `self.tx`.
    pub(crate) fn uses_own_transaction(&self) -> bool {
        let has_receiver = self.source.signature.receiver().is_some();
        has_receiver && lookalike::field_of_self(self.block.stream(), &is_transaction).is_some()
    }

    /// Returns whether the body is not async, and runs on the blocking pool.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.form, Form::Plain)
    }

    /// Returns how the function returns a stream; `None` if the function returns none.
    pub(crate) fn stream(&self) -> Option<&Streamed> {
        match &self.form {
            Form::Stream(streamed) => Some(streamed),
            _ => None,
        }
    }

    /// Returns the signature without the lifetimes that only the session parameter used.
    pub(crate) fn signature_without_session_lifetimes(&self) -> Signature {
        let mut signature = self.source.signature.clone();
        if let Some(lifetimes) = &self.lifetimes {
            lifetimes.remove_unused(&mut signature);
        }
        signature
    }

    /// Returns the `'_` of `fn f(conn: &mut PgConnection) -> BoxFuture<'_, R>`, to which only the
    /// session parameter gives a meaning; `None` if there is no such bound.
    pub(crate) fn elided_bound(&self) -> Option<&Lifetime> {
        let has_self = self.source.signature.receiver().is_some();
        let bound = self.form.bound().filter(|bound| bound.ident == "_");
        let session = self.session.as_ref();
        // A `&mut` that callers still see gives the bound its meaning.
        let leaves = session.is_some_and(|session| session.callers != Callers::Place);
        bound.filter(|_| !has_self && leaves)
    }

    /// Returns whether a lifetime that tied the session to something else stays in the signature.
    pub(crate) fn keeps_session_lifetimes(&self) -> bool {
        self.lifetimes
            .as_ref()
            .is_some_and(|lifetimes| lifetimes.some_remain)
    }
}

/// Returns the form, the return type and the block of a function that can fail. Reports any other
/// function.
fn returned(
    attribute: options::Attribute,
    source: &Source,
    form: Result<(Form, Option<Type>, Group), Unclear>,
    errors: &mut Errors,
) -> Option<(Form, Type, Group)> {
    let call = match attribute {
        options::Attribute::DbOp | options::Attribute::Transactional => "a database call",
        options::Attribute::Guarded => "a call of another service",
    };
    let (signature, attribute) = (&source.signature, attribute.name());
    if let Some(constness) = &signature.constness {
        errors.on(
            constness,
            format!(
                "{attribute} on a `const fn`: {call} cannot run at compile time; remove `const`"
            ),
        );
        return None;
    }
    let (form, output, block) = match form {
        Ok(found) => found,
        Err(unclear) => {
            errors.on(&signature.output, format!("{attribute} {}", why(&unclear)));
            return None;
        }
    };
    if let (Form::Plain, Safety::Unsafe(keyword)) = (&form, &signature.safety) {
        errors.on(keyword, format!("{attribute} on an `unsafe fn`: its body would run on another thread, where nobody vouches for it; make it safe"));
        return None;
    }
    match output {
        Some(output) if !is_unit(&output) => Some((form, output, block)),
        unit => {
            let place = unit.map_or_else(
                || signature.ident.to_token_stream(),
                ToTokens::into_token_stream,
            );
            errors.on(place, format!("`{}` returns nothing, but {call} can fail; return `Result<(), E>`, where `E` is `dbop::Error`, `sqlx::Error` or an error that derives `DbError`", signature.ident));
            None
        }
    }
}

/// Says what is unclear, and what to write.
fn why(unclear: &Unclear) -> &'static str {
    match unclear {
        Unclear::Future => {
            "finds no async block to run, or not what it is a future of; return `impl Future<Output = ..>` or `Pin<Box<dyn Future<Output = ..>>>` and end the body in `async move { .. }` or `Box::pin(async move { .. })`, or make it an `async fn`"
        }
        Unclear::Stream => {
            "does not see the items of this stream; return `BoxStream<'_, Result<T, E>>`, `impl Stream<Item = Result<T, E>>` or `Pin<Box<dyn Stream<Item = Result<T, E>> + Send + '_>>`"
        }
        Unclear::AwaitedStream => {
            "on an `async fn` that returns a stream: what is awaited would be over before the stream is read; remove `async`, and let the stream do what has to be awaited"
        }
    }
}

/// Returns whether the name is one that transactions have.
fn is_transaction(name: &Ident) -> bool {
    let name = name.to_string();
    ["tx", "trx", "txn", "transaction"]
        .iter()
        .any(|ending| name == *ending || name.ends_with(&format!("_{ending}")))
}

fn is_unit(ty: &Type) -> bool {
    matches!(types::ungrouped(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

#[cfg(test)]
mod tests;
