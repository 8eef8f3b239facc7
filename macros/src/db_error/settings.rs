//! The options in `#[db_error(..)]` on the type, a variant or a field.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Meta, Path};

use crate::errors::Errors;
use crate::options::reader::{self, Given, Row};

/// Every option of `#[db_error]`. The tables below say which options are valid where.
#[derive(Default)]
pub(super) struct Settings {
    /// The name of the variant of `Category`.
    pub(super) category: Option<Given<&'static str>>,
    /// The HTTP status of the variant.
    pub(super) status: Option<Given<u16>>,
    pub(super) sqlx: Option<Given<()>>,
    pub(super) dbop: Option<Given<()>>,
    pub(super) driver: Option<Given<()>>,
    /// The field says how long a service asks to be left alone.
    pub(super) retry_after: Option<Given<()>>,
    pub(super) no_from: Option<Given<()>>,
    pub(super) from: Option<Given<Path>>,
    pub(super) krate: Option<Given<Path>>,
}

/// The words for the variants of `Category`, with the names of the variants.
const CATEGORIES: [(&str, &str); 11] = [
    ("transient", "Transient"),
    ("integrity", "Integrity"),
    ("query", "Query"),
    ("programming", "Programming"),
    ("data", "Data"),
    ("permission", "Permission"),
    ("resource", "Resource"),
    ("ambiguous", "Ambiguous"),
    ("cancelled", "Cancelled"),
    ("internal", "Internal"),
    ("application", "Application"),
];

const CATEGORY: Row<Settings> = Row::new("category", "category = transient", |settings, value| {
    value
        .word(&CATEGORIES)
        .map(|given| settings.category = given)
});
const STATUS: Row<Settings> = Row::new("status", "status = 409", |settings, value| {
    value
        .whole_number(400..=599)
        .map(|given| settings.status = given)
});
const SQLX: Row<Settings> = Row::new("sqlx", "sqlx", |settings, value| {
    value.flag().map(|given| settings.sqlx = given)
});
const DBOP: Row<Settings> = Row::new("dbop", "dbop", |settings, value| {
    value.flag().map(|given| settings.dbop = given)
});
const DRIVER: Row<Settings> = Row::new("driver", "driver", |settings, value| {
    value.flag().map(|given| settings.driver = given)
});
const RETRY_AFTER: Row<Settings> = Row::new("retry_after", "retry_after", |settings, value| {
    value.flag().map(|given| settings.retry_after = given)
});
const NO_FROM: Row<Settings> = Row::new("no_from", "no_from", |settings, value| {
    value.flag().map(|given| settings.no_from = given)
});
const FROM: Row<Settings> = Row::new("from", "from = Self::from_database", |settings, value| {
    value.path().map(|given| settings.from = given)
});
const CRATE: Row<Settings> = Row::new("crate", "crate = ::path::to::dbop", |settings, value| {
    value.path().map(|given| settings.krate = given)
});

/// A place where `#[db_error]` may stand.
pub(super) struct Place {
    name: &'static str,
    rows: &'static [Row<Settings>],
}

pub(super) static ON_ENUM: Place = Place {
    name: "`#[db_error]` on an enum",
    rows: &[NO_FROM, FROM, CRATE],
};
pub(super) static ON_STRUCT: Place = Place {
    name: "`#[db_error]` on a struct",
    rows: &[CATEGORY, STATUS, SQLX, DBOP, DRIVER, NO_FROM, FROM, CRATE],
};
pub(super) static ON_VARIANT: Place = Place {
    name: "`#[db_error]` on a variant",
    rows: &[CATEGORY, STATUS, SQLX, DBOP, DRIVER, NO_FROM],
};
pub(super) static ON_FIELD: Place = Place {
    name: "`#[db_error]` on a field",
    rows: &[SQLX, DBOP, DRIVER, RETRY_AFTER],
};

/// Reads all `#[db_error(..)]` among the attributes as if they were one.
pub(super) fn read_settings(
    attributes: &[Attribute],
    place: &Place,
    errors: &mut Errors,
) -> Settings {
    let mut tokens = TokenStream::new();
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("db_error"))
    {
        match &attribute.meta {
            Meta::List(list) => {
                let list = &list.tokens;
                tokens.extend(if tokens.is_empty() {
                    quote!(#list)
                } else {
                    quote!(, #list)
                });
            }
            other => {
                let valid = crate::suggest::list(place.rows.iter().map(|row| row.name));
                errors.on(
                    other,
                    format!("`#[db_error(..)]` needs options; valid here: {valid}"),
                );
            }
        }
    }
    let mut settings = Settings::default();
    reader::read_options(tokens, place.rows, place.name, &mut settings, errors);
    let marks = [&settings.sqlx, &settings.dbop, &settings.driver];
    if let [_, second, ..] = &*marks.into_iter().flatten().collect::<Vec<_>>() {
        errors.at(
            second.key.span(),
            "a field carries one of these errors; keep either `sqlx`, `dbop` or `driver`",
        );
    }
    settings
}
