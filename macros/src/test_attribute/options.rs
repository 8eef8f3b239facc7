//! The options of `#[dbop::test]`.

use proc_macro2::TokenStream;
use syn::{LitStr, Path};

use crate::database::Database;
use crate::errors::Errors;
use crate::options::reader::{self, Given, Row, Value, Written};

/// Every option; `None` and `false` stand for what was not written.
#[derive(Default)]
pub(super) struct Options {
    pub(super) on: Option<Given<Vec<Database>>>,
    pub(super) migrations: Option<Given<Migrations>>,
    pub(super) fixtures: Option<Given<Vec<LitStr>>>,
    pub(super) in_memory: Option<Given<()>>,
    /// Whether the runtime has several threads.
    pub(super) multi_thread: Option<Given<bool>>,
    pub(super) krate: Option<Given<Path>>,
}

/// The folders of migrations.
#[derive(Default)]
pub(super) struct Migrations {
    sqlite: Option<Given<LitStr>>,
    postgres: Option<Given<LitStr>>,
    both: Option<LitStr>,
}

impl Migrations {
    /// Returns the folder for a database.
    pub(super) fn of(&self, database: Database) -> Option<&LitStr> {
        let own = match database {
            Database::Sqlite => &self.sqlite,
            Database::Postgres => &self.postgres,
        };
        own.as_ref().map(|own| &own.value).or(self.both.as_ref())
    }

    /// Returns every folder that was written.
    pub(super) fn folders(&self) -> impl Iterator<Item = &LitStr> {
        let own = [&self.sqlite, &self.postgres].into_iter().flatten();
        own.map(|own| &own.value).chain(&self.both)
    }
}

static MIGRATIONS_TABLE: [Row<Migrations>; 2] = [
    Row::new(
        "sqlite",
        "sqlite = \"./migrations/sqlite\"",
        |folders, value| value.string().map(|given| folders.sqlite = given),
    ),
    Row::new(
        "postgres",
        "postgres = \"./migrations/postgres\"",
        |folders, value| value.string().map(|given| folders.postgres = given),
    ),
];

/// Reads `migrations = ".."`, or `migrations(sqlite = "..", postgres = "..")`.
fn read_migrations(value: &mut Value<'_>) -> Written<Migrations> {
    let mut folders = Migrations::default();
    if value.has_list() {
        value.list(&MIGRATIONS_TABLE, &mut folders)?;
    } else {
        folders.both = value.string()?.map(|given| given.value);
    }
    Ok(value.given(folders))
}

static TABLE: [Row<Options>; 6] = [
    Row::new("on", "on = [Sqlite, Postgres]", |options, value| {
        value.words(&Database::ALL).map(|given| options.on = given)
    }),
    Row::new(
        "migrations",
        "migrations = \"./migrations\"",
        |options, value| read_migrations(value).map(|given| options.migrations = given),
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
