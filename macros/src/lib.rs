//! The attributes and derives of dbop.
//!
//! Depend on the crate `dbop`, which re-exports everything here together with the runtime that
//! generated code calls. Nothing in this crate is present at run time.
//!
//! The attributes of operations and guarded functions go through the same four steps. [`options`] reads the options of the attribute.
//! [`function`] makes a model of the annotated function. [`checks`] finds options and functions
//! that do not fit together, and [`lints`] finds mistakes in the body. [`expand`] writes the new
//! function. The mistakes of the first three steps are reported together, and the function is then
//! written with the user's body, so that an editor keeps working on the body.
#![deny(missing_docs)]
// The links above lead to private modules: they are for readers of the source.
#![allow(rustdoc::private_intra_doc_links)]

mod checks;
mod database;
mod db_error;
mod errors;
mod expand;
mod function;
mod job_attribute;
mod lint_attributes;
mod lints;
mod names;
mod options;
mod replay;
mod spans;
mod sql;
mod suggest;
mod test_attribute;
mod tokens;

use database::Database;
use proc_macro::TokenStream;

/// One operation on one database session; each statement commits by itself.
///
/// The function's session parameter is `conn: &mut Conn<'_, DB>`, or what functions over sqlx have:
/// `impl PgExecutor<'_>`, `&mut PgConnection` and others, which `dbop::guide::adoption` lists. Callers
/// pass a `&Db`, a pool, or a session that they already have:
///
/// ```text
/// #[db_op(read_only, timeout = "2s")]
/// async fn balance(conn: &mut Conn<'_, Sqlite>, id: i64) -> Result<i64, BankError> { .. }
///
/// balance(&db, 1).await?;          // a session of its own
/// balance(&mut *conn, 1).await?;   // the session the caller has
/// ```
///
/// A function without a session parameter keeps its signature. It gets the deadline, the statistics
/// and the error category, and is retried only when it is declared `read_only` or `idempotent`.
///
/// The attribute searches the body for mistakes that compile and fail in production: `dbop::lint`
/// lists them.
///
/// The session is the first parameter whose type is one of a session, or the parameter that is marked
/// `#[session]`. The mark also tells the attribute that an alias stands for a session type.
///
/// # Streams
///
/// A `fn` that returns a stream of `Result`s is `read_only`, and its body runs when the stream is
/// polled; `dbop::guide::streams` says how long it may take, and what is retried.
///
/// ```text
/// #[db_op(read_only)]
/// fn accounts(conn: &mut Conn<'_, Sqlite>, least: i64) -> BoxStream<'_, Result<Account, BankError>> { .. }
///
/// let mut stream = accounts(&db, 500);
/// ```
///
/// # Plain functions
///
/// A `fn` that is not async becomes an `async fn` whose body runs on the blocking pool, with a
/// connection of `rusqlite`, diesel or `postgres`; `dbop::blocking` says how. The function as it
/// was written stays, under its name with `_sync` at the end.
///
/// ```text
/// #[db_op(read_only)]
/// fn balance(conn: &mut rusqlite::Connection, id: i64) -> Result<i64, BankError> { .. }
///
/// balance(&blocking_db, 1).await?;
/// balance_sync(&mut conn, 1)?;
/// ```
#[proc_macro_attribute]
pub fn db_op(options: TokenStream, function: TokenStream) -> TokenStream {
    expand_operation(options::Attribute::DbOp, options.into(), function.into()).into()
}

/// One database transaction: committed when the function returns `Ok`, rolled back otherwise.
///
/// The function's session parameter is `tx: &mut Tx<'_, DB>`, or what functions over sqlx have, which
/// `dbop::guide::adoption` lists. Callers pass a `&Db` or a pool, or a transaction that they already
/// have, which the call then joins:
///
/// ```text
/// #[transactional(isolation = serializable)]
/// async fn transfer(tx: &mut Tx<'_, Postgres>, from: i64, to: i64, cents: i64) -> Result<(), BankError> { .. }
///
/// transfer(&db, 1, 2, 500).await?;        // a transaction of its own, replayed as a whole when that is safe
/// transfer(&mut *tx, 1, 2, 500).await?;   // part of the caller's transaction
/// ```
///
/// After a transient failure, the transaction is attempted again as soon as it is known to have
/// rolled back. Every attempt gets its own clone of the arguments; a function with an argument that
/// cannot be cloned needs `retry = never`.
///
/// The attribute searches the body for mistakes that compile and fail in production: `dbop::lint`
/// lists them.
///
/// The session is the first parameter whose type is one of a session, or the parameter that is marked
/// `#[session]`. The mark also tells the attribute that an alias stands for a session type.
///
/// # Plain functions
///
/// The body of a `fn` that is not async runs on the blocking pool, as under [`db_op`](macro@db_op),
/// in a transaction on a connection of `rusqlite`, diesel or `postgres`. To join the transaction,
/// another plain function is called by its `_sync` function with the connection. `nested` and
/// `once` are for async functions.
///
/// # Once for each key
///
/// ```text
/// #[transactional(once = order.id)]
/// async fn pay(tx: &mut Tx<'_, Postgres>, order: &Order, #[once(skip)] clock: &Clock) -> Result<Receipt, BankError> { .. }
/// ```
///
/// For each key, exactly one transaction takes effect, and every caller gets what that transaction
/// returned. This holds however often the function is called, by many callers at the same time, in
/// several processes, and when the answer to a COMMIT was lost. The key is any value with a
/// `Display`. The return value is kept as JSON, so it implements serde's `Serialize` and
/// `Deserialize`.
///
/// - An `Err` is not kept: the transaction rolls back, and the next call with the key runs the
///   body.
/// - The arguments belong to the identity of a call: a second call with the same key and other
///   arguments is an error (`ErrorKind::KeyReused`). Arguments implement `Serialize`; `#[once(skip)]`
///   leaves out an argument that does not say what is to be done, such as a client or a counter. A
///   `HashSet` has no order that could be compared, so it is refused.
/// - Markers are kept for 7 days in the table `dbop_once`, under the operation's `name`. Without a
///   `name`, the path and the types of the function identify the operation. If such a function
///   moves to another module, or another compiler builds it, its old markers may count as those of
///   another function, which is an error: give the operation a `name`.
/// - The first call makes the table. If the application may not create tables, a migration makes
///   the table with `Db::<_>::ONCE_SCHEMA`. All sessions must find the same table: on Postgres,
///   they need the same `search_path`.
/// - If the call joins a transaction, the marker and the body share a savepoint, as with `nested`.
/// - Only the deadline bounds the wait for another call with the same key. The wait is not an
///   attempt, and happens under `retry = never` as well.
#[proc_macro_attribute]
pub fn transactional(options: TokenStream, function: TokenStream) -> TokenStream {
    expand_operation(
        options::Attribute::Transactional,
        options.into(),
        function.into(),
    )
    .into()
}

/// A call of another service, such as a language model or a payment provider: with a circuit breaker, a
/// deadline, retries and a limit of calls at once.
///
/// ```text
/// #[guarded(breaker = "llm", timeout = "30s", retry(attempts = 3, base = "200ms", cap = "5s"), max_concurrency = 8)]
/// async fn generate(client: &reqwest::Client, prompt: &str) -> Result<String, LlmError> { .. }
///
/// generate(&client, "Why is the sky blue?").await?;
/// ```
///
/// The function is an `async fn` of any shape, and keeps its signature. Its error derives `DbError`,
/// whose variants say which failures are outages: those with `#[db_error(category = transient)]`.
///
/// | option | default | meaning |
/// |---|---|---|
/// | `breaker = "llm"` | none | The circuit breaker, which all functions of the process share that name it, with its budget of retries. |
/// | `timeout = "30s"` | 30 s, or that of `dbop::defaults()` | The deadline of the whole call, retries included. |
/// | `attempt_timeout = "10s"` | none | How long one attempt may take. |
/// | `retry(attempts = 3, base = "200ms", cap = "5s")` | nothing is retried | The call may be made again after an outage. |
/// | `max_concurrency = 8` | no limit | How many calls may run at once in this process. |
///
/// `dbop::guide::guarded` has every option, and says what counts as an outage.
#[proc_macro_attribute]
pub fn guarded(options: TokenStream, function: TokenStream) -> TokenStream {
    expand_operation(options::Attribute::Guarded, options.into(), function.into()).into()
}

/// Allows code that a lint of dbop would reject: on an operation, above or below its attribute, or
/// on a statement in its body.
///
/// ```text
/// #[dbop::allow(foreign_await, reason = "the lock service answers in microseconds")]
/// let place = locks.next().await;
/// ```
///
/// The attribute may name several lints, and the reason is for the readers of the code. Write the
/// attribute with its path: `#[allow(..)]` alone is rustc's attribute, which a glob import of dbop
/// makes ambiguous. `dbop::expect`, `dbop::warn` and `dbop::deny` are written the same way.
// The functions have the prefix `lint_` here, because their public names would make rustc's
// attributes ambiguous in this file.
#[proc_macro_attribute]
pub fn lint_allow(lints: TokenStream, item: TokenStream) -> TokenStream {
    lint_level(lint_attributes::Level::Allow, lints, item)
}

/// Allows code like `dbop::allow`, and warns if there is nothing to allow.
#[proc_macro_attribute]
pub fn lint_expect(lints: TokenStream, item: TokenStream) -> TokenStream {
    lint_level(lint_attributes::Level::Expect, lints, item)
}

/// Makes a lint of dbop a warning; written like `dbop::allow`.
#[proc_macro_attribute]
pub fn lint_warn(lints: TokenStream, item: TokenStream) -> TokenStream {
    lint_level(lint_attributes::Level::Warn, lints, item)
}

/// Makes a lint of dbop an error; written like `dbop::allow`.
#[proc_macro_attribute]
pub fn lint_deny(lints: TokenStream, item: TokenStream) -> TokenStream {
    lint_level(lint_attributes::Level::Deny, lints, item)
}

fn lint_level(level: lint_attributes::Level, lints: TokenStream, item: TokenStream) -> TokenStream {
    lint_attributes::move_below(level, lints.into(), item.into()).into()
}

/// A test that gets a database of its own, which is `#[dbop::test]`.
///
/// ```text
/// #[dbop::test(migrations = "./migrations")]
/// async fn a_transfer_moves_the_money(db: AnyDb) -> Result<(), BankError> { .. }
/// ```
///
/// This makes one test for each database, `a_transfer_moves_the_money::sqlite` and
/// `a_transfer_moves_the_money::postgres`, with a database that has been migrated and that nobody else
/// uses. A database of PostgreSQL is made in the server that the variable `DBOP_TEST_DATABASE_URL` names.
///
/// The argument is one of these:
///
/// | argument | is |
/// |---|---|
/// | `AnyDb`, `Db<Sqlite>`, `Db<Postgres>` | a handle |
/// | `SqlitePool`, `PgPool`, `Pool<..>` | a pool of sqlx's |
/// | `&mut Tx<'_, Sqlite>`, `&mut Tx<'_, Postgres>` | a transaction that is rolled back at the end |
// The function is not named `test`, because the name would make `#[test]` ambiguous in this file.
#[proc_macro_attribute]
pub fn database_test(options: TokenStream, function: TokenStream) -> TokenStream {
    test_attribute::expand(options.into(), function.into(), &Database::enabled()).into()
}

/// A durable job: a function that a worker runs later, until the function has succeeded.
///
/// ```text
/// #[job(queue = "mail", max_attempts = 5, timeout = "1m")]
/// async fn send_receipt(job: &Job<Sqlite>, mailer: &Mailer, order: i64) -> Result<(), MailError> { .. }
///
/// send_receipt::enqueue(&mut *tx, 7).await?;   // in the transaction of the caller
/// ```
///
/// `dbop::guide::jobs` says what the parameters are, what each option does, and what holds when a
/// worker dies.
#[proc_macro_attribute]
pub fn job(options: TokenStream, function: TokenStream) -> TokenStream {
    job_attribute::expand(options.into(), function.into(), &Database::enabled()).into()
}

/// Writes the pages of `dbop::lint`.
#[doc(hidden)]
#[proc_macro]
pub fn lint_pages(_: TokenStream) -> TokenStream {
    lints::pages::pages().into()
}

/// Makes an enum the error of database operations: `?` works on `sqlx::Error` and `dbop::Error`,
/// and dbop knows which errors may be retried.
///
/// ```text
/// #[derive(Debug, thiserror::Error, DbError)]
/// enum BankError {
///     #[error("account {0} has insufficient funds")]
///     InsufficientFunds(i64),
///     #[error("try again later")]
///     #[db_error(category = transient)]
///     Busy,
///     #[error(transparent)]
///     Database(#[from] dbop::Error),
/// }
/// ```
///
/// The variant that carries `dbop::Error`, `sqlx::Error` or the error of a synchronous driver takes
/// its category from that error. All other variants count as the application's own errors, which
/// are never retried. A variant with `category = transient` is retried: it counts as an outage, so
/// a call has three attempts (`outage_attempts` of the retry policy) and takes them from the retry
/// budget. An effect that may have been applied is not repeated, as after any other failure.
///
/// The derive writes the conversions that `#[from]` does not write. A struct with one such field
/// works the same way.
///
/// # Options
///
/// | option | where | meaning |
/// |---|---|---|
/// | `category = transient` | variant | the category that the variant counts as: `transient`, `integrity`, `query`, `programming`, `data`, `permission`, `resource`, `ambiguous`, `cancelled`, `internal` or `application` |
/// | `sqlx` | variant or field | its field is `sqlx::Error`, where the type's name does not say so |
/// | `dbop` | variant or field | its field is `dbop::Error`, where the type's name does not say so |
/// | `driver` | variant or field | its field is the error of `rusqlite`, diesel or `postgres`, where the type's name does not say so |
/// | `retry_after` | field | its `Duration` or `Option<Duration>` is how long a service asks to be left alone |
/// | `no_from` | type or variant | the conversions are written by hand |
/// | `from = path` | type | the function that makes the error from a `dbop::Error`, for a type that carries neither |
/// | `crate = ::path::to::dbop` | type | where the crate `dbop` is found |
#[proc_macro_derive(DbError, attributes(db_error))]
pub fn derive_db_error(input: TokenStream) -> TokenStream {
    db_error::derive(input.into()).into()
}

fn expand_operation(
    attribute: options::Attribute,
    options: proc_macro2::TokenStream,
    input: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    let mut errors = errors::Errors::default();
    let options = options::parse(attribute, options, &mut errors);
    checks::check_options(&options, &mut errors);
    let runtime = names::Runtime::new(options.krate.as_ref().map(|path| &path.value));
    let Some(source) = errors.take(syn::parse2::<function::Source>(input.clone())) else {
        return errors.beside(input);
    };
    let mut function =
        match function::Function::model(attribute, &options, source, &runtime, &mut errors) {
            Ok(function) => function,
            Err(source) => return errors.beside(source.original()),
        };
    checks::check_function(attribute, &function, &options, &mut errors);
    let warnings = lints::check(attribute, &mut function, &options, &mut errors);
    match errors.finish() {
        Ok(()) => expand::expand(attribute, &function, &options, &runtime, &warnings),
        // A plain function has no twin here that an editor could show.
        Err(errors) if attribute == options::Attribute::Guarded && function.is_plain() => {
            [errors, function.source.original()].into_iter().collect()
        }
        Err(errors) => [
            errors,
            expand::placeholder(attribute, &function, &options, &runtime, &warnings),
        ]
        .into_iter()
        .collect(),
    }
}
