//! The versions that were linked, from the lock file with which the program was compiled.

/// The text of a `Cargo.lock`.
#[derive(Clone, Copy, Debug)]
pub struct Lock(pub &'static str);

impl Lock {
    /// Returns the name and version of a crate, for example `name 1.2.3`.
    #[must_use]
    pub fn of(self, package: &str) -> String {
        let head = format!("name = \"{package}\"\nversion = \"");
        let version = self
            .0
            .split_once(&head)
            .and_then(|(_, rest)| rest.split_once('"'))
            .map_or("?", |(version, _)| version);
        format!("{package} {version}")
    }
}
