//! Every identifier and path that generated code contains.
//!
//! Locals carry the span [`generated`], so a body can neither see nor shadow them. Paths are absolute
//! and go through `__private0`, so a user's own `Result`, `Ok` or `Box` does not matter.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{Lifetime, Path};

use crate::spans::{generated, respan};

/// Defines a function for each generated local variable.
macro_rules! locals {
    ($($(#[$doc:meta])* $function:ident = $name:literal;)*) => {
        $($(#[$doc])* pub(crate) fn $function() -> Ident { Ident::new($name, generated()) })*
    };
}

locals! {
    /// The static that describes the operation.
    operation = "__DBOP_OP";
    /// One call, with all its attempts.
    call = "__call";
    /// One attempt of the call.
    attempt = "__attempt";
    /// The key that the option `once` gives.
    key = "__key";
    /// The handle that the option `db` gives.
    db = "__db";
    /// `self` in a closure on another thread, where the keyword cannot be used.
    this = "__self";
    /// The value that runs the body of one attempt.
    body = "__body";
    /// The value that the session parameter borrows from.
    session = "__session";
    /// The transaction of sqlx's that a body gets in an `Option`.
    transaction = "__tx";
    /// Which of a function and its plain twin the call runs.
    way = "__way";
    /// The handle that the plain twin gets.
    plain = "__plain";
    /// A call of a function in chunks.
    chunks = "__chunks";
    /// One chunk, which has a transaction of its own.
    chunk = "__chunk";
    /// The items of the chunk.
    chunk_items = "__chunk_items";
    /// What tells rustc which kind of items callers pass.
    items_kind = "__Items";
    /// The value that the body returned.
    result = "__result";
    /// Where the items of a stream are put.
    items = "__items";
    /// The session parameter, if the user named it `_`.
    unnamed_session = "__scope";
    /// The connection that is lent to a plain function.
    connection = "__conn";
    /// The migrations of a test.
    migrations = "__MIGRATIONS";
    /// The arguments of a job, as the workers read them.
    job_arguments = "__Arguments";
    /// What a worker gives the body of a job.
    job = "__job";
    /// The arguments of a job, before they are taken apart.
    arguments = "__arguments";
    /// What the caller of `enqueue` passes. Documentation shows this name.
    enqueue_scope = "scope";
    /// The jobs that are enqueued together. Documentation shows this name.
    jobs = "jobs";
    /// The error inside that of a function in chunks.
    inner_error = "__Error";
    /// The error in the impls of `#[derive(DbError)]`, and of a call for which there is no way.
    error = "__error";
}

/// The lifetime for which a stream borrows.
pub(crate) fn stream_lifetime() -> Lifetime {
    Lifetime::new("'__stream", generated())
}

/// Names the parameter that takes the place of a pattern in the signature.
pub(crate) fn parameter(index: usize) -> Ident {
    format_ident!("__{index}", span = generated())
}

/// Names the argument that is kept for later attempts.
pub(crate) fn kept(label: &str) -> Ident {
    format_ident!("__kept_{label}", span = generated())
}

/// Names the copy of an argument that one attempt uses up.
pub(crate) fn replayed(label: &str) -> Ident {
    format_ident!("__this_{label}", span = generated())
}

/// Names the state that a job takes at this place among its parameters.
pub(crate) fn state(index: usize) -> Ident {
    format_ident!("__state_{index}", span = generated())
}

/// Names the static that holds the body of a job, where the body is compiled for each database.
pub(crate) fn job_body(database: &str) -> Ident {
    format_ident!("__JOB_ON_{}", database.to_uppercase(), span = generated())
}

/// Names the twin of a plain function: the function as it was written, beside the async one.
pub(crate) fn twin(function: &Ident) -> Ident {
    format_ident!("{}_sync", function.unraw(), span = function.span())
}

/// Names the twin of a plain function where the twin is called. The span is that of generated code:
/// an argument with the same name cannot be meant, and a twin that is not found is reported at the
/// attribute, whose options may help.
pub(crate) fn called_twin(function: &Ident) -> Ident {
    let mut twin = twin(function);
    twin.set_span(generated());
    twin
}

/// Paths into the runtime crate, which a user may have renamed.
pub(crate) struct Runtime {
    krate: TokenStream,
}

macro_rules! private {
    ($($function:ident = $($segment:ident)::+;)*) => {
        $(pub(crate) fn $function(&self) -> TokenStream {
            let (krate, private) = (&self.krate, private());
            quote!(#krate::#private::$($segment)::+)
        })*
    };
}

/// The module of the runtime that generated code uses. Its name has the patch version, so that the two
/// crates are always of one version.
fn private() -> Ident {
    let name = concat!("__private", env!("CARGO_PKG_VERSION_PATCH"));
    Ident::new(name, generated())
}

impl Runtime {
    /// Takes the path from the option `crate`, or `::dbop` if there is none.
    pub(crate) fn new(krate: Option<&Path>) -> Runtime {
        let krate = krate.map_or_else(
            || respan(quote!(::dbop), generated()),
            ToTokens::into_token_stream,
        );
        Runtime { krate }
    }

    /// The runtime crate itself.
    pub(crate) fn krate(&self) -> &TokenStream {
        &self.krate
    }

    /// The type that callers of a plain function pass. The path is a public one, because it appears
    /// in signatures.
    pub(crate) fn blocking_db(&self) -> TokenStream {
        let krate = &self.krate;
        quote!(#krate::blocking::BlockingDb)
    }

    /// The trait of the values that open the connections of a `BlockingDb`.
    pub(crate) fn manager(&self) -> TokenStream {
        let krate = &self.krate;
        quote!(#krate::blocking::Manager)
    }

    private! {
        op = Op;
        isolation = Isolation;
        blocking = Blocking;
        handle = handle;
        sync_connection = SyncConnection;
        off_thread = off_thread;
        two_ways = two_ways;
        way = Way;
        unfit = unfit;
        twin_call = twin_call;
        twin_result = twin_result;
        sent = sent;
        own = own;
        own_option = own_option;
        own_each = own_each;
        lend_owned = lend_owned;
        lend_option = lend_option;
        lend_each = lend_each;
        call = Call;
        choose = choose;
        choose_chunked = choose_chunked;
        chunks = Chunks;
        chunked = Chunked;
        chunk_error = ChunkError;
        unscoped = Unscoped;
        guarded = Guarded;
        stream = stream;
        last_item = LastItem;
        captures = Captures;
        arg = Arg;
        replay = replay;
        lend = lend;
        fake_return = fake_return;
        as_scope = AsScope;
        lent_or = lent_or;
        sqlx_transaction = sqlx::Transaction;
        once_key = OnceKey;
        session_param = SessionParam;
        postgres = Postgres;
        sqlite = Sqlite;
        db_error = DbError;
        cause = Cause;
        driver_error = DriverError;
        category = Category;
        dbop_error = Error;
        sqlx_error = sqlx::Error;
        some = core::option::Option::Some;
        none = core::option::Option::None;
        std_result = core::result::Result;
        option = core::option::Option;
        duration = core::time::Duration;
        from = core::convert::From;
        identity = core::convert::identity;
        display = core::fmt::Display;
        boxed = Box;
        future = core::future::Future;
        file = core::file;
        line = core::line;
        type_name_of_val = core::any::type_name_of_val;
        test = Test;
        termination = Termination;
        migrator = sqlx::migrate::Migrator;
        migrate = sqlx::migrate;
        concat = core::concat;
        module_path = core::module_path;
        include_str = core::include_str;
        debug = core::fmt::Debug;
        default = core::default::Default;
        iterable = core::iter::IntoIterator;
        serde = serde;
        submit = inventory::submit;
        job = Job;
        job_kind = JobKind;
        runs_on = RunsOn;
        job_options = JobOptions;
        job_state = JobState;
        unique = Unique;
        concurrency = Concurrency;
        rate = Rate;
        limit_key = limit_key;
        is_discarded = TakesDiscarded;
        takes_discarded = takes_discarded;
        boxed_future = BoxFuture;
        ended = Ended;
        job_result = JobResult;
        new_job = NewJob;
        enqueued = Enqueued;
        result = Result;
        scope = Scope;
        any_scope = AnyScope;
        either_database = EitherDatabase;
        job_body = JobBody;
        registration = Registration;
        state_type = StateType;
        schedule_of = schedule_of;
    }
}
