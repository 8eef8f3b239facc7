//! The cases of an error type, and which of them carry an error of the database.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Attribute, Field, Fields, Member, Type};

use super::settings::{self, Settings};
use crate::errors::Errors;
use crate::function::types;
use crate::options::reader::Given;

/// The errors that a call of the database can end in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CarriedError {
    Dbop,
    Sqlx,
    /// An error of a synchronous driver.
    Driver,
}

impl CarriedError {
    /// The errors that every operation may end in.
    pub(super) const BOTH: [CarriedError; 2] = [CarriedError::Dbop, CarriedError::Sqlx];

    /// Returns the type as users write it, for messages. For a driver's error, messages advise a
    /// place for `dbop::Error`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            CarriedError::Dbop => "dbop::Error",
            CarriedError::Sqlx => "sqlx::Error",
            CarriedError::Driver => "dbop::Error",
        }
    }
}

/// The field that holds an error of the database.
pub(super) struct Carrier<'a> {
    pub(super) kind: CarriedError,
    pub(super) member: Member,
    /// The type of the error itself, without `Box`.
    pub(super) ty: &'a Type,
    pub(super) boxed: bool,
    /// Whether the field has `#[from]`: then another derive writes the conversion from exactly the
    /// field's type.
    pub(super) has_from: bool,
    /// Whether the field or its case has `#[db_error(sqlx)]`, `#[db_error(dbop)]` or
    /// `#[db_error(driver)]`.
    pub(super) marked: bool,
    /// Whether there is no other field, so that a conversion can make this case from the error
    /// alone.
    pub(super) alone: bool,
}

/// One variant, or the whole struct.
pub(super) struct Case<'a> {
    /// `Self::Variant` or `Self`.
    pub(super) path: TokenStream,
    pub(super) fields: &'a Fields,
    pub(super) category: Option<&'static str>,
    /// The HTTP status with which clients are told of this case.
    pub(super) status: Option<u16>,
    /// The field that says how long a service asks to be left alone.
    pub(super) retry_after: Option<(Member, &'a Type)>,
    pub(super) carrier: Option<Carrier<'a>>,
    pub(super) no_from: bool,
    pub(super) span: Span,
}

impl<'a> Case<'a> {
    pub(super) fn new(
        path: TokenStream,
        name: &Ident,
        fields: &'a Fields,
        own: &Settings,
        errors: &mut Errors,
    ) -> Case<'a> {
        let category = own.category.as_ref().map(|given| given.value);
        let (mut carriers, mut retry_after) = (Vec::new(), None);
        for (member, field) in fields.members().zip(fields) {
            let marks = settings::read_settings(&field.attrs, &settings::ON_FIELD, errors);
            if let Some(mark) = &marks.retry_after {
                check_retry_after(mark, retry_after.is_some(), category, errors);
                retry_after = Some((member, &field.ty));
            } else {
                carriers.extend(Carrier::of(member, field, fields, (own, &marks)));
            }
        }
        if let Some(mark) = own
            .sqlx
            .as_ref()
            .or(own.dbop.as_ref())
            .or(own.driver.as_ref())
            .filter(|_| fields.len() != 1)
        {
            errors.at(mark.key.span(), format!("`{name}` has {} fields; put `#[db_error({mark})]` on the one that carries the error", fields.len()));
        }
        if let (Some(status), Some(carrier)) = (&own.status, carriers.first()) {
            let carried = carrier.kind.name();
            errors.at(status.key.span(), format!("clients are shown the `Display` of a variant with a `status`, and `{name}` carries what the database says; remove `status`, as the status of `{carried}` follows from its category"));
        }
        if carriers.len() > 1 {
            carriers.retain(|carrier| carrier.marked);
        }
        // A category that is written decides, whatever the fields are.
        let carrier = if category.is_none() && carriers.len() == 1 {
            carriers.pop()
        } else {
            None
        };
        Case {
            path,
            fields,
            category,
            status: own.status.as_ref().map(|given| given.value),
            retry_after,
            carrier,
            no_from: own.no_from.is_some(),
            span: name.span(),
        }
    }

    pub(super) fn carries(&self, kind: CarriedError) -> bool {
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

/// Reports a mark `retry_after` that is not the only one, or at a variant that is never tried again.
fn check_retry_after(
    mark: &Given<()>,
    is_second: bool,
    category: Option<&str>,
    errors: &mut Errors,
) {
    if is_second {
        errors.at(
            mark.key.span(),
            "one field says how long to wait; remove one of the two `retry_after`",
        );
    } else if category != Some("Transient") {
        errors.at(mark.key.span(), "`retry_after` is for a failure that may pass, after which the call is made again; put `#[db_error(category = transient)]` on the variant, or remove the mark");
    }
}

impl<'a> Carrier<'a> {
    fn of(
        member: Member,
        field: &'a Field,
        fields: &Fields,
        (case, own): (&Settings, &Settings),
    ) -> Option<Carrier<'a>> {
        let alone = fields.len() == 1;
        let has = |pick: fn(&Settings) -> bool| pick(own) || (alone && pick(case));
        let boxed = types::wrapped(&field.ty, "Box");
        let ty = boxed.unwrap_or(&field.ty);
        let marks = [
            has(|settings| settings.dbop.is_some()).then_some(CarriedError::Dbop),
            has(|settings| settings.sqlx.is_some()).then_some(CarriedError::Sqlx),
            has(|settings| settings.driver.is_some()).then_some(CarriedError::Driver),
        ];
        let mut marks = marks.into_iter().flatten();
        let mark = match (marks.next(), marks.next()) {
            // The two marks were reported.
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

pub(super) fn has_from(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("from"))
}

/// Returns the error by its name: `dbop::Error`, `::sqlx::Error`, `sqlx::error::Error`,
/// `rusqlite::Error`, `diesel::result::Error`. `None` for any other type.
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
    let names: Vec<_> = segments.iter().map(String::as_str).collect();
    let ([.., krate, "error" | "result", "Error"] | [.., krate, "Error"]) = names.as_slice() else {
        return None;
    };
    match *krate {
        "dbop" => Some(CarriedError::Dbop),
        "sqlx" => Some(CarriedError::Sqlx),
        "rusqlite" | "diesel" | "postgres" | "tokio_postgres" => Some(CarriedError::Driver),
        _ => None,
    }
}
