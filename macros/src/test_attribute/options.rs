//! The options of `#[dbop::test]`.

use proc_macro2::TokenStream;
use syn::{LitStr, Path};

use crate::database::Database;
use crate::errors::Errors;
use crate::options::reader::{self, Given, Row};

/// Every option; `None` and `false` stand for what was not written.
#[derive(Default)]
pub(super) struct Options {
    pub(super) on: Option<Given<Vec<Database>>>,
    pub(super) migrations: Option<Given<LitStr>>,
    pub(super) fixtures: Option<Given<Vec<LitStr>>>,
    pub(super) in_memory: Option<Given<()>>,
    /// Whether the runtime has several threads.
    pub(super) multi_thread: Option<Given<bool>>,
    pub(super) krate: Option<Given<Path>>,
}

static TABLE: [Row<Options>; 6] = [
    Row::new("on", "on = [Sqlite, Postgres]", |options, value| {
        value.words(&Database::ALL).map(|given| options.on = given)
    }),
    Row::new(
        "migrations",
        "migrations = \"./migrations\"",
        |options, value| value.string().map(|given| options.migrations = given),
    ),
    Row::new("fixtures", "fixtures(\"users.sql\")", |options, value| {
        value.strings().map(|given| options.fixtures = given)
    }),
    Row::new("in_memory", "in_memory", |options, value| {
        value.flag().map(|given| options.in_memory = given)
    }),
    Row::new("flavor", "flavor = multi_thread", |options, value| {
        let flavors = [("current_thread", false), ("multi_thread", true)];
        value
            .word(&flavors)
            .map(|given| options.multi_thread = given)
    }),
    Row::new("crate", "crate = ::path::to::dbop", |options, value| {
        value.path().map(|given| options.krate = given)
    }),
];

pub(super) fn read(tokens: TokenStream, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    reader::read_options(tokens, &TABLE, "`#[dbop::test]`", &mut options, errors);
    options
}
