//! The ways in which a connection fails, and what a silent connection does until its end.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::sleep;

/// How a connection fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Both sides see the end of the connection.
    Closed,
    /// Nothing arrives any more, and neither side sees an end. The proxy goes on reading, so that
    /// TCP acknowledges what is sent.
    Swallow,
    /// Nothing arrives any more, and neither side sees an end. The proxy reads nothing, so a side
    /// that goes on sending is stuck once its buffers are full.
    Freeze,
}

/// Returns when this side has closed the connection, which has fallen silent as `silence` says.
pub(super) async fn until_closed(from: &mut OwnedReadHalf, silence: Failure) {
    if silence == Failure::Freeze {
        // The bytes that can be read stay unread, so the socket would not tell that more have come.
        const MOMENT: Duration = Duration::from_millis(20);
        while let Ok(ready) = from.ready(Interest::READABLE).await
            && !ready.is_read_closed()
        {
            sleep(MOMENT).await;
        }
    } else {
        drain(from).await;
    }
}

/// Closes the connection to a server in such a way that everything written before arrives. Waits
/// until the server has closed it, too.
pub(super) async fn end(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) {
    // Closing a connection that still has something to read would reset it, and the last bytes
    // written might be lost.
    let _ = to.shutdown().await;
    drain(from).await;
}

async fn drain(from: &mut OwnedReadHalf) {
    let mut buffer = [0; 1024];
    while let Ok(1..) = from.read(&mut buffer).await {}
}
