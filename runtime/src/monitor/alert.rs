//! [`Alert`]: one condition that somebody should be told about at once, and how it is received.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::op::Op;

/// Defines [`AlertKind`], with a name and a message for each condition.
macro_rules! kinds {
    ($( $(#[$doc:meta])* $Variant:ident = $name:literal, $message:literal; )*) => {
        /// A condition of which an [`Alert`] tells.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AlertKind {
            $( $(#[$doc])* $Variant, )*
        }

        impl AlertKind {
            /// All conditions, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$( Self::$Variant, )*];

            /// Returns the name that events use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$Variant => $name, )*
                }
            }

            /// Returns what has happened and what to do, without names of the application.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $( Self::$Variant => $message, )*
                }
            }
        }
    };
}

kinds! {
    /// The database cannot be reached: the circuit breaker is open, or three times in a row a call had no
    /// connection, because that was refused or not opened within a second or more. Over with the next
    /// call that succeeds.
    ServerGone = "server_gone",
        "the database cannot be reached; see whether it runs, and the network to it";
    /// The server refuses the credentials. Over with the next call that succeeds.
    CredentialsRefused = "credentials_refused",
        "the server refuses the credentials; see whether the password was changed";
    /// It is not known whether a call took effect. Over after ten minutes without another.
    OutcomeUnknown = "outcome_unknown",
        "it is not known whether a call took effect; look at its data before it is repeated";
    /// The disk, the quota or the table is full. Over with the next call that writes.
    DiskFull = "disk_full",
        "the database has no room left; nothing can be written until there is";
    /// Stored data is damaged. Over after ten minutes without another such error.
    Corruption = "corruption",
        "stored data is damaged; stop writing, and restore from a backup or repair the index";
    /// A call has held a connection for longer than
    /// [`leak_threshold`](crate::DbBuilder::leak_threshold). Over when all such connections are back.
    Leak = "leak",
        "a call holds its connection for too long; `Db::sessions` shows what it does";
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Tells that a condition has begun, or that it is over. It has no SQL and no values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alert {
    /// The condition.
    pub kind: AlertKind,
    /// Whether the condition is over.
    pub is_over: bool,
    /// The operation whose call has shown that.
    pub operation: &'static str,
    /// The file the operation is in.
    pub file: &'static str,
    /// The line of the operation's name.
    pub line: u32,
    /// How often the condition has occurred since it was last over.
    pub occurrences: u64,
}

impl Alert {
    pub(super) fn begins(kind: AlertKind, op: &Op, occurrences: u64) -> Self {
        Self {
            kind,
            is_over: false,
            operation: op.name,
            file: op.file,
            line: op.line,
            occurrences,
        }
    }

    pub(super) fn ends(kind: AlertKind, op: &Op, occurrences: u64) -> Self {
        Self {
            is_over: true,
            ..Self::begins(kind, op, occurrences)
        }
    }

    /// Logs the alert, for those who have no other way to be told.
    pub(super) fn log(&self) {
        let Self {
            kind,
            operation,
            file,
            line,
            occurrences,
            ..
        } = self;
        match self.is_over {
            false => tracing::error!(
                db.operation.name = operation,
                code.file.path = file,
                code.line.number = line,
                dbop.alert = kind.as_str(),
                "{}",
                kind.message()
            ),
            true => tracing::info!(
                db.operation.name = operation,
                dbop.alert = kind.as_str(),
                dbop.occurrences = occurrences,
                "an alert is over"
            ),
        }
    }
}

/// What is told about alerts: something that calls a pager, for example. A function or a closure that
/// takes an [`&Alert`](Alert) is enough.
///
/// ```
/// # async fn example() -> dbop::Result<()> {
/// let db = dbop::Db::<sqlx::Sqlite>::builder()
///     .url("sqlite:bank.db?mode=rwc")
///     .on_alert(|alert: &dbop::Alert| eprintln!("{}: {}", alert.kind, alert.kind.message()))
///     .connect()
///     .await?;
/// # let _ = db;
/// # Ok(())
/// # }
/// ```
pub trait OnAlert: Send + Sync + 'static {
    /// Takes an alert. This runs on a thread that has nothing else to do, one alert after the other, and
    /// may block. If the handle was opened in a runtime, this may also spawn tasks there. A panic is
    /// logged, and the next alert is told again.
    fn alert(&self, alert: &Alert);
}

impl<F: Fn(&Alert) + Send + Sync + 'static> OnAlert for F {
    fn alert(&self, alert: &Alert) {
        self(alert);
    }
}

/// Receives the alerts of a handle, from [`Db::alerts`](crate::Db::alerts).
#[derive(Debug)]
pub struct AlertReceiver(broadcast::Receiver<Alert>);

impl AlertReceiver {
    pub(super) fn new(receiver: broadcast::Receiver<Alert>) -> Self {
        Self(receiver)
    }

    /// Waits for the next alert. Returns `None` when the handle, all its clones and the calls on them
    /// are gone. A receiver that is more than 64 alerts behind misses the oldest.
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Alert> {
        loop {
            match self.0.recv().await {
                Ok(alert) => return Some(alert),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    #[cfg(test)]
    pub(super) fn try_recv(&mut self) -> Option<Alert> {
        self.0.try_recv().ok()
    }

    /// Passes each alert on, until the handle is gone. This needs no runtime: the one in which the
    /// handle was opened may be busy, or may have ended.
    pub(super) fn pass_on(mut self, to: Vec<Arc<dyn OnAlert>>) {
        let runtime = Handle::try_current().ok();
        let telling = move || {
            let _inside = runtime.as_ref().map(Handle::enter);
            loop {
                match self.0.blocking_recv() {
                    Ok(alert) => to.iter().for_each(|each| tell(&**each, &alert)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        };
        let thread = thread::Builder::new().name("dbop-alerts".to_owned());
        if let Err(error) = thread.spawn(telling) {
            tracing::error!(
                error.message = %error,
                "no function for alerts will be called, because the system has no room for a thread"
            );
        }
    }
}

fn tell(each: &dyn OnAlert, alert: &Alert) {
    if catch_unwind(AssertUnwindSafe(|| each.alert(alert))).is_err() {
        tracing::error!(
            dbop.alert = alert.kind.as_str(),
            "a function for alerts has panicked; it will be told of the next alert"
        );
    }
}
