//! The databases that a function can be written for at once.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};

use crate::names::Runtime;
use crate::spans;

/// The name that stands for each of the databases in turn.
pub(crate) const DB: &str = "DB";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    /// The databases by the names that users write, in the order of the runtime's `choose`.
    pub(crate) const ALL: [(&'static str, Database); 2] = [
        (Database::Sqlite.name(), Database::Sqlite),
        (Database::Postgres.name(), Database::Postgres),
    ];

    /// Returns the databases that dbop is built for.
    pub(crate) fn enabled() -> Vec<Database> {
        let all = Self::ALL.into_iter().map(|(_, database)| database);
        all.filter(|database| database.is_enabled()).collect()
    }

    /// Returns the name that users write.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Database::Sqlite => "Sqlite",
            Database::Postgres => "Postgres",
        }
    }

    /// Returns the name of dbop's feature for this database.
    pub(crate) fn feature(self) -> &'static str {
        match self {
            Database::Sqlite => "sqlite",
            Database::Postgres => "postgres",
        }
    }

    /// Returns whether dbop is built for this database.
    pub(crate) const fn is_enabled(self) -> bool {
        match self {
            Database::Sqlite => cfg!(feature = "sqlite"),
            Database::Postgres => cfg!(feature = "postgres"),
        }
    }

    /// Returns the path of the database's type.
    pub(crate) fn path(self, runtime: &Runtime) -> TokenStream {
        match self {
            Database::Sqlite => runtime.sqlite(),
            Database::Postgres => runtime.postgres(),
        }
    }

    /// Output: `type DB = Sqlite;`, and what gives that name its constants.
    pub(crate) fn item(self, name: &impl ToTokens, runtime: &Runtime) -> TokenStream {
        let (krate, path) = (runtime.krate(), self.path(runtime));
        quote_spanned! {spans::generated()=>
            type #name = #path;
            #[allow(unused_imports)]
            use #krate::Backend as _;
        }
    }
}
