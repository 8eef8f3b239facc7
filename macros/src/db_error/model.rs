//! The model of an error type: its cases, and which of them carry what the database said.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Data, DeriveInput, Field, Fields, Member, Path, Type};

use super::settings::{self, Settings};
use crate::errors::Errors;
use crate::function::types;

/// The errors a database call can end in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CarriedError {
    Dbop,
    Sqlx,
    /// Of a synchronous driver.
    Driver,
}

impl CarriedError {
    /// Those that every operation may end in.
    pub(super) const BOTH: [CarriedError; 2] = [CarriedError::Dbop, CarriedError::Sqlx];

    /// As users write it, for messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            CarriedError::Dbop => "dbop::Error",
            CarriedError::Sqlx => "sqlx::Error",
            CarriedError::Driver => "dbop::Error",
        }
    }
}

/// The field that holds the database's error.
pub(super) struct Carrier<'a> {
    pub(super) kind: CarriedError,
    pub(super) member: Member,
    /// The type of the error itself, without `Box`.
    pub(super) ty: &'a Type,
    pub(super) boxed: bool,
    /// `#[from]`: another derive writes the conversion from exactly the field's type.
    pub(super) has_from: bool,
    /// `#[db_error(sqlx)]`, `#[db_error(dbop)]` or `#[db_error(driver)]`
    marked: bool,
    /// No other field: a conversion can make this case from the error alone.
    alone: bool,
}

/// One variant, or the whole struct.
pub(super) struct Case<'a> {
    /// `Self::Variant` or `Self`.
    pub(super) path: TokenStream,
    pub(super) fields: &'a Fields,
    pub(super) category: Option<&'static str>,
    pub(super) carrier: Option<Carrier<'a>>,
    no_from: bool,
    span: Span,
}

/// Where the conversions come from.
pub(super) enum Conversions {
    /// From the cases with these places; the impls that `#[from]` or the user writes are left out
    /// when they are written.
    Carriers {
        dbop: Option<usize>,
        sqlx: Option<usize>,
    },
    /// From the case with this place, whose driver's error can carry them.
    Driver(usize),
    /// From a function that takes `dbop::Error`.
    Function(Path),
    /// The user writes them.
    Manual,
    /// Nobody knows; that was reported.
    Missing,
    /// `#[from]` makes one of them, and nobody knows which; that was reported.
    Unclear,
}

pub(super) struct Model<'a> {
    pub(super) input: &'a DeriveInput,
    pub(super) krate: Option<Path>,
    pub(super) cases: Vec<Case<'a>>,
    pub(super) conversions: Conversions,
}

impl<'a> Model<'a> {
    /// `None` for a union, which has no cases.
    pub(super) fn new(input: &'a DeriveInput, errors: &mut Errors) -> Option<Model<'a>> {
        let (cases, whole) = match &input.data {
            Data::Enum(data) => {
                let whole = settings::read_settings(&input.attrs, &settings::ON_ENUM, errors);
                let cases = data.variants.iter().map(|variant| {
                    let own =
                        settings::read_settings(&variant.attrs, &settings::ON_VARIANT, errors);
                    let name = &variant.ident;
                    Case::new(quote!(Self::#name), name, &variant.fields, &own, errors)
                });
                (cases.collect(), whole)
            }
            Data::Struct(data) => {
                let whole = settings::read_settings(&input.attrs, &settings::ON_STRUCT, errors);
                (
                    vec![Case::new(
                        quote!(Self),
                        &input.ident,
                        &data.fields,
                        &whole,
                        errors,
                    )],
                    whole,
                )
            }
            Data::Union(data) => {
                errors.on(data.union_token, "`DbError` cannot be derived for a union: nothing says which field holds the error; use an enum");
                return None;
            }
        };
        let conversions = conversions(input, &cases, &whole, errors);
        Some(Model {
            input,
            krate: whole.krate.map(|given| given.value),
            cases,
            conversions,
        })
    }

    /// Whether the user writes the conversion from this error.
    pub(super) fn is_manual(&self, kind: CarriedError) -> bool {
        self.cases
            .iter()
            .any(|case| case.no_from && case.carries(kind))
    }
}

impl<'a> Case<'a> {
    fn new(
        path: TokenStream,
        name: &Ident,
        fields: &'a Fields,
        own: &Settings,
        errors: &mut Errors,
    ) -> Case<'a> {
        let category = own.category.as_ref().map(|given| given.value);
        let mut carriers: Vec<_> = fields
            .members()
            .zip(fields)
            .filter_map(|(member, field)| Carrier::of(member, field, fields, own, errors))
            .collect();
        if let Some(mark) = own
            .sqlx
            .as_ref()
            .or(own.dbop.as_ref())
            .or(own.driver.as_ref())
            .filter(|_| fields.len() != 1)
        {
            errors.at(mark.key.span(), format!("`{name}` has {} fields; put `#[db_error({mark})]` on the one that carries the error", fields.len()));
        }
        if carriers.len() > 1 {
            carriers.retain(|carrier| carrier.marked);
        }
        // A stated category is the answer, whatever the fields are.
        let carrier = if category.is_none() && carriers.len() == 1 {
            carriers.pop()
        } else {
            None
        };
        Case {
            path,
            fields,
            category,
            carrier,
            no_from: own.no_from.is_some(),
            span: name.span(),
        }
    }

    fn carries(&self, kind: CarriedError) -> bool {
        self.carrier
            .as_ref()
            .is_some_and(|carrier| carrier.kind == kind)
    }

    pub(super) fn can_be_made(&self, kind: CarriedError) -> bool {
        !self.no_from
            && self
                .carrier
                .as_ref()
                .is_some_and(|carrier| carrier.kind == kind && carrier.alone)
    }
}

impl<'a> Carrier<'a> {
    fn of(
        member: Member,
        field: &'a Field,
        fields: &Fields,
        case: &Settings,
        errors: &mut Errors,
    ) -> Option<Carrier<'a>> {
        let own = settings::read_settings(&field.attrs, &settings::ON_FIELD, errors);
        let alone = fields.len() == 1;
        let has = |pick: fn(&Settings) -> bool| pick(&own) || (alone && pick(case));
        let boxed = types::wrapped(&field.ty, "Box");
        let ty = boxed.unwrap_or(&field.ty);
        let marks = [
            has(|settings| settings.dbop.is_some()).then_some(CarriedError::Dbop),
            has(|settings| settings.sqlx.is_some()).then_some(CarriedError::Sqlx),
            has(|settings| settings.driver.is_some()).then_some(CarriedError::Driver),
        ];
        let mut marks = marks.into_iter().flatten();
        let mark = match (marks.next(), marks.next()) {
            // That was reported.
            (Some(first), Some(_)) => by_name(ty).or(Some(first)),
            (mark, _) => mark,
        };
        let kind = mark.or_else(|| by_name(ty))?;
        Some(Carrier {
            kind,
            member,
            ty,
            boxed: boxed.is_some(),
            has_from: has_from(&field.attrs),
            marked: mark.is_some(),
            alone,
        })
    }
}

fn has_from(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("from"))
}

/// `dbop::Error`, `::sqlx::Error`, `sqlx::error::Error`, `rusqlite::Error`, `diesel::result::Error`.
fn by_name(ty: &Type) -> Option<CarriedError> {
    let Type::Path(path) = types::ungrouped(ty) else {
        return None;
    };
    let segments: Vec<_> = path
        .path
        .segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect();
    let krate = match segments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [.., krate, "error" | "result", "Error"] | [.., krate, "Error"] => (*krate).to_owned(),
        _ => return None,
    };
    match krate.as_str() {
        "dbop" => Some(CarriedError::Dbop),
        "sqlx" => Some(CarriedError::Sqlx),
        "rusqlite" | "diesel" | "postgres" | "tokio_postgres" => Some(CarriedError::Driver),
        _ => None,
    }
}

/// The crate `postgres` makes its errors itself, and they carry nothing else.
fn carries_nothing_else(ty: &Type) -> bool {
    let tokens = ty.to_token_stream();
    tokens.into_iter().any(|token| {
        let name = token.to_string();
        name == "postgres" || name == "tokio_postgres"
    })
}

fn conversions(
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
    // `#[from] Error` converts from an error that a generated conversion may convert from, too.
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
        None if let Some(at) = only_driver(cases) => Conversions::Driver(at),
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
    }
}

/// The one case that can be made of anything because its driver's error can carry it.
fn only_driver(cases: &[Case<'_>]) -> Option<usize> {
    let mut possible = (0..cases.len()).filter(|&at| {
        let carrier = cases[at].carrier.as_ref();
        cases[at].can_be_made(CarriedError::Driver)
            && carrier.is_some_and(|carrier| !carries_nothing_else(carrier.ty))
    });
    possible.next().filter(|_| possible.next().is_none())
}

/// Several were found, and it was reported.
struct Ambiguous;

/// The case that `?` makes from this error.
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

/// Reports fields whose type is a bare `Error`, which may be any.
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

/// Says why nothing carries the database's error, as precisely as the type allows.
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

/// Nothing can be made of a `dbop::Error`, although there is a carrier.
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
