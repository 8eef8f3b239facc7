//! [`DatabaseFile`]: the file in which a handle has found its database.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Kind, Result};

/// The file that the first connection of a handle has opened. Another one that was opened when a
/// different file had taken its place would see different data, and neither would say so.
///
/// A file is known by its device and its inode, which stay its own for as long as any connection has
/// it open. On systems that have no such numbers nothing is checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct DatabaseFile(Option<Arc<Found>>);

#[derive(Debug)]
struct Found {
    path: PathBuf,
    /// `None` within: there was no file of that name. A VFS of the application's own has it elsewhere.
    first: OnceLock<Option<Identity>>,
}

/// The device, and the number of the file on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl DatabaseFile {
    /// The database is in this file.
    #[cfg(feature = "sqlite")]
    pub(crate) fn file(path: PathBuf) -> Self {
        let first = OnceLock::new();
        Self(Some(Arc::new(Found { path, first })))
    }

    /// A connection has just been opened.
    ///
    /// # Errors
    ///
    /// It found another file than the first one.
    pub(crate) fn opened(&self) -> Result<()> {
        if let Some(found) = &self.0 {
            found.first.get_or_init(|| identity(&found.path).ok());
        }
        self.check()
    }

    /// Whether the file that the first connection has found is where it was.
    ///
    /// # Errors
    ///
    /// It is not, with what to do about that.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(found) = &self.0 else { return Ok(()) };
        let Some(Some(first)) = found.first.get() else {
            return Ok(());
        };
        let (what, else_) = match identity(&found.path) {
            Ok(now) if now == *first => return Ok(()),
            Ok(_) => ("was replaced by another file", ""),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                ("was removed", "put it back, or ")
            }
            // It says nothing about which file it is.
            Err(_) => return Ok(()),
        };
        Err(Error::programming(
            Kind::Configuration,
            format!(
                "`{}` {what} after this handle was opened, and a new connection would not see what \
                 the others see; {else_}close this handle and open a new handle",
                found.path.display()
            ),
        ))
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;

    let file = std::fs::metadata(path)?;
    Ok(Identity(file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> io::Result<Identity> {
    Err(io::ErrorKind::Unsupported.into())
}
