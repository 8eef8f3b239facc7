//! Ends connections that are idle for too long, as a pooler in front of the server does.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::messages::{Message, Side};

/// The time since which a connection has been idle. A connection is idle from the moment the server
/// has answered a statement outside any transaction until the client sends something. A connection
/// that was just opened is not idle yet.
#[derive(Debug)]
pub(super) struct Idle {
    since: watch::Sender<Option<Instant>>,
    used: AtomicBool,
}

impl Idle {
    pub(super) fn new() -> Self {
        Self {
            since: watch::Sender::new(None),
            used: AtomicBool::new(false),
        }
    }

    pub(super) fn hears(&self, from: Side, message: &Message) {
        let waits = from == Side::Server && message.kind == b'Z' && message.text == "I";
        // The server says this for the first time when the connection has been opened.
        let idles = waits && self.used.fetch_or(waits, SeqCst);
        self.since.send_replace(idles.then(Instant::now));
    }

    /// Returns when the connection has been idle for as long as the limit. The limit may be set
    /// later.
    pub(super) async fn reaches(&self, mut limit: watch::Receiver<Option<Duration>>) {
        let mut since = self.since.subscribe();
        loop {
            let times = limit.borrow_and_update().zip(*since.borrow_and_update());
            let reached = async {
                match times {
                    Some((limit, since)) => sleep_until(since + limit).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                // The changes come first, so that a connection that was used at the last moment is
                // not idle.
                biased;
                _ = limit.changed() => {}
                _ = since.changed() => {}
                () = reached => return,
            }
        }
    }
}
