//! Ends connections that idle for too long, as a pooler in front of the server does.

use std::future::pending;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::messages::{Message, Side};

/// Since when a connection idles. It does so from the moment the server says that it waits for the
/// next statement, outside of any transaction, until the client sends something.
#[derive(Debug)]
pub(super) struct Idle(watch::Sender<Option<Instant>>);

impl Idle {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    pub(super) fn hears(&self, from: Side, message: &Message) {
        let waits = from == Side::Server && message.kind == b'Z' && message.text == "I";
        // A client's message is the end of idling, and so is any message of the server's.
        self.0.send_replace(waits.then(Instant::now));
    }

    /// Returns when the connection has been idle for as long as the limit, whenever that is set.
    pub(super) async fn reaches(&self, mut limit: watch::Receiver<Option<Duration>>) {
        let mut since = self.0.subscribe();
        loop {
            let times = limit.borrow_and_update().zip(*since.borrow_and_update());
            let reached = async {
                match times {
                    Some((limit, since)) => sleep_until(since + limit).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                _ = limit.changed() => {}
                _ = since.changed() => {}
                () = reached => return,
            }
        }
    }
}
