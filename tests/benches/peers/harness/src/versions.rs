//! What was linked, from the lock file that was compiled.

/// A `Cargo.lock`.
#[derive(Clone, Copy, Debug)]
pub struct Lock(pub &'static str);

impl Lock {
    /// `name 1.2.3`.
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
