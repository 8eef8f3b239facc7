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
    /// `pool: &PgPool`, with the name of the parameter, and whether it is a reference.
    Pool(String, bool),
    /// `State(pool): State<PgPool>`, from which a web framework takes the pool.
    Extracted,
    /// `conn: &mut PoolConnection<_>`, `conn: PgConnection` and the like, with the parameter's name, and
    /// whether it is a `&mut`.
    Connection(String, bool),
    /// `executor: impl Executor<'_, Database = DB>`, or a trait of the user's own.
    Executor,
    /// `tx: Option<&mut Transaction<'_, _>>`.
    Optional,
    /// `self.pool`, or `self.pool()`.
    InSelf(String),
}

/// Finds what looks like the session of a function that has none.
pub(crate) fn find(
    attribute: Attribute,
    signature: &Signature,
    body: &TokenStream,
) -> Option<Lookalike> {
    let parameters = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(parameter) => Some(parameter),
        FnArg::Receiver(_) => None,
    });
    let mut found =
        parameters.filter_map(|parameter| of_parameter(attribute, parameter, signature, body));
    found.next().or_else(|| {
        let handle = signature.receiver().and_then(|_| in_self(body.clone()))?;
        Some(Lookalike {
            place: signature.ident.to_token_stream(),
            kind: Kind::InSelf(handle),
            database: None,
        })
    })
}

fn of_parameter(
    attribute: Attribute,
    parameter: &PatType,
    signature: &Signature,
    body: &TokenStream,
) -> Option<Lookalike> {
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
    let reference = types::reference(&parameter.ty).map(|(_, mutable)| mutable);
    // An operation that only hands its pool to others needs no session. A transaction needs one.
    let is_transaction = attribute == Attribute::Transactional;
    let runs = || is_transaction || is_extracted || runs_statements(body.clone(), &name);
    let (kind, database) = match word_of(ty) {
        Some((word, database)) => match word.as_str() {
            "PgPool" | "SqlitePool" | "Pool" if !runs() => return None,
            "Db" if is_transaction => (Kind::Pool(name, reference.is_some()), database),
            "PgPool" | "SqlitePool" | "Pool" if is_extracted => (Kind::Extracted, database),
            "PgPool" | "SqlitePool" | "Pool" => (Kind::Pool(name, reference.is_some()), database),
            "PoolConnection" | "PgConnection" | "SqliteConnection" => {
                (Kind::Connection(name, reference == Some(true)), database)
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

/// Returns whether a body runs statements on this pool: `.fetch_one(pool)`, `pool.begin()`,
/// `pool.execute(..)`.
fn runs_statements(body: TokenStream, pool: &str) -> bool {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => {
            let is_given = at > 0 && is_runner(&tokens[at - 1]) && mentions_name(group.stream(), pool);
            is_given || runs_statements(group.stream(), pool)
        }
        TokenTree::Ident(name) if name == pool => {
            matches!(&tokens[at + 1..], [dot, method, ..] if is_punct(dot, '.') && is_runner(method))
        }
        _ => false,
    })
}

fn mentions_name(tokens: TokenStream, name: &str) -> bool {
    tokens.into_iter().any(|token| is_ident(&token, name))
}

/// Returns whether the method runs a statement, or takes a connection for that.
fn is_runner(method: &TokenTree) -> bool {
    let TokenTree::Ident(method) = method else {
        return false;
    };
    let method = method.to_string();
    let names = ["acquire", "begin", "try_acquire", "try_begin"];
    method.starts_with("fetch") || method.starts_with("execute") || names.contains(&&*method)
}

/// Finds `&self.pool`, `self.queue.pool.begin()` or `self.pool.acquire()` in a body, also with
/// `pool()`.
fn in_self(body: TokenStream) -> Option<String> {
    let found = field_of_self(body, &is_handle)?;
    let call = if found.is_called { "()" } else { "" };
    found.runs.then(|| format!("self.{}{call}", found.path))
}

/// A field of `self`, and how it is used.
pub(super) struct FieldOfSelf {
    /// The names after `self`, with points between them.
    path: String,
    /// Whether the field is a method, as in `self.pool()`.
    is_called: bool,
    /// Whether statements run on the field: it is given to `.fetch_one(..)` and the like, or `.begin`
    /// follows.
    runs: bool,
}

/// Finds the first field of `self`, or of a field of `self`, that has such a name.
pub(super) fn field_of_self(
    body: TokenStream,
    has_name: &impl Fn(&Ident) -> bool,
) -> Option<FieldOfSelf> {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token
            && let Some(mut found) = field_of_self(group.stream(), has_name)
        {
            found.runs |= at > 0 && is_runner(&tokens[at - 1]);
            return Some(found);
        }
        if !is_ident(token, "self") {
            continue;
        }
        let mut path = Vec::new();
        let mut rest = &tokens[at + 1..];
        while let [dot, TokenTree::Ident(field), after @ ..] = rest
            && is_punct(dot, '.')
        {
            path.push(field.to_string());
            rest = after;
            if has_name(field) {
                let is_called = matches!(rest, [TokenTree::Group(arguments), ..] if arguments.stream().is_empty());
                let after_call = if is_called { &rest[1..] } else { rest };
                let runs = matches!(after_call, [dot, method, ..] if is_punct(dot, '.') && is_runner(method));
                return Some(FieldOfSelf {
                    path: path.join("."),
                    is_called,
                    runs,
                });
            }
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
            Attribute::DbOp | Attribute::Guarded => ("conn", "Conn"),
            Attribute::Transactional => ("tx", "Tx"),
        };
        let parameter = format!("{name}: &mut {ty}<'_, {database}>");
        let with = |option: String| attribute.with(&option);
        let which = match &self.database {
            Some(_) => "",
            None => ", where `DB` is `Postgres` or `Sqlite`",
        };
        match &self.kind {
            Kind::Pool(pool, is_reference) => {
                let callers = match is_reference {
                    true => "callers go on passing the pool",
                    false => "callers pass a reference to the pool",
                };
                format!(
                    "take `{parameter}` in place of `{pool}`{which}, and write `&mut *{name}` where the body runs statements on `{pool}`; {callers}"
                )
            }
            Kind::Extracted => format!(
                "move the statements to a function with `{parameter}`{which}, and call that function with the pool"
            ),
            Kind::Connection(conn, is_mutable) => {
                let callers = match is_mutable {
                    true => "callers may pass what they pass now",
                    false => "callers pass a `&mut` to the connection",
                };
                match self.database.as_deref() {
                    Some("Postgres") => format!("take `{conn}: &mut PgConnection`; {callers}"),
                    Some("Sqlite") => format!("take `{conn}: &mut SqliteConnection`; {callers}"),
                    _ => format!("take `{parameter}`{which}; {callers}"),
                }
            }
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
