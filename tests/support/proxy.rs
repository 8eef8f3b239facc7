//! A TCP proxy in front of a Postgres server that can fail, and that reads what both sides send.

mod cut;
mod messages;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use cut::Cuts;
pub use cut::{Passed, Place};
use messages::Splitter;
pub use messages::{Message, Side};

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
    cuts: Cuts,
    sent: Mutex<Vec<Message>>,
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
            cuts: Cuts::default(),
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

    /// Cuts the connection over which, counted from now on, message `number` goes, the first one
    /// being 0, whichever side sends it. Other connections are left alone. What the server was sent
    /// before reaches it, with an orderly end.
    pub fn cut_at(&self, number: usize, place: Place) {
        self.shared.cuts.plan(number, place);
    }

    /// If the connection has been cut: the messages counted, the last being the one it was cut at.
    #[must_use]
    pub fn was_cut(&self) -> Option<Vec<Passed>> {
        self.shared.cuts.met()
    }

    /// The messages counted since a cut was planned, up to that cut.
    #[must_use]
    pub fn passed(&self) -> Vec<Passed> {
        self.shared.cuts.passed()
    }

    /// Whether the server, too, has let go of the connection that was cut, and with it undone or
    /// done whatever it was told.
    #[must_use]
    pub fn cut_is_over(&self) -> bool {
        self.shared.cuts.is_over()
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

/// Why the bytes of a connection are no longer passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Cut,
}

async fn pass(client: TcpStream, shared: Arc<Shared>, mut cut: watch::Receiver<u32>) {
    let Ok(server) = TcpStream::connect(&shared.server).await else {
        return;
    };
    // Without this, small messages wait for acknowledgements and every test takes longer.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (losing, bare_answer) = (AtomicBool::new(false), AtomicBool::new(false));
    let direction = |side| Direction {
        side,
        splitter: Splitter::new(side, &bare_answer),
        shared: &shared,
        losing: &losing,
    };
    let end = tokio::select! {
        end = direction(Side::Client).pass(&mut from_client, &mut to_server) => end,
        end = direction(Side::Server).pass(&mut from_server, &mut to_client) => end,
        _ = cut.changed() => End::Closed,
    };
    if end == End::Cut {
        drop((from_client, to_client));
        // Closed while there is something to read, the connection would be reset, and what was
        // written last might be lost.
        let _ = to_server.shutdown().await;
        let mut buffer = [0; 1024];
        while let Ok(1..) = from_server.read(&mut buffer).await {}
        shared.cuts.ended();
    }
}

/// One of the two of a connection.
struct Direction<'a> {
    side: Side,
    splitter: Splitter<'a>,
    shared: &'a Shared,
    /// The server's next bytes are to be lost.
    losing: &'a AtomicBool,
}

impl Direction<'_> {
    async fn pass(mut self, from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) -> End {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            if self.side == Side::Server && self.losing.load(SeqCst) {
                return End::Closed;
            }
            let (bytes, end) = self.read(&buffer[..n]);
            if to.write_all(&bytes).await.is_err() {
                // Perhaps it was the server that ended it, after all of this was read.
                return end.unwrap_or(End::Closed);
            }
            if let Some(end) = end {
                return end;
            }
        }
        End::Closed
    }

    /// What is to be passed on, and whether nothing more is.
    fn read(&mut self, bytes: &[u8]) -> (Vec<u8>, Option<End>) {
        let mut to_pass = Vec::new();
        for (message, bytes) in self.splitter.read(bytes) {
            let place = self.shared.cuts.step(self.side, &message);
            if place == Some(Place::Before) {
                return (to_pass, Some(End::Cut));
            }
            if self.side == Side::Client {
                if self.shared.loses(&message) {
                    self.losing.store(true, SeqCst);
                }
                self.shared
                    .sent
                    .lock()
                    .expect("no task panics")
                    .push(message);
            }
            to_pass.extend(bytes);
            if place == Some(Place::After) {
                return (to_pass, Some(End::Cut));
            }
        }
        (to_pass, None)
    }
}
