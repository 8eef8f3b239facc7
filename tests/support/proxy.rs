//! A TCP proxy in front of a Postgres server that can fail, and that reads what clients send.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Listens on loopback for as long as it lives.
#[derive(Debug)]
pub struct Proxy {
    /// The server's URL, through this proxy.
    pub url: String,
    shared: Arc<Shared>,
    /// Changes when every open connection is to be cut.
    cut: watch::Sender<u32>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    server: String,
    accepted: AtomicU32,
    /// How many of the next connections are closed at once.
    to_close: AtomicU32,
    /// How many of the next connections are left without an answer.
    to_ignore: AtomicU32,
    /// The next message that begins so is passed on, and its connection closed when the server
    /// answers.
    to_lose: Mutex<Option<&'static str>>,
    sent: Mutex<Vec<Message>>,
}

/// One message of a client
/// (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `Q` is a simple query, `S` the end of an extended one; each waits for an answer. 0 is the
    /// start-up message.
    pub kind: u8,
    /// Its bytes, as far as they are text.
    pub text: String,
}

impl Proxy {
    /// In front of the server that `url` names as `//user:password@host:port/`.
    ///
    /// # Panics
    ///
    /// If the URL has no such part, or loopback has no port left.
    pub async fn before(url: &str) -> Self {
        let (front, rest) = url.rsplit_once('@').expect("a user in the URL");
        let (server, database) = rest.split_once('/').expect("a database in the URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            accepted: AtomicU32::new(0),
            to_close: AtomicU32::new(0),
            to_ignore: AtomicU32::new(0),
            to_lose: Mutex::default(),
            sent: Mutex::default(),
        });
        let (cut, _) = watch::channel(0);
        Self {
            url: format!("{front}@{address}/{database}"),
            accepting: tokio::spawn(accept(listener, Arc::clone(&shared), cut.clone())),
            shared,
            cut,
        }
    }

    /// The next so many connections are accepted and closed.
    pub fn close_next(&self, connections: u32) {
        self.shared.to_close.store(connections, SeqCst);
    }

    /// The next so many connections are accepted and never answered.
    pub fn ignore_next(&self, connections: u32) {
        self.shared.to_ignore.store(connections, SeqCst);
    }

    /// The next simple query that begins with `text` reaches the server, but the answer does not
    /// come back: the connection is closed in its place.
    ///
    /// # Panics
    ///
    /// If one of the proxy's tasks has.
    pub fn lose_answer_to(&self, text: &'static str) {
        *self.shared.to_lose.lock().expect("no task panics") = Some(text);
    }

    /// Closes every open connection.
    pub fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u32 {
        self.shared.accepted.load(SeqCst)
    }

    /// What clients have sent since this was last asked.
    ///
    /// # Panics
    ///
    /// If one of the proxy's tasks has.
    #[must_use]
    pub fn take_sent(&self) -> Vec<Message> {
        std::mem::take(&mut self.shared.sent.lock().expect("no task panics"))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, cut: watch::Sender<u32>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.accepted.fetch_add(1, SeqCst);
        if take_one(&shared.to_close) {
            drop(client);
        } else if take_one(&shared.to_ignore) {
            let mut cut = cut.subscribe();
            tokio::spawn(async move {
                let _client = client;
                // Ends when the proxy goes away.
                drop(cut.changed().await);
            });
        } else {
            tokio::spawn(pass(client, Arc::clone(&shared), cut.subscribe()));
        }
    }
}

impl Shared {
    /// Whether the answer to this message is to be lost; it is the only one.
    fn loses(&self, message: &Message) -> bool {
        let mut to_lose = self.to_lose.lock().expect("no task panics");
        to_lose
            .take_if(|text| message.kind == b'Q' && message.text.starts_with(*text))
            .is_some()
    }
}

fn take_one(left: &AtomicU32) -> bool {
    left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
        .is_ok()
}

async fn pass(client: TcpStream, shared: Arc<Shared>, mut cut: watch::Receiver<u32>) {
    let Ok(server) = TcpStream::connect(&shared.server).await else {
        return;
    };
    // Without this, small messages wait for acknowledgements and every test takes longer.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let losing = AtomicBool::new(false);
    let up = async {
        let mut reader = Reader::default();
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
            let messages = reader.read(&buffer[..n]);
            if messages.iter().any(|message| shared.loses(message)) {
                losing.store(true, SeqCst);
            }
            shared.sent.lock().expect("no task panics").extend(messages);
            if to_server.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
            if losing.load(SeqCst) || to_client.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
        _ = cut.changed() => {}
    }
}

/// Cuts a client's stream into messages.
#[derive(Debug, Default)]
struct Reader {
    pending: Vec<u8>,
    /// The start-up message, which has no type byte, has been read.
    started: bool,
}

impl Reader {
    fn read(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.pending.extend_from_slice(bytes);
        let mut messages = Vec::new();
        loop {
            let type_bytes = usize::from(self.started);
            let Some(length) = self.pending.get(type_bytes..type_bytes + 4) else {
                return messages;
            };
            let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
            let end = type_bytes + usize::try_from(length).expect("fits");
            if self.pending.len() < end {
                return messages;
            }
            let message: Vec<u8> = self.pending.drain(..end).collect();
            let kind = if self.started { message[0] } else { 0 };
            self.started = true;
            let text = String::from_utf8_lossy(&message[type_bytes + 4..]).into_owned();
            messages.push(Message { kind, text });
        }
    }
}
