//! What looks like a session and is none: a pool, a handle in `self`, an executor of any database.
//! The advice is written with the user's own names.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{FnArg, Pat, PatType, Signature, Type, TypeParamBound};

use super::types;
use crate::options::Attribute;
use crate::tokens::{is_ident, is_punct};

/// A place where the user seems to have meant a session.
pub(crate) struct Lookalike {
    /// The tokens that a message underlines.
    pub(crate) place: TokenStream,
    kind: Kind,
    /// The database, if the type tells; for example `Postgres`.
    database: Option<String>,
}

enum Kind {
    /// `pool: &PgPool` or `db: &Db<Sqlite>`, with the name of the parameter.
    Pool(String),
    /// `State(pool): State<PgPool>`, from which a web framework takes the pool.
    Extracted,
    /// `conn: &mut PoolConnection<_>`, `conn: PgConnection` and the like, with the parameter's name.
    Connection(String),
    /// `executor: impl Executor<'_, Database = DB>`, or a trait of the user's own.
    Executor,
    /// `tx: Option<&mut Transaction<'_, _>>`.
    Optional,
    /// `self.pool`, or `self.pool()`.
    InSelf(String),
}

/// Finds what looks like the session of a function that has none.
pub(crate) fn find(signature: &Signature, body: &TokenStream) -> Option<Lookalike> {
    let parameters = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(parameter) => Some(parameter),
        FnArg::Receiver(_) => None,
    });
    let mut found = parameters.filter_map(|parameter| of_parameter(parameter, signature));
    found.next().or_else(|| {
        let handle = signature.receiver().and_then(|_| in_self(body.clone()))?;
        Some(Lookalike {
            place: signature.ident.to_token_stream(),
            kind: Kind::InSelf(handle),
            database: None,
        })
    })
}

fn of_parameter(parameter: &PatType, signature: &Signature) -> Option<Lookalike> {
    let name = match &*parameter.pat {
        Pat::Ident(pattern) => pattern.ident.to_string(),
        _ => "conn".to_owned(),
    };
    let ty = types::reference(&parameter.ty).map_or(&*parameter.ty, |(inner, _)| inner);
    let wrappers = ["State", "Extension", "Data"];
    let (ty, is_extracted) = match wrappers.iter().find_map(|name| types::wrapped(ty, name)) {
        Some(inner) => (inner, true),
        None => (types::wrapped(ty, "Arc").unwrap_or(ty), false),
    };
    let (kind, database) = match word_of(ty) {
        Some((word, database)) => match word.as_str() {
            "PgPool" | "SqlitePool" | "Pool" | "Db" if is_extracted => (Kind::Extracted, database),
            "PgPool" | "SqlitePool" | "Pool" | "Db" => (Kind::Pool(name), database),
            "PoolConnection" | "PgConnection" | "SqliteConnection" => {
                (Kind::Connection(name), database)
            }
            "Option" if types::optional_transaction(ty).is_some() => (Kind::Optional, None),
            _ if is_any_executor(ty, signature) => (Kind::Executor, None),
            _ => return None,
        },
        None if is_any_executor(ty, signature) => (Kind::Executor, None),
        None => return None,
    };
    Some(Lookalike {
        place: parameter.to_token_stream(),
        kind,
        database,
    })
}

/// Returns the last word of a type, and the database that the word or its argument names.
fn word_of(ty: &Type) -> Option<(String, Option<String>)> {
    let segment = types::last_segment(ty)?;
    let word = segment.ident.to_string();
    let argument = match types::type_arguments(segment).as_slice() {
        [database] => Some(database.to_token_stream().to_string().replace(' ', "")),
        _ => None,
    };
    let database = match word.as_str() {
        "PgPool" | "PgConnection" => Some("Postgres".to_owned()),
        "SqlitePool" | "SqliteConnection" => Some("Sqlite".to_owned()),
        _ => argument,
    };
    Some((word, database))
}

/// Returns whether the type, or the type parameter that it names, is bounded by a trait that is
/// called an executor.
fn is_any_executor(ty: &Type, signature: &Signature) -> bool {
    let is_executor = |bound: &TypeParamBound| match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last();
            let name = last.map(|segment| segment.ident.to_string());
            name.is_some_and(|name| name.ends_with("Executor") || name == "Acquire")
        }
        _ => false,
    };
    if let Type::ImplTrait(opaque) = types::ungrouped(ty) {
        return opaque.bounds.iter().any(is_executor);
    }
    let Some(segment) = types::last_segment(ty) else {
        return false;
    };
    let generics = &signature.generics;
    let mut declared = generics.type_params();
    let declared = declared.find(|declared| declared.ident == segment.ident);
    let in_where = generics
        .where_clause
        .iter()
        .flat_map(|clause| &clause.predicates);
    let mut in_where = in_where.filter_map(|predicate| match predicate {
        syn::WherePredicate::Type(predicate) => Some(predicate),
        _ => None,
    });
    declared.is_some_and(|declared| {
        declared.bounds.iter().any(is_executor)
            || in_where.any(|predicate| {
                let bounded = &predicate.bounded_ty;
                let bounded = types::reference(bounded).map_or(bounded, |(inner, _)| inner);
                let named = types::last_segment(bounded).map(|segment| &segment.ident);
                named == Some(&declared.ident) && predicate.bounds.iter().any(is_executor)
            })
    })
}

/// Finds `&self.pool`, `self.pool.begin()` or `self.pool.acquire()` in a body, also with `pool()`.
fn in_self(body: TokenStream) -> Option<String> {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token
            && let Some(found) = in_self(group.stream())
        {
            return Some(found);
        }
        let [this, dot, TokenTree::Ident(field), rest @ ..] = &tokens[at..] else {
            continue;
        };
        if !(is_ident(this, "self") && is_punct(dot, '.') && is_handle(field)) {
            continue;
        }
        let (call, rest) = match rest {
            [TokenTree::Group(arguments), rest @ ..] if arguments.stream().is_empty() => {
                ("()", rest)
            }
            rest => ("", rest),
        };
        let is_lent = at > 0 && is_punct(&tokens[at - 1], '&');
        let opens = matches!(rest, [dot, method, ..]
            if is_punct(dot, '.') && (is_ident(method, "begin") || is_ident(method, "acquire")));
        if is_lent || opens || !call.is_empty() {
            return Some(format!("self.{field}{call}"));
        }
    }
    None
}

fn is_handle(field: &Ident) -> bool {
    let field = field.to_string();
    ["pool", "db", "database"].contains(&&*field) || field.ends_with("_pool")
}

impl Lookalike {
    /// Says what to write in the place of what was found.
    pub(crate) fn advice(&self, attribute: Attribute) -> String {
        let database = self.database.as_deref().unwrap_or("DB");
        let (name, ty) = match attribute {
            Attribute::DbOp => ("conn", "Conn"),
            Attribute::Transactional => ("tx", "Tx"),
        };
        let parameter = format!("{name}: &mut {ty}<'_, {database}>");
        let with = |option: String| attribute.with(&option);
        let which = match &self.database {
            Some(_) => "",
            None => ", where `DB` is `Postgres` or `Sqlite`",
        };
        match &self.kind {
            Kind::Pool(pool) => format!(
                "take `{parameter}` in place of `{pool}`{which}, and write `&mut *{name}` where the body runs statements on `{pool}`; callers go on passing the pool"
            ),
            Kind::Extracted => format!(
                "move the statements to a function with `{parameter}`{which}, and call that function with the pool"
            ),
            Kind::Connection(conn) => match self.database.as_deref() {
                Some("Postgres") => {
                    format!("take `{conn}: &mut PgConnection`; callers may pass what they pass now")
                }
                Some("Sqlite") => format!(
                    "take `{conn}: &mut SqliteConnection`; callers may pass what they pass now"
                ),
                _ => format!("take `{parameter}`{which}; callers may pass what they pass now"),
            },
            Kind::Executor => {
                "name the database, as in `impl Executor<'_, Database = Postgres>`".to_owned()
            }
            Kind::Optional => format!(
                "say where the transaction comes from if there is none, as in {}",
                Attribute::Transactional.with("db = self.pool")
            ),
            Kind::InSelf(handle) => format!(
                "write {}, add the parameter `{parameter}`{which}, and write `&mut *{name}` in place of `{handle}`; callers stay as they are",
                with(format!("db = {handle}"))
            ),
        }
    }
}
