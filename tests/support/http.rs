//! A server of HTTP on loopback, and a client that can go away at any moment.

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A service that listens on loopback until it is dropped.
#[derive(Debug)]
pub struct Service {
    address: std::net::SocketAddr,
    serving: JoinHandle<()>,
}

impl Service {
    /// Serves this router.
    ///
    /// # Panics
    ///
    /// If loopback has no free port.
    pub async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("loopback works");
        });
        Self { address, serving }
    }

    /// Returns the URL of this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a request without waiting for its answer.
    ///
    /// # Panics
    ///
    /// If the service does not accept the connection.
    pub async fn send(&self, head: &str, headers: &[(&str, &str)], body: &str) -> Exchange {
        let mut connection = TcpStream::connect(self.address).await.expect("the service");
        let mut request = format!("{head} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("content-length: {}\r\n\r\n{body}", body.len());
        let sent = connection.write_all(request.as_bytes()).await;
        sent.expect("the service reads");
        Exchange {
            connection,
            come: Vec::new(),
        }
    }

    /// Sends a request without a body, such as `GET /health`, and returns the answer.
    pub async fn ask(&self, head: &str) -> Answer {
        self.send(head, &[], "").await.answer().await
    }

    /// Posts JSON with these headers, and returns the answer.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let json = [headers, &[("content-type", "application/json")]].concat();
        let exchange = self.send(&format!("POST {path}"), &json, body).await;
        exchange.answer().await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A request that was sent. A client that drops this goes away.
#[derive(Debug)]
pub struct Exchange {
    connection: TcpStream,
    /// What has come and was not returned.
    come: Vec<u8>,
}

impl Exchange {
    /// Waits for the whole answer.
    ///
    /// # Panics
    ///
    /// If what comes is no answer.
    pub async fn answer(mut self) -> Answer {
        let read = self.connection.read_to_end(&mut self.come).await;
        read.expect("an answer");
        Answer::parse(&self.come)
    }

    /// Waits for the part of the answer that ends with this text, and returns that part. The next call
    /// returns what follows, which may have come with it.
    ///
    /// # Panics
    ///
    /// If the answer ends without it.
    pub async fn until(&mut self, text: &str) -> String {
        let text = text.as_bytes();
        loop {
            if let Some(at) = self.come.windows(text.len()).position(|part| part == text) {
                let rest = self.come.split_off(at + text.len());
                let part = std::mem::replace(&mut self.come, rest);
                return String::from_utf8_lossy(&part).into_owned();
            }
            let read = self.connection.read_buf(&mut self.come).await;
            let so_far = String::from_utf8_lossy(&self.come);
            assert!(read.expect("more") > 0, "an end of the answer: {so_far}");
        }
    }
}

/// An answer of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            status: status.and_then(|it| it.parse().ok()).expect("a status"),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    /// Returns the value of a header, whose name is in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(is, _)| is == name);
        found.map(|(_, value)| &**value)
    }

    /// Returns the body.
    ///
    /// # Panics
    ///
    /// If the body is not JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}
