//! Serving, with an end.

use std::future::Future;
use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Serves requests until `told_to_end` is ready. Requests that have begun then have this long to end.
/// Without this bound, one client that never sends the rest of its request would keep the service from
/// ending.
///
/// Returns whether all requests have ended. The others are cut off when the process ends.
///
/// # Errors
///
/// Fails if the listener does.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    told_to_end: impl Future<Output = ()>,
    patience: Duration,
) -> io::Result<bool> {
    let (tell, told) = oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = told.await;
    });
    let mut server = tokio::spawn(server.into_future());
    tokio::select! {
        ended = &mut server => ended??,
        () = told_to_end => {}
    }
    drop(tell);
    match timeout(patience, server).await {
        Ok(ended) => ended?.map(|()| true),
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::extract::Request;
    use axum::routing::post;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpStream;
    use tokio::sync::Notify;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// Returns the routes, and what is notified when a request has begun.
    fn waits_for_the_body() -> (Router, Arc<Notify>) {
        let begun = Arc::new(Notify::new());
        let notify = begun.clone();
        let handler = move |request: Request| async move {
            notify.notify_one();
            axum::body::to_bytes(request.into_body(), 100)
                .await
                .is_ok()
                .to_string()
        };
        (Router::new().route("/", post(handler)), begun)
    }

    #[tokio::test]
    async fn a_client_that_never_sends_the_rest_of_its_request_does_not_keep_the_service_alive() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (router, begun) = waits_for_the_body();
        let served = serve(
            listener,
            router,
            begun.notified(),
            Duration::from_millis(50),
        );
        let client = async {
            let mut client = TcpStream::connect(address).await.expect("a connection");
            let half = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\nhalf";
            client.write_all(half).await.expect("half of a request");
            client
        };
        let ended = timeout(PATIENCE, async { tokio::join!(served, client) }).await;
        let (served, _client) = ended.expect("the service ends");
        assert!(!served.expect("a server"), "a request has not ended");
    }
}
