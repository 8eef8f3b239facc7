//! The temporary folder, with workspaces of generated crates and what cargo makes of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::child::Result;

/// A temporary folder, which is removed when it is dropped.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Result<Folder> {
        let name = format!("dbop-compile.{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path)?;
        Ok(Folder { path })
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Writes a workspace of these crates. Each has the dependencies of its manifest, at the versions
/// in the repository's lock file.
pub(crate) fn write_workspace(
    path: &Path,
    repository: &Path,
    crates: &[(&str, &str)],
) -> Result<()> {
    let names: Vec<_> = crates.iter().map(|(name, _)| name).collect();
    fs::create_dir_all(path)?;
    fs::write(
        path.join("Cargo.toml"),
        format!("[workspace]\nresolver = \"3\"\nmembers = {names:?}\n"),
    )?;
    for (name, dependencies) in crates {
        let sources = path.join(name).join("src");
        fs::create_dir_all(&sources)?;
        fs::write(sources.join("lib.rs"), "")?;
        fs::write(
            path.join(name).join("Cargo.toml"),
            format!(
                "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                 [dependencies]\n{dependencies}"
            ),
        )?;
    }
    fs::copy(repository.join("Cargo.lock"), path.join("Cargo.lock"))?;
    Ok(())
}
