//! What does not fit together in a job: its signature, its options and its attributes.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Ident, ReturnType, Safety, Signature, Type};

use super::kept;
use super::options::{Arguments, Options, check_kind};
use super::parameters::{self, Argument, Parameter};
use crate::database::{DB, Database};
use crate::errors::Errors;
use crate::function::{Source, types};
use crate::suggest;
use crate::tokens::{find_ident, has_ident};

/// How a job is written.
pub(super) struct Plan {
    /// The name in the database.
    pub(super) kind: String,
    pub(super) on: On,
    /// The parameters behind the job.
    pub(super) parameters: Vec<Parameter>,
}

/// The databases on which a job runs.
pub(super) enum On {
    /// The database that the type of the job names.
    Named(Box<Type>),
    /// The function is compiled for each of these, because it names `DB`.
    Each {
        built_in: Vec<Database>,
        /// Whether the option `on` names several, so that callers may pass a scope of either.
        any: bool,
    },
}

impl Plan {
    pub(super) fn arguments(&self) -> impl Iterator<Item = &Argument> {
        self.parameters
            .iter()
            .filter_map(|parameter| match parameter {
                Parameter::Argument(argument) => Some(argument),
                Parameter::State(_) => None,
            })
    }
}

/// Reads the function under the attribute.
pub(super) fn source(input: TokenStream) -> syn::Result<Source> {
    let words: Vec<_> = input.clone().into_iter().collect();
    let is_function = words
        .iter()
        .any(|word| matches!(word, TokenTree::Ident(word) if word == "fn"));
    syn::parse2(input).map_err(|error| match is_function {
        true => error,
        false => syn::Error::new(
            error.span(),
            "`#[job]` stands on an `async fn` with a body, such as `async fn f(job: &Job<Sqlite>) -> \
             dbop::Result<()> { .. }`",
        ),
    })
}

/// Returns how the job is written; `None` if there is a mistake, which `errors` then has.
pub(super) fn plan(
    source: &Source,
    options: &Options,
    built_in: &[Database],
    errors: &mut Errors,
) -> Option<Plan> {
    if is_operation(source, errors) {
        return None;
    }
    attributes(source, errors);
    signature(&source.signature, errors);
    let kind = kind(&source.signature.ident, options, errors);
    let named = parameters::job(&source.signature, built_in, errors);
    let database = named.map_or("Sqlite".to_owned(), |named| {
        named.to_token_stream().to_string()
    });
    // A method has been reported, and its parameters change when the mistake is corrected.
    if source.signature.receiver().is_some() {
        return None;
    }
    let parameters = parameters::others(&source.signature, &database, errors);
    no_self(source, errors);
    kept::check(source, &database, errors);
    let on = on(named?, options, built_in, errors)?;
    let plan = Plan {
        kind,
        on,
        parameters,
    };
    unique(&plan, options, errors);
    schedule(&plan, &source.signature.ident, options, errors);
    errors.is_empty().then_some(plan)
}

/// Returns whether the attribute is that of an operation.
pub(super) fn is_attribute_of_operation(attribute: &Attribute) -> bool {
    let last = attribute.path().segments.last();
    last.is_some_and(|last| last.ident == "db_op" || last.ident == "transactional")
}

/// Reports a function that is an operation as well.
fn is_operation(source: &Source, errors: &mut Errors) -> bool {
    let message = |operation: &str| {
        format!(
            "a function is a job or an operation; remove `#[{operation}]`, and call another function under \
             `#[{operation}]` from a step, as in `job.write(\"name\", async |tx| ..)`"
        )
    };
    let mut attributes = source.attributes.iter();
    if let Some(attribute) = attributes.find(|it| is_attribute_of_operation(it)) {
        let last = attribute.path().segments.last();
        let operation = last.map_or(String::new(), |last| last.ident.to_string());
        errors.on(attribute, message(&operation));
        return true;
    }
    // The attribute above has written its loop already.
    let expanded = has_ident(source.body.stream(), &crate::names::operation().to_string());
    if expanded {
        errors.at(source.signature.ident.span(), message("db_op"));
    }
    expanded
}

fn attributes(source: &Source, errors: &mut Errors) {
    for level in &source.levels {
        let message = "dbop's lints look at the body of one operation, and a job is no operation; write this on \
                       the operations that the job calls";
        errors.on(level, message);
    }
}

fn signature(signature: &Signature, errors: &mut Errors) {
    let name = &signature.ident;
    if signature.asyncness.is_none() {
        errors.at(
            signature.fn_token.span,
            format!("a job is async, because its steps are awaited; write `async fn {name}`"),
        );
    }
    if let Safety::Unsafe(token) = &signature.safety {
        let message = "a worker calls this function, and knows of nothing to watch; remove `unsafe`, and \
                       write an `unsafe` block in the body";
        errors.on(token, message);
    }
    let generics = &signature.generics;
    if !generics.params.is_empty() {
        errors.on(
            generics,
            "a job has no generics, because nobody says what they stand for when a worker runs the job; \
             remove the generics",
        );
    } else if let Some(clause) = &generics.where_clause {
        errors.on(
            clause,
            "a job has no generics to which this `where` could apply; remove the `where`",
        );
    }
    result(signature, errors);
}

/// Reports a type that is certainly no `Result`. rustc knows what other names stand for.
fn result(signature: &Signature, errors: &mut Errors) {
    const OTHERS: [&str; 12] = [
        "Arc", "Box", "HashMap", "Option", "String", "Vec", "bool", "f64", "i32", "i64", "u64",
        "usize",
    ];
    const WRITE: &str = "a job returns a `Result`, whose `Err` says that the job is attempted again; write \
                         `-> Result<(), E>`";
    match &signature.output {
        ReturnType::Default => errors.at(signature.ident.span(), WRITE),
        ReturnType::Type(_, ty) => {
            let is_other = match types::ungrouped(ty) {
                Type::Path(path) if path.qself.is_some() => false,
                Type::Path(_) => types::last_segment(ty)
                    .is_some_and(|last| OTHERS.iter().any(|other| last.ident == other)),
                Type::Macro(_) | Type::Verbatim(_) => false,
                _ => true,
            };
            if is_other {
                errors.on(ty, WRITE);
            }
        }
    }
}

/// Returns the name under which the database knows the job.
fn kind(function: &Ident, options: &Options, errors: &mut Errors) -> String {
    if let Some(given) = &options.name {
        return given.value.value();
    }
    let name = function.unraw().to_string();
    if let Err(why) = check_kind(&name) {
        errors.at(function.span(), why);
    }
    name
}

/// Reports `Self`, for which a free function has no type.
fn no_self(source: &Source, errors: &mut Errors) {
    let this = Ident::new("Self", proc_macro2::Span::call_site());
    let signature = source.signature.to_token_stream();
    if let Some(found) = find_ident(signature, &this).or_else(|| kept::outer_self(source)) {
        errors.at(
            found.span(),
            "a job is a free function, for which `Self` is no type; write the name of the type, outside of \
             its `impl`",
        );
    }
}

/// Returns the databases on which the job runs.
fn on(named: &Type, options: &Options, built_in: &[Database], errors: &mut Errors) -> Option<On> {
    let name = types::last_segment(named).map(|segment| &segment.ident);
    let is_each = name.is_some_and(|name| name == DB);
    let known = Database::ALL
        .iter()
        .find(|(known, _)| name.is_some_and(|name| name == known));
    match (&options.on, is_each) {
        (Some(on), true) => {
            let of_build = |database: &Database| built_in.contains(database);
            let enabled: Vec<_> = on.value.iter().copied().filter(of_build).collect();
            if let (true, Some(first)) = (enabled.is_empty(), on.value.first()) {
                errors.at(on.key.span(), needs_feature(*first));
                return None;
            }
            Some(On::Each {
                built_in: enabled,
                any: on.value.len() > 1,
            })
        }
        (Some(on), false) => {
            let written = named.to_token_stream();
            let message = format!(
                "`on` is for a function that names `DB`; write `job: &Job<DB>`, or remove `on` and leave \
                 the job to `{written}`"
            );
            errors.at(on.key.span(), message);
            None
        }
        (None, true) => {
            let message = "`DB` stands for each database of the option `on`; add `on = [Sqlite, Postgres]` to \
                           `#[job]`, or name the database, as in `&Job<Sqlite>`";
            errors.on(named, message);
            None
        }
        (None, false) => match known {
            Some((_, database)) if !built_in.contains(database) => {
                errors.on(named, needs_feature(*database));
                None
            }
            _ => Some(On::Named(Box::new(named.clone()))),
        },
    }
}

fn needs_feature(database: Database) -> String {
    let (name, feature) = (database.name(), database.feature());
    format!("a job on `{name}` needs dbop's feature `{feature}`; enable it in Cargo.toml")
}

/// Checks that the option `unique` names arguments.
fn unique(plan: &Plan, options: &Options, errors: &mut Errors) {
    let Some(Arguments::These(names)) = options.unique.as_ref().map(|it| &it.value.arguments)
    else {
        return;
    };
    let arguments: Vec<_> = plan
        .arguments()
        .map(|it| it.name.unraw().to_string())
        .collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    for name in names {
        let written = name.unraw().to_string();
        if arguments.contains(&written.as_str()) {
            continue;
        }
        let message = match arguments.is_empty() {
            true => {
                format!("`{written}` is not an argument of this job, which has none; remove `args`")
            }
            false => suggest::unknown(&written, "an argument of this job", &arguments),
        };
        errors.at(name.span(), message);
    }
}

/// Checks that the option `schedule` has nothing to say about arguments.
fn schedule(plan: &Plan, name: &Ident, options: &Options, errors: &mut Errors) {
    let Some(schedule) = &options.schedule else {
        return;
    };
    let arguments: Vec<_> = plan.arguments().map(|it| it.name.to_string()).collect();
    if !arguments.is_empty() {
        let listed = suggest::list(arguments.iter().map(String::as_str));
        let message = format!(
            "a schedule has no arguments to give, and `{name}` takes {listed}; remove `schedule`, and put the \
             schedule on a job without arguments that enqueues this job"
        );
        errors.at(schedule.key.span(), message);
    }
}
