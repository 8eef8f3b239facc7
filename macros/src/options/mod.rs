//! The options between the parentheses of `#[db_op(..)]`, `#[transactional(..)]` and `#[guarded(..)]`.

pub(crate) mod duration;
mod guarded;
pub(crate) mod reader;

use proc_macro2::TokenStream;
use syn::{Expr, ExprPath, LitStr, Path};

use crate::database::Database;
use crate::errors::Errors;
use crate::lint_attributes::NamedLint;
use reader::{Given, Row, Value, Written};

/// The attribute that is being expanded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attribute {
    DbOp,
    Transactional,
    Guarded,
}

impl Attribute {
    /// Returns the attribute as users write it, for messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Attribute::DbOp => "`#[db_op]`",
            Attribute::Transactional => "`#[transactional]`",
            Attribute::Guarded => "`#[guarded]`",
        }
    }

    /// Returns the attribute with an option, for messages.
    pub(crate) fn with(self, option: &str) -> String {
        format!("{}({option})]`", self.name().trim_end_matches("]`"))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Isolation {
    Serializable,
    RepeatableRead,
    ReadCommitted,
}

const ISOLATIONS: [(&str, Isolation); 3] = [
    ("serializable", Isolation::Serializable),
    ("repeatable_read", Isolation::RepeatableRead),
    ("read_committed", Isolation::ReadCommitted),
];

/// `retry = never` or `retry(..)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Retry {
    Never,
    /// The parts that were written. The database's policy says the others.
    Parts {
        attempts: Option<u32>,
        base_ms: Option<u64>,
        cap_ms: Option<u64>,
    },
}

/// `timeout = "2s"` or `timeout = none`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Timeout {
    Millis(u64),
    /// No deadline, not even the default one.
    None,
}

/// `max_concurrency = 8` or `max_concurrency(limit = 8, when_full = reject)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limit {
    pub(crate) calls: u32,
    /// Whether a call that finds all places taken waits until its deadline. Otherwise the call is
    /// refused.
    pub(crate) wait: bool,
}

/// What callers pass for the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Callers {
    /// A session or a handle by value: `tx: impl Scope<DB>`.
    Scope,
    /// Whatever they have behind `&mut`: `conn: &mut impl Place<DB>`.
    Place,
    /// Nothing, because the option `db` says where the session comes from.
    Nothing,
    /// `tx: Option<&mut Transaction<'_, DB>>`, as it was written. The option `db` says where the
    /// session comes from if they pass `None`.
    Optional,
}

/// The options that were written, each value with its key.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) read_only: Option<Given<()>>,
    pub(crate) idempotent: Option<Given<()>>,
    pub(crate) retry: Option<Given<Retry>>,
    pub(crate) timeout: Option<Given<Timeout>>,
    pub(crate) name: Option<Given<LitStr>>,
    pub(crate) db: Option<Given<Expr>>,
    pub(crate) callers: Option<Given<Callers>>,
    pub(crate) on: Option<Given<Vec<Database>>>,
    /// The plain twin of an async function.
    pub(crate) plain: Option<Given<ExprPath>>,
    /// Whoever calls a plain function is told to call this, or the generated async function.
    pub(crate) prefer_async: Option<Given<Option<ExprPath>>>,
    pub(crate) max_concurrency: Option<Given<Limit>>,
    pub(crate) krate: Option<Given<Path>>,
    pub(crate) isolation: Option<Given<Isolation>>,
    pub(crate) deferrable: Option<Given<()>>,
    pub(crate) nested: Option<Given<()>>,
    pub(crate) once: Option<Given<Expr>>,
    /// How many items a transaction takes, for a function in chunks.
    pub(crate) chunk: Option<Given<u32>>,
    /// The key under which a function in chunks goes on.
    pub(crate) resume: Option<Given<Expr>>,
    /// What a function in chunks calls after each chunk.
    pub(crate) progress: Option<Given<Expr>>,
    pub(crate) allow: Option<Given<Vec<NamedLint>>>,
    pub(crate) in_impl: Option<Given<()>>,
    pub(crate) in_trait_impl: Option<Given<()>>,
    /// The circuit breaker of a guarded function.
    pub(crate) breaker: Option<Given<LitStr>>,
    /// How long an attempt of a guarded function may take, in milliseconds.
    pub(crate) attempt_timeout: Option<Given<u64>>,
}

impl Options {
    /// Returns whether the user has said that a second run does no harm.
    pub(crate) fn says_repeatable(&self) -> bool {
        self.read_only.is_some() || self.idempotent.is_some()
    }

    /// Returns the key by which the arguments are told apart from those of an earlier call.
    pub(crate) fn key(&self) -> Option<&Given<Expr>> {
        self.once.as_ref().or(self.resume.as_ref())
    }

    /// Returns the option `retry` if it asks for replays of an operation that is not declared
    /// `read_only` or `idempotent`.
    pub(crate) fn undeclared_retry(&self) -> Option<&Given<Retry>> {
        let retry = self.retry.as_ref();
        retry.filter(|retry| retry.value != Retry::Never && !self.says_repeatable())
    }
}

const TRANSACTIONAL: &str = Attribute::Transactional.name();

/// The table of all options of an operation on a database. [`guarded`] has that of `#[guarded]`.
static TABLE: [Row<Options>; 22] = [
    Row::new("read_only", "read_only", |options, value| {
        value.flag().map(|given| options.read_only = given)
    }),
    Row::new("idempotent", "idempotent", |options, value| {
        value.flag().map(|given| options.idempotent = given)
    }),
    Row::new(
        "retry",
        "retry = never` or `retry(attempts = 5, base = \"10ms\", cap = \"1s\")",
        |options, value| read_retry(value).map(|given| options.retry = given),
    ),
    Row::new(
        "timeout",
        "timeout = \"2s\"` or `timeout = none",
        |options, value| read_timeout(value).map(|given| options.timeout = given),
    ),
    Row::new("name", "name = \"orders.place\"", |options, value| {
        read_name(value).map(|given| options.name = given)
    }),
    Row::new("db", "db = self.db", |options, value| {
        value.expression().map(|given| options.db = given)
    }),
    Row::new("callers", "callers = scope", |options, value| {
        let words = [("scope", Callers::Scope), ("place", Callers::Place)];
        value.word(&words).map(|given| options.callers = given)
    }),
    Row::new("on", "on = [Sqlite, Postgres]", |options, value| {
        value.words(&Database::ALL).map(|given| options.on = given)
    }),
    Row::new("plain", "plain = add_user_plain", |options, value| {
        value.function().map(|given| options.plain = given)
    }),
    Row::new(
        "prefer_async",
        "prefer_async` or `prefer_async = add_user",
        |options, value| {
            value
                .flag_or_function()
                .map(|given| options.prefer_async = given)
        },
    ),
    Row::new(
        "max_concurrency",
        "max_concurrency = 8` or `max_concurrency(limit = 8, when_full = reject)",
        |options, value| read_limit(value).map(|given| options.max_concurrency = given),
    ),
    Row::new("crate", "crate = ::path::to::dbop", |options, value| {
        value.path().map(|given| options.krate = given)
    }),
    Row::new(
        "allow",
        "allow(foreign_await, reason = \"..\")",
        |options, value| value.lints().map(|given| options.allow = given),
    ),
    Row::new("in_impl", "in_impl", |options, value| {
        value.flag().map(|given| options.in_impl = given)
    }),
    Row::new("in_trait_impl", "in_trait_impl", |options, value| {
        value.flag().map(|given| options.in_trait_impl = given)
    }),
    Row::<Options>::new("isolation", "isolation = serializable", |options, value| {
        value
            .word(&ISOLATIONS)
            .map(|given| options.isolation = given)
    })
    .only_on(TRANSACTIONAL),
    Row::<Options>::new("deferrable", "deferrable", |options, value| {
        value.flag().map(|given| options.deferrable = given)
    })
    .only_on(TRANSACTIONAL),
    Row::<Options>::new("nested", "nested", |options, value| {
        value.flag().map(|given| options.nested = given)
    })
    .only_on(TRANSACTIONAL),
    Row::<Options>::new("once", "once = order_id", |options, value| {
        value.expression().map(|given| options.once = given)
    })
    .only_on(TRANSACTIONAL),
    Row::<Options>::new("chunk", "chunk = 500", |options, value| {
        value.count().map(|given| options.chunk = given)
    })
    .only_on(TRANSACTIONAL),
    Row::<Options>::new("resume", "resume = file_name", |options, value| {
        value.expression().map(|given| options.resume = given)
    })
    .only_on(TRANSACTIONAL),
    Row::<Options>::new(
        "progress",
        "progress = |done| println!(\"{}\", done.items)",
        |options, value| value.expression().map(|given| options.progress = given),
    )
    .only_on(TRANSACTIONAL),
];

/// Step one of an attribute: turns the text into values, each valid on its own. [`crate::checks`]
/// looks at whether the values fit together.
pub(crate) fn parse(attribute: Attribute, tokens: TokenStream, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    let table: &[_] = match attribute {
        Attribute::DbOp | Attribute::Transactional => &TABLE,
        Attribute::Guarded => &guarded::TABLE,
    };
    reader::read_options(tokens, table, attribute.name(), &mut options, errors);
    if attribute == Attribute::Guarded {
        guarded::declare(&mut options);
    }
    options
}

fn read_name(value: &mut Value<'_>) -> Written<LitStr> {
    let name = value.string()?;
    match &name {
        Some(given) if given.value.value().trim().is_empty() => Err(syn::Error::new(
            given.value.span(),
            "an operation's name must not be empty: traces and statistics are listed under it",
        )),
        _ => Ok(name),
    }
}

fn read_timeout(value: &mut Value<'_>) -> Written<Timeout> {
    // Words that other libraries use for a call without a timeout.
    const LIKE_NONE: [&str; 12] = [
        "disabled",
        "forever",
        "infinite",
        "infinity",
        "max",
        "never",
        "nil",
        "no",
        "null",
        "off",
        "unbounded",
        "unlimited",
    ];
    let given = value.duration_or("none", &LIKE_NONE)?;
    let timeout = given.map(|given| given.value.map_or(Timeout::None, Timeout::Millis));
    Ok(timeout.and_then(|timeout| value.given(timeout)))
}

#[derive(Default)]
struct Places {
    calls: Option<Given<u32>>,
    wait: Option<Given<bool>>,
}

static LIMIT_TABLE: [Row<Places>; 2] = [
    Row::new("limit", "limit = 8", |places, value| {
        value.count().map(|given| places.calls = given)
    }),
    Row::new("when_full", "when_full = reject", |places, value| {
        let words = [("wait", true), ("reject", false)];
        value.word(&words).map(|given| places.wait = given)
    }),
];

fn read_limit(value: &mut Value<'_>) -> Written<Limit> {
    let (calls, wait) = if value.has_list() {
        let mut places = Places::default();
        value.list(&LIMIT_TABLE, &mut places)?;
        let wait = places.wait.is_none_or(|wait| wait.value);
        match places.calls {
            Some(calls) => (calls.value, wait),
            // A wrong `limit` was reported when it was read.
            None if value.has_mistakes() => return Ok(None),
            None => return Err(value.wrong("needs a `limit`")),
        }
    } else {
        match value.count()? {
            Some(calls) => (calls.value, true),
            None => return Ok(None),
        }
    };
    Ok(value.given(Limit { calls, wait }))
}

#[derive(Default)]
struct Policy {
    attempts: Option<Given<u32>>,
    base_ms: Option<Given<u64>>,
    cap_ms: Option<Given<u64>>,
}

static RETRY_TABLE: [Row<Policy>; 3] = [
    Row::new("attempts", "attempts = 5", |policy, value| {
        value.count().map(|given| policy.attempts = given)
    }),
    Row::new("base", "base = \"10ms\"", |policy, value| {
        value.duration().map(|given| policy.base_ms = given)
    }),
    Row::new("cap", "cap = \"1s\"", |policy, value| {
        value.duration().map(|given| policy.cap_ms = given)
    }),
];

fn read_retry(value: &mut Value<'_>) -> Written<Retry> {
    if !value.has_list() {
        return value.word(&[("never", Retry::Never)]);
    }
    let mut policy = Policy::default();
    value.list(&RETRY_TABLE, &mut policy)?;
    if let (Some(base), Some(cap)) = (&policy.base_ms, &policy.cap_ms)
        && base.value > cap.value
    {
        let message = format!(
            "`{base}` ({} ms) is longer than `cap` ({} ms): no wait may exceed the cap; lower the one or raise the other",
            base.value, cap.value
        );
        return Err(syn::Error::new(base.key.span(), message));
    }
    Ok(value.given(Retry::Parts {
        attempts: policy.attempts.map(|given| given.value),
        base_ms: policy.base_ms.map(|given| given.value),
        cap_ms: policy.cap_ms.map(|given| given.value),
    }))
}

#[cfg(test)]
mod tests;
