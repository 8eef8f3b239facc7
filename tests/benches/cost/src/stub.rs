//! A stub of a Postgres server, which speaks the protocol and does no work. Its tasks run on the
//! caller's thread, so that what is counted there is the same each time.
//!
//! Messages: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// The type `int8`, the only type that the stub knows.
const INT8: i32 = 20;
const VALUE: i64 = 1000;

/// Serves sessions until the runtime ends.
pub(crate) async fn serve(listener: UnixListener) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(async move {
            // A client that goes away ends its session.
            let _ = Session::new(socket).run().await;
        });
    }
}

struct Session {
    socket: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// The prepared statements, each with its name and text.
    statements: Vec<(Vec<u8>, Vec<u8>)>,
    /// The index of the bound statement.
    bound: usize,
    in_transaction: bool,
}

impl Session {
    fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            input: Vec::with_capacity(8192),
            output: Vec::with_capacity(8192),
            statements: Vec::new(),
            bound: 0,
            in_transaction: false,
        }
    }

    async fn run(&mut self) -> std::io::Result<()> {
        // The message that starts a session is the only message without a type.
        let length = self.socket.read_i32().await?;
        let mut startup = vec![0; length as usize - 4];
        self.socket.read_exact(&mut startup).await?;
        self.say(b'R', |out| out.extend(0_i32.to_be_bytes()));
        self.say(b'S', |out| out.extend(b"server_version\x0017.0\x00"));
        self.say(b'K', |out| out.extend([0; 8]));
        self.ready();
        loop {
            // Messages that arrive in one packet are answered in one packet.
            self.socket.write_all(&self.output).await?;
            self.output.clear();
            if self.socket.read_buf(&mut self.input).await? == 0 {
                return Ok(());
            }
            let mut input = std::mem::take(&mut self.input);
            let mut rest = &*input;
            while let Some((kind, body, after)) = message(rest) {
                self.answer(kind, body);
                rest = after;
            }
            let read = input.len() - rest.len();
            input.drain(..read);
            self.input = input;
        }
    }

    fn answer(&mut self, kind: u8, body: &[u8]) {
        match kind {
            b'Q' => {
                let (text, _) = string(body);
                let statements = text.split(|byte| *byte == b';');
                statements.for_each(|statement| self.execute(statement.trim_ascii()));
                self.ready();
            }
            b'P' => {
                let (name, rest) = string(body);
                let (text, _) = string(rest);
                self.statements.retain(|(known, _)| known != name);
                self.statements.push((name.to_vec(), text.to_vec()));
                self.say(b'1', |_| {});
            }
            b'D' => self.describe(string(&body[1..]).0),
            b'B' => {
                let (_portal, rest) = string(body);
                self.bound = self.find(string(rest).0);
                self.say(b'2', |_| {});
            }
            b'E' => {
                let (_, text) = &mut self.statements[self.bound];
                let text = std::mem::take(text);
                self.execute(&text);
                self.statements[self.bound].1 = text;
            }
            b'C' => self.say(b'3', |_| {}),
            b'S' => self.ready(),
            // Flush and Terminate need no answer. The end of the session shows when it comes.
            _ => {}
        }
    }

    /// Returns the index of a prepared statement.
    fn find(&self, name: &[u8]) -> usize {
        let mut known = self.statements.iter();
        let found = known.position(|(known, _)| known == name);
        found.expect("drivers bind and describe what they have prepared")
    }

    /// Answers with the statement's parameters and columns.
    fn describe(&mut self, name: &[u8]) {
        let (_, text) = &self.statements[self.find(name)];
        let parameters = text.iter().filter(|byte| **byte == b'$').count() as i16;
        let is_query = text.starts_with(b"SELECT");
        self.say(b't', |out| {
            out.extend(parameters.to_be_bytes());
            (0..parameters).for_each(|_| out.extend(INT8.to_be_bytes()));
        });
        if !is_query {
            return self.say(b'n', |_| {});
        }
        self.say(b'T', |out| {
            out.extend(1_i16.to_be_bytes());
            out.extend(b"cents\0");
            // The column belongs to no table.
            out.extend([0; 6]);
            out.extend(INT8.to_be_bytes());
            out.extend(8_i16.to_be_bytes());
            out.extend((-1_i32).to_be_bytes());
            out.extend(0_i16.to_be_bytes());
        });
    }

    fn execute(&mut self, text: &[u8]) {
        let verb = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        let tag: &[u8] = match verb {
            b"UPDATE" => b"UPDATE 1",
            b"SELECT" => {
                self.say(b'D', |out| {
                    out.extend(1_i16.to_be_bytes());
                    out.extend(8_i32.to_be_bytes());
                    out.extend(VALUE.to_be_bytes());
                });
                b"SELECT 1"
            }
            other => other,
        };
        match verb {
            b"BEGIN" => self.in_transaction = true,
            // `ROLLBACK TO SAVEPOINT` does not end the transaction.
            b"COMMIT" | b"ROLLBACK" if text == verb => self.in_transaction = false,
            _ => {}
        }
        self.say(b'C', |out| {
            out.extend(tag);
            out.push(0);
        });
    }

    fn ready(&mut self) {
        let status = if self.in_transaction { b'T' } else { b'I' };
        self.say(b'Z', |out| out.push(status));
    }

    /// Adds a message of this type to the output; `write` adds its content.
    fn say(&mut self, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
        self.output.push(kind);
        let start = self.output.len();
        self.output.extend([0; 4]);
        write(&mut self.output);
        let length = (self.output.len() - start) as i32;
        self.output[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// Returns the type and the content of the first message, and the bytes after it; `None` if the
/// message is not complete.
fn message(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = input.split_first()?;
    let length = i32::from_be_bytes(*rest.first_chunk()?) as usize;
    let (message, after) = rest.split_at_checked(length)?;
    Some((*kind, &message[4..], after))
}

/// Returns a text that ends with a zero byte, and the bytes after it.
fn string(input: &[u8]) -> (&[u8], &[u8]) {
    let end = input.iter().position(|byte| *byte == 0);
    let (text, rest) = input.split_at(end.unwrap_or(input.len()));
    (text, rest.get(1..).unwrap_or_default())
}
