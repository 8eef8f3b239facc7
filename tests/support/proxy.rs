//! A TCP proxy in front of a Postgres server. It reads what both sides send, and can fail.

mod cut;
mod failure;
mod idle;
mod messages;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use cut::{Cut, Cuts};
pub use cut::{Passed, Place};
pub use failure::Failure;
use idle::Idle;
use messages::Splitter;
pub use messages::{Message, Side};

/// A proxy that listens on loopback until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// The URL of the server through this proxy.
    pub url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    server: String,
    accepted: AtomicU32,
    /// How many connections are being passed on.
    open: AtomicU32,
    /// How many of the next connections fail, and how.
    to_fail: Mutex<(u32, Failure)>,
    /// Changes when every open connection is to fail; the value says how.
    fail: watch::Sender<Failure>,
    /// Changes when the server is to see the end of the silent connections.
    notice: watch::Sender<()>,
    idle_limit: watch::Sender<Option<Duration>>,
    /// The beginning of a simple query, and how the connection fails at the answer to it. Applies
    /// to the next such query only.
    to_lose: Mutex<Option<(&'static str, Loss)>>,
    cuts: Cuts,
    sent: Mutex<Vec<Message>>,
}

impl Proxy {
    /// Starts a proxy in front of the server in `url`, which has the form
    /// `//user:password@host:port/`.
    ///
    /// # Panics
    ///
    /// If the URL does not have this form, or loopback has no free port.
    pub async fn before(url: &str) -> Self {
        let (front, rest) = url.rsplit_once('@').expect("a user in the URL");
        let (server, database) = rest.split_once('/').expect("a database in the URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            accepted: AtomicU32::new(0),
            open: AtomicU32::new(0),
            to_fail: Mutex::new((0, Failure::Closed)),
            fail: watch::Sender::new(Failure::Closed),
            notice: watch::Sender::new(()),
            idle_limit: watch::Sender::new(None),
            to_lose: Mutex::default(),
            cuts: Cuts::default(),
            sent: Mutex::default(),
        });
        Self {
            url: format!("{front}@{address}/{database}"),
            accepting: tokio::spawn(accept(listener, Arc::clone(&shared))),
            shared,
        }
    }

    /// Accepts the next `connections` connections and makes each fail at once.
    ///
    /// # Panics
    ///
    /// If a task of the proxy has panicked.
    pub fn fail_next(&self, connections: u32, failure: Failure) {
        *self.shared.to_fail.lock().expect("no task panics") = (connections, failure);
    }

    /// Accepts the next `connections` connections and closes each at once.
    pub fn close_next(&self, connections: u32) {
        self.fail_next(connections, Failure::Closed);
    }

    /// Makes every open connection fail. One that is silent already can still be closed.
    pub fn fail_open(&self, failure: Failure) {
        self.shared.fail.send_replace(failure);
    }

    /// Fails as a network does: every open connection fails, and so does every later one until
    /// [`restore`](Self::restore).
    pub fn fail(&self, failure: Failure) {
        self.fail_next(u32::MAX, failure);
        self.fail_open(failure);
    }

    /// Passes new connections on again. Connections that have failed stay as they are: the two
    /// sides of a silent connection are not told that it is of no use any more.
    pub fn restore(&self) {
        self.fail_next(0, Failure::Closed);
    }

    /// Lets the server, but not the client, see the end of every connection that is silent now.
    pub fn let_server_notice(&self) {
        self.shared.notice.send_replace(());
    }

    /// Closes each connection that has been idle for `limit` since its last statement and outside a
    /// transaction, as a pooler does (`client_idle_timeout` of PgBouncer). `None` stops this.
    pub fn close_idle_after(&self, limit: impl Into<Option<Duration>>) {
        self.shared.idle_limit.send_replace(limit.into());
    }

    /// Passes the next simple query that begins with `text` on to the server, and closes the
    /// connection instead of returning the answer.
    pub fn lose_answer_to(&self, text: &'static str) {
        self.fail_at_answer_to(text, Place::Before, Failure::Closed);
    }

    /// Passes the next simple query that begins with `text` on to the server, and makes its
    /// connection fail before the answer or after all of it.
    ///
    /// # Panics
    ///
    /// If a task of the proxy has panicked.
    pub fn fail_at_answer_to(&self, text: &'static str, place: Place, failure: Failure) {
        let loss = Loss { place, failure };
        *self.shared.to_lose.lock().expect("no task panics") = Some((text, loss));
    }

    /// Closes every open connection.
    pub fn cut(&self) {
        self.fail_open(Failure::Closed);
    }

    /// Makes a connection fail at message `number`, counted from now on and from 0, whichever side
    /// sends the message. Other connections are left alone. The server receives everything it was
    /// sent before. It sees the end of a silent connection only after
    /// [`let_server_notice`](Self::let_server_notice).
    pub fn fail_at(&self, number: usize, place: Place, failure: Failure) {
        self.shared.cuts.plan(number, place, failure);
    }

    /// Cuts the connection at this message, counted as in [`fail_at`](Self::fail_at).
    pub fn cut_at(&self, number: usize, place: Place) {
        self.fail_at(number, place, Failure::Closed);
    }

    /// Returns the messages up to the one at which a connection has failed; `None` if none has
    /// failed as planned.
    #[must_use]
    pub fn was_cut(&self) -> Option<Vec<Passed>> {
        self.shared.cuts.met()
    }

    /// Returns the messages counted since the failure was planned, up to that failure.
    #[must_use]
    pub fn passed(&self) -> Vec<Passed> {
        self.shared.cuts.passed()
    }

    /// Returns whether the server, too, has let go of the connection that failed at its message,
    /// and so has done or undone whatever it was told.
    #[must_use]
    pub fn cut_is_over(&self) -> bool {
        self.shared.cuts.is_over()
    }

    /// Returns how many connections have been accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u32 {
        self.shared.accepted.load(SeqCst)
    }

    /// Returns how many connections are being passed on now.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.shared.open.load(SeqCst)
    }

    /// Returns what clients have sent since the last call of this method.
    ///
    /// # Panics
    ///
    /// If a task of the proxy has panicked.
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

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.accepted.fetch_add(1, SeqCst);
        match shared.next_failure() {
            None => drop(tokio::spawn(pass(client, Arc::clone(&shared)))),
            Some(Failure::Closed) => drop(client),
            Some(silence) => {
                let mut closing = Closing(shared.fail.subscribe());
                tokio::spawn(async move {
                    let (mut client, _to_client) = client.into_split();
                    tokio::select! {
                        () = failure::until_closed(&mut client, silence) => {}
                        () = closing.closes() => {}
                    }
                });
            }
        }
    }
}

impl Shared {
    /// Returns how the connection that was just accepted fails; `None` if it does not.
    fn next_failure(&self) -> Option<Failure> {
        let mut to_fail = self.to_fail.lock().expect("no task panics");
        let (left, failure) = &mut *to_fail;
        *left = left.checked_sub(1)?;
        Some(*failure)
    }

    /// Returns how the connection fails at the answer to this message; `None` if it does not. Only
    /// one connection fails.
    fn loses(&self, message: &Message) -> Option<Loss> {
        let mut to_lose = self.to_lose.lock().expect("no task panics");
        let (_, loss) =
            to_lose.take_if(|(text, _)| message.kind == b'Q' && message.text.starts_with(*text))?;
        Some(loss)
    }
}

/// How a connection fails at an answer.
#[derive(Clone, Copy, Debug)]
struct Loss {
    place: Place,
    failure: Failure,
}

/// Counts a connection for as long as it is open.
struct Open<'a>(&'a AtomicU32);

impl<'a> Open<'a> {
    fn new(open: &'a AtomicU32) -> Self {
        open.fetch_add(1, SeqCst);
        Self(open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Waits for the order that every open connection is to fail.
struct Closing(watch::Receiver<Failure>);

impl Closing {
    async fn fails(&mut self) -> Failure {
        match self.0.changed().await {
            Ok(()) => *self.0.borrow_and_update(),
            // The proxy has been dropped.
            Err(_) => Failure::Closed,
        }
    }

    async fn closes(&mut self) {
        while self.fails().await != Failure::Closed {}
    }
}

/// Why the bytes of a connection are no longer passed on.
#[derive(Clone, Copy, Debug)]
enum End {
    /// One side has closed the connection.
    Closed,
    /// All connections fail, or this one fails at an answer.
    Failed(Failure),
    /// The connection fails at the planned message.
    Cut(Cut),
}

async fn pass(client: TcpStream, shared: Arc<Shared>) {
    let mut closing = Closing(shared.fail.subscribe());
    let open = Open::new(&shared.open);
    let Ok(server) = TcpStream::connect(&shared.server).await else {
        return;
    };
    // Without this, small messages would wait for acknowledgements and every test would take
    // longer.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (losing, bare_answer) = (Mutex::default(), AtomicBool::new(false));
    let idle = Idle::new();
    let direction = |side| Direction {
        side,
        splitter: Splitter::new(side, &bare_answer),
        shared: &shared,
        losing: &losing,
        idle: &idle,
    };
    let end = tokio::select! {
        // The failure comes first, so that nothing is passed on that was sent after it.
        biased;
        failure = closing.fails() => End::Failed(failure),
        end = direction(Side::Client).pass(&mut from_client, &mut to_server) => end,
        end = direction(Side::Server).pass(&mut from_server, &mut to_client) => end,
        () = idle.reaches(shared.idle_limit.subscribe()) => End::Closed,
    };
    drop(open);
    let (failure, cut) = match end {
        End::Closed | End::Failed(Failure::Closed) => return,
        End::Failed(failure) => (failure, None),
        End::Cut(cut) => (cut.failure, Some(cut)),
    };
    let mut notice = shared.notice.subscribe();
    let at_client = async {
        match failure {
            Failure::Closed => drop((from_client, to_client)),
            silence => failure::until_closed(&mut from_client, silence).await,
        }
    };
    let at_server = async {
        if failure != Failure::Closed {
            tokio::select! {
                () = failure::until_closed(&mut from_server, failure) => {}
                _ = notice.changed() => {}
            }
        }
        failure::end(&mut from_server, &mut to_server).await;
        if let Some(cut) = cut {
            shared.cuts.ended(cut);
        }
    };
    tokio::select! {
        () = closing.closes() => {}
        _ = async { tokio::join!(at_client, at_server) } => {}
    }
}

/// One of the two directions of a connection.
struct Direction<'a> {
    side: Side,
    splitter: Splitter<'a>,
    shared: &'a Shared,
    /// How the connection fails at the server's next answer; `None` if it does not.
    losing: &'a Mutex<Option<Loss>>,
    idle: &'a Idle,
}

impl Direction<'_> {
    async fn pass(mut self, from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) -> End {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            let (bytes, end) = self.read(&buffer[..n]);
            if to.write_all(&bytes).await.is_err() {
                // The server may have ended the connection after reading all of this.
                return end.unwrap_or(End::Closed);
            }
            if let Some(end) = end {
                return end;
            }
        }
        End::Closed
    }

    /// Returns the bytes to pass on, and why nothing more is passed on after them, if so.
    fn read(&mut self, bytes: &[u8]) -> (Vec<u8>, Option<End>) {
        let mut to_pass = Vec::new();
        for (message, bytes) in self.splitter.read(bytes) {
            let end = self.end_at(&message);
            if let Some((Place::Before, end)) = end {
                return (to_pass, Some(end));
            }
            self.idle.hears(self.side, &message);
            if self.side == Side::Client {
                let mut sent = self.shared.sent.lock().expect("no task panics");
                sent.push(message);
            }
            to_pass.extend(bytes);
            if let Some((_, end)) = end {
                return (to_pass, Some(end));
            }
        }
        (to_pass, None)
    }

    /// Returns where and how the connection fails at this message; `None` if it does not.
    fn end_at(&self, message: &Message) -> Option<(Place, End)> {
        if let Some(cut) = self.shared.cuts.step(self.side, message) {
            return Some((cut.place, End::Cut(cut)));
        }
        let mut losing = self.losing.lock().expect("no task panics");
        match self.side {
            Side::Client => {
                *losing = losing.or_else(|| self.shared.loses(message));
                None
            }
            Side::Server => {
                let Loss { place, failure } = (*losing)?;
                // The last message of an answer says that the server is ready for the next query.
                let here = place == Place::Before || message.kind == b'Z';
                here.then_some((place, End::Failed(failure)))
            }
        }
    }
}
