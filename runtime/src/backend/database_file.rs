//! [`DatabaseFile`]: the file in which a handle found its database.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::error::{Error, ErrorKind, Result};

/// The file that the first connection of a handle opened. If a different file took its place later,
/// a new connection would see different data from the others, and neither would say so.
///
/// A file is identified by its device and its inode, which no other file can have for as long as
/// any connection has this one open. On systems without such numbers nothing is checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct DatabaseFile(Option<Arc<KnownFile>>);

#[derive(Debug)]
struct KnownFile {
    path: PathBuf,
    /// The file at `path` when the first connection was opened. An inner `None` means that the file
    /// could not be identified, for example because a VFS of the application's own keeps the
    /// database elsewhere.
    first: OnceLock<Option<Identity>>,
}

/// The number of a device, and the number of a file on that device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl DatabaseFile {
    /// Creates the check for a database in this file.
    #[cfg(feature = "sqlite")]
    pub(crate) fn file(path: PathBuf) -> Self {
        let first = OnceLock::new();
        Self(Some(Arc::new(KnownFile { path, first })))
    }

    /// Notes that a connection has just been opened.
    ///
    /// # Errors
    ///
    /// Fails if the connection found another file than the first connection did.
    pub(crate) fn opened(&self) -> Result<()> {
        if let Some(found) = &self.0 {
            found.first.get_or_init(|| identity(&found.path).ok());
        }
        self.check()
    }

    /// Checks that the file that the first connection found is still where it was.
    ///
    /// # Errors
    ///
    /// Fails if the file was removed or replaced, and says what to do about that.
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
            // An error of another sort says nothing about which file is there.
            Err(_) => return Ok(()),
        };
        Err(Error::programming(
            ErrorKind::Configuration,
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
