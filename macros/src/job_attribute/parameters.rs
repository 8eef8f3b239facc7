//! What the function takes: the job, state that the workers were given, and arguments.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{FnArg, Lifetime, Pat, PatType, Signature, Type};

use super::sessions::{Lent, database_in, lent};
use crate::database::{DB, Database};
use crate::errors::Errors;
use crate::function::types;
use crate::tokens::has_ident;

/// A parameter behind the job.
pub(super) enum Parameter {
    /// `llm: &Llm`, with the type behind the `&`.
    State(Box<Type>),
    Argument(Argument),
}

/// A value that is stored with the job.
pub(super) struct Argument {
    pub(super) name: Ident,
    pub(super) ty: Box<Type>,
}

impl Argument {
    /// Returns the name under which the value is stored, which is the user's. A [`Discarded`] has a
    /// name of its own, because the runtime writes the value without knowing the function.
    ///
    /// [`Discarded`]: Argument::is_discarded
    pub(super) fn stored(&self) -> String {
        match self.is_discarded() {
            true => "discarded".to_owned(),
            false => self.name.unraw().to_string(),
        }
    }

    /// Returns whether the argument is what is known of another job, which was discarded.
    pub(super) fn is_discarded(&self) -> bool {
        let last = types::last_segment(&self.ty);
        last.is_some_and(|last| last.ident == "Discarded" && last.arguments.is_empty())
    }
}

/// Returns the database in `job: &Job<DB>`. `None` if there is a mistake, which `errors` then has.
pub(super) fn job<'s>(
    signature: &'s Signature,
    built_in: &[Database],
    errors: &mut Errors,
) -> Option<&'s Type> {
    let name = &signature.ident;
    let database = built_in.first().map_or("Sqlite", |first| first.name());
    let write = format!("write `async fn {name}(job: &Job<{database}>, ..)`");
    let first = match signature.inputs.first() {
        Some(FnArg::Typed(first)) => first,
        Some(FnArg::Receiver(receiver)) => {
            let message = format!(
                "a job is a free function, because no worker has a `self`; {write} outside of the `impl`"
            );
            errors.on(receiver, message);
            return None;
        }
        None => {
            let message = format!("a job takes `job` first, by which its steps run; {write}");
            errors.at(name.span(), message);
            return None;
        }
    };
    if let Some(lent) = lent(&first.ty) {
        let database = database_in(&first.ty).unwrap_or(database);
        errors.on(first, of_database(lent, first, database));
        return None;
    }
    let (inner, is_shared) = match types::reference(&first.ty) {
        Some((inner, is_mutable)) => (inner, !is_mutable),
        None => (&*first.ty, false),
    };
    let Some(segment) = types::last_segment(inner).filter(|segment| segment.ident == "Job") else {
        let message = format!("a job takes `job` first, by which its steps run; {write}");
        errors.on(first, message);
        return None;
    };
    let [database_type] = types::type_arguments(segment)[..] else {
        let message =
            format!("`Job` needs the database on which the job runs; write `&Job<{database}>`");
        errors.on(&first.ty, message);
        return None;
    };
    if !is_shared {
        let of = database_type.to_token_stream();
        let message =
            format!("a job borrows its `Job`, which its worker keeps; write `&Job<{of}>`");
        errors.on(&first.ty, message);
        return None;
    }
    without_lifetimes(first, errors);
    Some(database_type)
}

/// Sorts the parameters behind the job.
pub(super) fn others(signature: &Signature, of: &str, errors: &mut Errors) -> Vec<Parameter> {
    let inputs = signature.inputs.iter().skip(1);
    let parameters = inputs.filter_map(|input| match input {
        FnArg::Typed(parameter) => other(parameter, of, errors),
        FnArg::Receiver(_) => None,
    });
    parameters.collect()
}

fn other(parameter: &PatType, of: &str, errors: &mut Errors) -> Option<Parameter> {
    let ty = &parameter.ty;
    let name = name(parameter, errors);
    configured(parameter, errors);
    if let Some(lent) = lent(ty) {
        errors.on(parameter, of_database(lent, parameter, of));
        return None;
    }
    if has_ident(ty.to_token_stream(), DB) {
        errors.on(
            ty,
            "what a job takes is of one type on every database, so that any worker can read the value; leave \
             `DB` out of the type",
        );
        return None;
    }
    if let Type::ImplTrait(_) = types::ungrouped(ty) {
        let message = "an argument is read back by a worker, which has to know its type; write a type in \
                       place of `impl`";
        errors.on(ty, message);
        return None;
    }
    if !without_lifetimes(parameter, errors) {
        return None;
    }
    match types::reference(ty) {
        Some((inner, true)) => {
            let inner = inner.to_token_stream();
            let message = format!(
                "jobs that run at once share their state; take `&{inner}`, or an argument by value: \
                 `{inner}`"
            );
            errors.on(ty, message);
            None
        }
        Some((inner, false)) => {
            let state = state(ty, inner, errors)?;
            Some(Parameter::State(Box::new(state)))
        }
        None => {
            let ty = owned(parameter, errors)?;
            let name = name?.clone();
            Some(Parameter::Argument(Argument { name, ty }))
        }
    }
}

/// Returns the name of the parameter. State needs none, and has no other pattern either.
fn name<'p>(parameter: &'p PatType, errors: &mut Errors) -> Option<&'p Ident> {
    match &*parameter.pat {
        Pat::Ident(pattern) if pattern.subpat.is_none() && pattern.by_ref.is_none() => {
            Some(&pattern.ident)
        }
        Pat::Wild(_) if types::reference(&parameter.ty).is_some() => None,
        pattern => {
            let message = "an argument is stored under its name; write a name here, and take the value \
                           apart in the body";
            errors.on(pattern, message);
            None
        }
    }
}

/// Reports a parameter that some builds lack: a worker of another build could not read the job.
fn configured(parameter: &PatType, errors: &mut Errors) {
    for attribute in &parameter.attrs {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            let message = "a worker may be of another build than the caller, so both have the same \
                           parameters; remove this attribute, and write `cfg` in the body";
            errors.on(attribute, message);
        }
    }
}

/// Returns the type of state.
fn state(ty: &Type, inner: &Type, errors: &mut Errors) -> Option<Type> {
    let message = match inner {
        Type::Path(_) => match types::last_segment(inner) {
            Some(segment) if segment.ident == "Job" => {
                "a job takes its `Job` once, as the first parameter; remove this parameter"
                    .to_owned()
            }
            Some(segment) if segment.ident == "str" => by_value("String"),
            Some(segment) if is_value(segment.ident.to_string().as_str()) => {
                by_value(&segment.ident.to_string())
            }
            _ => return Some(inner.clone()),
        },
        Type::Slice(slice) => by_value(&format!("Vec<{}>", slice.elem.to_token_stream())),
        Type::Array(array) => by_value(&array.to_token_stream().to_string()),
        Type::Tuple(tuple) => by_value(&tuple.to_token_stream().to_string()),
        _ => {
            "a reference is state that the workers were given, which is found by its type; write a \
              reference to a type with a name, such as a struct that holds this"
                .to_owned()
        }
    };
    errors.on(ty, message);
    None
}

fn by_value(owned: &str) -> String {
    format!(
        "a reference is state that the workers were given, and an argument is stored with the job; take \
         `{owned}`"
    )
}

/// Returns whether a type is that of plain values, which nobody gives to workers as state.
fn is_value(name: &str) -> bool {
    const VALUES: [&str; 18] = [
        "String", "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "u128",
        "u16", "u32", "u64", "u8", "usize", "Uuid",
    ];
    VALUES.contains(&name)
}

/// Returns the type of an argument, which borrows nothing.
fn owned(parameter: &PatType, errors: &mut Errors) -> Option<Box<Type>> {
    let Some(reference) = types::find_reference(&parameter.ty, true) else {
        return Some(parameter.ty.clone());
    };
    let message = "an argument is stored with the job, and borrows nothing; write a type that owns its \
                   value, such as `String` in place of `&str`";
    errors.on(&reference, message);
    None
}

/// Reports lifetimes that somebody would have to choose. Returns whether there is none.
fn without_lifetimes(parameter: &PatType, errors: &mut Errors) -> bool {
    struct Named(Option<Lifetime>);
    impl<'t> Visit<'t> for Named {
        fn visit_lifetime(&mut self, lifetime: &'t Lifetime) {
            if self.0.is_none() && lifetime.ident != "static" && lifetime.ident != "_" {
                self.0 = Some(lifetime.clone());
            }
            visit::visit_lifetime(self, lifetime);
        }

        // `for<'a> fn(&'a str)` names its lifetimes by itself.
        fn visit_type_fn_ptr(&mut self, _: &'t syn::TypeFnPtr) {}
    }
    let of_reference = types::lifetime(&parameter.ty).filter(|lifetime| lifetime.ident != "_");
    let mut named = Named(of_reference.cloned());
    named.visit_type(&parameter.ty);
    let Some(lifetime) = named.0 else {
        return true;
    };
    let message = format!(
        "a job borrows for as long as its body runs, and from nothing else; remove `{lifetime}`, or take \
         a type that owns its value"
    );
    errors.at(lifetime.span(), message);
    false
}

/// Says why a job takes neither a session nor a handle.
fn of_database(lent: Lent, parameter: &PatType, database: &str) -> String {
    match lent {
        Lent::Session => session_would_live_too_long(database, "job"),
        Lent::Handle => {
            let pattern = parameter.pat.to_token_stream();
            format!(
                "a job has the database of its workers; take `job: &Job<{database}>` without `{pattern}`, \
                 and write `job.db()` where a handle is needed"
            )
        }
    }
}

/// Says why a session ends with its step.
pub(super) fn session_would_live_too_long(database: &str, job: &str) -> String {
    format!(
        "a transaction cannot live across the steps of a job: a `Tx` would hold a connection for as long \
         as the job runs, and its COMMIT could not be told apart from the completion of a step. Take \
         `job: &Job<{database}>` and write `{job}.write(\"name\", async |tx| ..)` for each transaction"
    )
}
