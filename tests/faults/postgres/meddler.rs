//! A way to the server on which bytes are changed or answers are held back.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A proxy in front of a server, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Meddler {
    /// The URL of the server through this proxy.
    pub(crate) url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    server: String,
    /// The next text of the client that is to be replaced, and its replacement.
    replace: Mutex<Option<(&'static str, &'static str)>>,
    /// The text after which the client gets no more answers.
    hold_after: Mutex<Option<&'static str>>,
    held: watch::Sender<bool>,
}

impl Meddler {
    pub(crate) async fn before(url: &str) -> Self {
        let (front, rest) = url.rsplit_once('@').expect("a user in the URL");
        let (server, database) = rest.split_once('/').expect("a database in the URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            replace: Mutex::default(),
            hold_after: Mutex::default(),
            held: watch::Sender::new(false),
        });
        Self {
            url: format!("{front}@{address}/{database}"),
            accepting: tokio::spawn(accept(listener, Arc::clone(&shared))),
            shared,
        }
    }

    /// Replaces `text` once. Both texts have the same length, so that the length of no message
    /// changes.
    pub(crate) fn replace(&self, text: &'static str, by: &'static str) {
        assert_eq!(text.len(), by.len());
        *self.shared.replace.lock().expect("no task panics") = Some((text, by));
    }

    /// Lets the server receive and execute `text`, and holds back its answer until
    /// [`let_go`](Self::let_go).
    pub(crate) fn hold_answer_to(&self, text: &'static str) {
        *self.shared.hold_after.lock().expect("no task panics") = Some(text);
    }

    pub(crate) async fn until_held(&self) {
        let mut held = self.shared.held.subscribe();
        held.wait_for(|held| *held).await.expect("a sender");
    }

    pub(crate) fn let_go(&self) {
        self.shared.held.send_replace(false);
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    /// Replaces the text in these bytes. What the client sends is short, and arrives in one piece.
    fn meddle(&self, bytes: &mut [u8]) {
        let place = |text: &str| bytes.windows(text.len()).position(|w| w == text.as_bytes());
        let mut hold = self.hold_after.lock().expect("no task panics");
        if hold.take_if(|text| place(text).is_some()).is_some() {
            self.held.send_replace(true);
        }
        let mut replace = self.replace.lock().expect("no task panics");
        if let Some((at, by)) = replace.and_then(|(text, by)| Some((place(text)?, by))) {
            bytes[at..at + by.len()].copy_from_slice(by.as_bytes());
            *replace = None;
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(pass(client, Arc::clone(&shared)));
    }
}

async fn pass(client: TcpStream, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(&shared.server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
            shared.meddle(&mut buffer[..n]);
            if to_server.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        let mut held = shared.held.subscribe();
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
            let free = held.wait_for(|held| !held).await.map(drop);
            if free.is_err() || to_client.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}
