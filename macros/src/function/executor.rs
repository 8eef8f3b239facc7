//! Sessions under sqlx's own names. Before anything else looks at a signature, a parameter that may
//! be any executor of sqlx becomes the session that the attribute gives.
//!
//! Input: `async fn f<'e, E: PgExecutor<'e>>(executor: E, id: i64) -> R`
//!
//! Output: `async fn f<E>(executor: &mut Conn<'_, Postgres>, id: i64) -> R`, and what callers pass:
//! an `E: SessionScope<Postgres>`.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    FnArg, Path, PathArguments, Signature, Type, TypeParamBound, WherePredicate,
    parse_quote_spanned,
};

use super::types;
use crate::errors::Errors;
use crate::names::Runtime;
use crate::options::{Attribute, Callers};
use crate::tokens::find_ident;

/// A parameter that was any executor, and is the session now.
pub(crate) struct Executor {
    /// The place among all parameters, the receiver included.
    pub(super) index: usize,
    pub(super) callers: Callers,
    /// The type parameter that stood for the executor. It stays, because callers may name it.
    pub(crate) generic: Option<Ident>,
    /// The traits that the user has named, whose imports would be unused now.
    pub(crate) traits: Vec<Path>,
    /// The type as the user has written it, with its bounds.
    pub(super) written: TokenStream,
}

/// The bounds of an executor, as they stand in a signature.
struct Bounds<'s> {
    generic: Option<&'s Ident>,
    bounds: Vec<&'s TypeParamBound>,
}

/// Replaces the first parameter that may be any executor, or the one that is marked. Returns `None`
/// if there is none.
pub(super) fn replace(
    attribute: Attribute,
    signature: &mut Signature,
    body: TokenStream,
    marked: Option<usize>,
    runtime: &Runtime,
    errors: &mut Errors,
) -> Option<Executor> {
    let (index, database, generic, bounds) = find(signature, marked, runtime)?;
    reject_copies(&bounds, errors);
    if let Some(generic) = &generic {
        reject_other_uses(generic, index, signature, body, errors);
    }
    let mut written = quote!(#(#bounds)*);
    let traits = bounds.into_iter().filter_map(named_trait).collect();
    let FnArg::Typed(parameter) = &mut signature.inputs[index] else {
        return None;
    };
    parameter.ty.to_tokens(&mut written);
    let callers = match types::reference(&parameter.ty) {
        Some(_) => Callers::Place,
        None => Callers::Scope,
    };
    let (krate, span) = (runtime.krate(), parameter.ty.span());
    let lifetime = types::lifetime(&parameter.ty).cloned();
    *parameter.ty = match attribute {
        Attribute::DbOp | Attribute::Guarded => {
            parse_quote_spanned!(span=> &#lifetime mut #krate::Conn<'_, #database>)
        }
        Attribute::Transactional => {
            parse_quote_spanned!(span=> &#lifetime mut #krate::Tx<'_, #database>)
        }
    };
    if let Some(generic) = &generic {
        remove_bounds(generic, signature);
    }
    Some(Executor {
        index,
        callers,
        generic,
        traits,
        written,
    })
}

type Found = (usize, TokenStream, Option<Ident>, Vec<TypeParamBound>);

fn find(signature: &Signature, marked: Option<usize>, runtime: &Runtime) -> Option<Found> {
    let inputs = signature.inputs.iter().enumerate();
    let mut parameters = inputs.filter_map(|(index, input)| match input {
        FnArg::Typed(parameter) if marked.is_none_or(|marked| marked == index) => {
            Some((index, &*parameter.ty))
        }
        _ => None,
    });
    parameters.find_map(|(index, ty)| {
        let Bounds { generic, bounds } = bounds_of(ty, signature)?;
        let database = bounds
            .iter()
            .find_map(|bound| database_of(bound, runtime))
            .filter(|database| !names_type_parameter(database, signature))?;
        let bounds = bounds.into_iter().cloned().collect();
        Some((index, database, generic.cloned(), bounds))
    })
}

/// Returns the bounds of `impl PgExecutor<'_>`, of `E`, or of `&mut T` in `&mut T`.
fn bounds_of<'s>(ty: &'s Type, signature: &'s Signature) -> Option<Bounds<'s>> {
    let (inner, behind_mut) = match types::reference(ty) {
        Some((inner, true)) => (inner, true),
        Some((_, false)) => return None,
        None => (types::ungrouped(ty), false),
    };
    if let (Type::ImplTrait(opaque), false) = (inner, behind_mut) {
        let bounds = opaque.bounds.iter().collect();
        let generic = None;
        return Some(Bounds { generic, bounds });
    }
    let generic = only_name(inner)?;
    let mut declared = signature.generics.type_params();
    let declared = declared.find(|parameter| parameter.ident == *generic)?;
    let of_predicates = predicates(signature).filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate)
            if bounds_it(&predicate.bounded_ty, generic, behind_mut) =>
        {
            Some(&predicate.bounds)
        }
        _ => None,
    });
    let of_parameter = (!behind_mut).then_some(&declared.bounds);
    let bounds = of_parameter.into_iter().chain(of_predicates).flatten();
    Some(Bounds {
        generic: Some(generic),
        bounds: bounds.collect(),
    })
}

fn predicates(signature: &Signature) -> impl Iterator<Item = &WherePredicate> {
    let clause = signature.generics.where_clause.iter();
    clause.flat_map(|clause| &clause.predicates)
}

/// Returns whether a predicate about this type bounds the type parameter, or a `&mut` to it.
fn bounds_it(bounded: &Type, generic: &Ident, behind_mut: bool) -> bool {
    match (types::reference(bounded), behind_mut) {
        (Some((inner, true)), true) => only_name(inner) == Some(generic),
        (None, false) => only_name(bounded) == Some(generic),
        _ => false,
    }
}

/// Returns the name if the type is nothing but a name.
fn only_name(ty: &Type) -> Option<&Ident> {
    match types::ungrouped(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.get_ident(),
        _ => None,
    }
}

/// Returns the database of a bound that is one of sqlx's traits of executors.
fn database_of(bound: &TypeParamBound, runtime: &Runtime) -> Option<TokenStream> {
    let TypeParamBound::Trait(bound) = bound else {
        return None;
    };
    let segment = bound.path.segments.last()?;
    match segment.ident.to_string().as_str() {
        "PgExecutor" => Some(runtime.postgres()),
        "SqliteExecutor" => Some(runtime.sqlite()),
        "Executor" | "Acquire" => {
            types::associated(segment, "Database").map(ToTokens::to_token_stream)
        }
        _ => None,
    }
}

/// Returns whether the function leaves the database to its callers, as in `DB: Database`.
fn names_type_parameter(database: &TokenStream, signature: &Signature) -> bool {
    let mut parameters = signature.generics.type_params();
    parameters.any(|parameter| find_ident(database.clone(), &parameter.ident).is_some())
}

fn named_trait(bound: TypeParamBound) -> Option<Path> {
    let TypeParamBound::Trait(bound) = bound else {
        return None;
    };
    let mut path = bound.path;
    for segment in &mut path.segments {
        segment.arguments = PathArguments::None;
    }
    Some(path)
}

/// Reports bounds by which the body may use the executor more than once.
fn reject_copies(bounds: &[TypeParamBound], errors: &mut Errors) {
    for bound in bounds {
        let TypeParamBound::Trait(named) = bound else {
            continue;
        };
        let name = named.path.segments.last().map(|segment| &segment.ident);
        if let Some(name) = name.filter(|name| *name == "Copy" || *name == "Clone") {
            errors.on(bound, format!("a session cannot be copied, so no caller could meet `{name}`; remove `{name}`, and write `&mut *executor` wherever the body uses the executor"));
        }
    }
}

/// Reports everything else that has the executor's type.
fn reject_other_uses(
    generic: &Ident,
    index: usize,
    signature: &Signature,
    body: TokenStream,
    errors: &mut Errors,
) {
    let others = signature.inputs.iter().enumerate();
    let others = others.filter(|(at, _)| *at != index);
    let mut places: Vec<TokenStream> = others.map(|(_, input)| input.to_token_stream()).collect();
    places.push(signature.output.to_token_stream());
    let parameters = signature.generics.type_params();
    let parameters = parameters.filter(|parameter| parameter.ident != *generic);
    places.extend(parameters.map(ToTokens::to_token_stream));
    places.push(body);
    let used = places
        .into_iter()
        .find_map(|place| find_ident(place, generic));
    if let Some(used) = used {
        errors.at(used.span(), format!("`{generic}` is the type of the session, which dbop chooses, so nothing else can have that type; give this a type of its own"));
    }
}

/// Input: `fn f<'e, E: PgExecutor<'e>, T>(..) where E: Send, T: Row`. Output: `fn f<'e, E, T>(..)
/// where T: Row`.
fn remove_bounds(generic: &Ident, signature: &mut Signature) {
    for parameter in signature.generics.type_params_mut() {
        if parameter.ident == *generic {
            parameter.colon_token = None;
            parameter.bounds = Punctuated::new();
        }
    }
    if let Some(clause) = &mut signature.generics.where_clause {
        let predicates = std::mem::take(&mut clause.predicates).into_iter();
        let is_about_it = |predicate: &WherePredicate| {
            matches!(predicate, WherePredicate::Type(predicate)
                if find_ident(predicate.bounded_ty.to_token_stream(), generic).is_some())
        };
        clause.predicates = predicates
            .filter(|predicate| !is_about_it(predicate))
            .collect();
        if clause.predicates.is_empty() {
            signature.generics.where_clause = None;
        }
    }
}
