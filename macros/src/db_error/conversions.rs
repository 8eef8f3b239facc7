//! Chooses the cases that `?` makes, and says what is missing if there is none.

use quote::ToTokens;
use syn::{Data, DeriveInput, Field, Path, Type};

use super::cases::{CarriedError, Carrier, Case, has_from};
use super::settings::Settings;
use crate::errors::Errors;
use crate::function::types;

/// The source of the conversions to the error type.
pub(super) enum Conversions {
    /// The conversions make the cases with these indexes. An impl that `#[from]` or the user writes
    /// is left out when the impls are written.
    Carriers {
        dbop: Option<usize>,
        sqlx: Option<usize>,
    },
    /// The conversions make the case with this index, whose driver's error can carry `dbop::Error`
    /// and `sqlx::Error`.
    Driver(usize),
    /// The conversions call a function that takes `dbop::Error`.
    Function(Path),
    /// The user writes the conversions.
    Manual,
    /// There is no way to make the error; that was reported.
    Missing,
    /// `#[from]` makes one of the conversions, but the type of the field does not show which; that
    /// was reported.
    Unclear,
}

pub(super) fn choose_conversions(
    input: &DeriveInput,
    cases: &[Case<'_>],
    whole: &Settings,
    errors: &mut Errors,
) -> Conversions {
    if let (Some(_), Some(from)) = (&whole.no_from, &whole.from) {
        errors.at(from.key.span(), "`no_from` says that the conversions are written by hand, `from` that they are generated; keep one of the two");
        return Conversions::Missing;
    }
    if whole.no_from.is_some() {
        return Conversions::Manual;
    }
    // `#[from] Error` writes a conversion from an unknown error, which may be one of those that
    // would be generated.
    if report_unclear(cases, |field| has_from(&field.attrs), errors) {
        return Conversions::Unclear;
    }
    let [dbop, sqlx] = CarriedError::BOTH.map(|kind| choose(kind, cases, errors));
    let (Ok(dbop), Ok(sqlx)) = (dbop, sqlx) else {
        return Conversions::Missing;
    };
    let found = dbop.is_some() || sqlx.is_some();
    match &whole.from {
        Some(from) if found => {
            errors.at(from.key.span(), "this type already has a place for the database's error, which the conversions use; remove `from`");
            Conversions::Missing
        }
        Some(from) => Conversions::Function(from.value.clone()),
        None if found => Conversions::Carriers { dbop, sqlx },
        None => match only_driver(cases) {
            Some(at) => Conversions::Driver(at),
            None if cases
                .iter()
                .any(|case| case.no_from && case.carrier.is_some()) =>
            {
                Conversions::Manual
            }
            None => {
                missing(input, cases, errors);
                Conversions::Missing
            }
        },
    }
}

/// Returns the only case that a driver's error can make from any error of the database; `None` if
/// there is no such case or several.
fn only_driver(cases: &[Case<'_>]) -> Option<usize> {
    let mut possible = (0..cases.len()).filter(|&at| {
        let carrier = cases[at].carrier.as_ref();
        cases[at].can_be_made(CarriedError::Driver)
            && carrier.is_some_and(|carrier| !carries_nothing_else(carrier.ty))
    });
    possible.next().filter(|_| possible.next().is_none())
}

/// Returns the case that `?` makes from this error; `None` if there is no such case.
fn choose(
    kind: CarriedError,
    cases: &[Case<'_>],
    errors: &mut Errors,
) -> Result<Option<usize>, Ambiguous> {
    let possible: Vec<usize> = (0..cases.len())
        .filter(|&at| cases[at].can_be_made(kind))
        .collect();
    let only = |pick: fn(&Carrier<'_>) -> bool| {
        let mut picked = possible
            .iter()
            .copied()
            .filter(|&at| cases[at].carrier.as_ref().is_some_and(pick));
        picked.next().filter(|_| picked.next().is_none())
    };
    if let Some(at) = only(|_| true)
        .or_else(|| only(|carrier| carrier.has_from))
        .or_else(|| only(|carrier| carrier.marked))
    {
        return Ok(Some(at));
    }
    let Some(second) = possible.get(1) else {
        return Ok(None);
    };
    let name = kind.name();
    errors.at(cases[*second].span, format!("a second variant carries `{name}`, so `?` cannot choose; put `#[from]` on the field of one, or `#[db_error(no_from)]` on the variants"));
    Err(Ambiguous)
}

/// Several cases were found, which was reported.
struct Ambiguous;

/// Returns whether the error comes from the crate `postgres`, which makes its errors itself, so
/// that they cannot carry another error.
fn carries_nothing_else(ty: &Type) -> bool {
    let tokens = ty.to_token_stream();
    tokens.into_iter().any(|token| {
        let name = token.to_string();
        name == "postgres" || name == "tokio_postgres"
    })
}

/// Reports fields whose type is a bare `Error`, which may be the error of any crate. Returns
/// whether there are such fields.
fn report_unclear(
    cases: &[Case<'_>],
    of_interest: impl Fn(&Field) -> bool,
    errors: &mut Errors,
) -> bool {
    let unknown = cases
        .iter()
        .filter(|case| case.category.is_none() && case.carrier.is_none())
        .flat_map(|case| case.fields);
    let bare = |field: &&Field| matches!(types::ungrouped(&field.ty), Type::Path(path) if path.path.is_ident("Error"));
    let mut unclear = unknown
        .filter(bare)
        .filter(|field| of_interest(field))
        .peekable();
    let found = unclear.peek().is_some();
    for field in unclear {
        errors.on(&field.ty, "the name alone does not say whose `Error` this is; write `sqlx::Error`, `dbop::Error` or another full path, or add `#[db_error(sqlx)]` or `#[db_error(dbop)]`");
    }
    found
}

/// Reports why no case carries an error of the database, as precisely as the type allows.
fn missing(input: &DeriveInput, cases: &[Case<'_>], errors: &mut Errors) {
    if report_unclear(cases, |_| true, errors) {
        return;
    }
    let carriers = cases.iter();
    let carriers = carriers.filter_map(|case| Some((case, case.carrier.as_ref()?)));
    if let Some((case, carrier)) = carriers.max_by_key(|(_, carrier)| carrier.alone) {
        without_place(input, case, carrier, errors);
        return;
    }
    let name = &input.ident;
    let place = match &input.data {
        Data::Enum(_) => "add a variant `Database(#[from] dbop::Error)`",
        _ => "give it one field of type `dbop::Error`",
    };
    errors.on(name.to_token_stream(), format!("`{name}` has no place for an error of the database; {place}, or name a function that makes `{name}` from a `dbop::Error`, as in `#[db_error(from = Self::from_database)]`"));
}

/// Reports a carrier that no conversion can make from a `dbop::Error`.
fn without_place(input: &DeriveInput, case: &Case<'_>, carrier: &Carrier<'_>, errors: &mut Errors) {
    let name = carrier.kind.name();
    let variant =
        format!("a variant that carries `{name}` alone, as in `Database(#[from] {name})`");
    let message = if !carrier.alone {
        let path = case.path.to_string().replace("Self :: ", "");
        format!("`?` cannot fill in the other fields of `{path}`; add {variant}")
    } else if carries_nothing_else(carrier.ty) {
        let add = match &input.data {
            Data::Enum(_) => format!("add {variant}"),
            _ => "make it an enum with one variant for it and `Database(#[from] dbop::Error)`"
                .to_owned(),
        };
        format!(
            "an error of `postgres` cannot carry what dbop itself has to say, such as a deadline that has passed; {add}"
        )
    } else {
        format!(
            "several variants carry an error of a driver, and nothing says which of them is for what dbop itself has to say, such as a deadline that has passed; add {variant}"
        )
    };
    errors.on(carrier.ty, message);
}
