//! Cuts what goes over a Postgres connection into messages
//! (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// A message of a client or a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The message's type. `Q` is a simple query and `S` the end of an extended one; the client
    /// waits for an answer to each. 0 is the start-up message, or a request that the client sends
    /// before it.
    pub kind: u8,
    /// The bytes of the message, as far as they are text.
    pub text: String,
}

/// The side that has sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// Cuts one direction of a connection into messages. TLS is not understood: nothing can be read of
/// a connection whose server agrees to it.
#[derive(Debug)]
pub(super) struct Splitter<'a> {
    side: Side,
    pending: Vec<u8>,
    /// Whether the start-up message, which has no type byte, has been read.
    started: bool,
    /// Whether the client has asked for encryption, which the server answers with a single byte.
    /// Both directions share this.
    bare_answer: &'a AtomicBool,
}

/// The numbers that `SSLRequest` and `GSSENCRequest` have in place of a protocol version.
const ENCRYPTION_REQUESTS: [u32; 2] = [80_877_103, 80_877_104];

impl<'a> Splitter<'a> {
    pub(super) fn new(side: Side, bare_answer: &'a AtomicBool) -> Self {
        Self {
            side,
            pending: Vec::new(),
            started: side == Side::Server,
            bare_answer,
        }
    }

    /// Returns the messages that are complete now that these bytes have arrived, each with its own
    /// bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<(Message, Vec<u8>)> {
        self.pending.extend_from_slice(bytes);
        std::iter::from_fn(|| self.next()).collect()
    }

    fn next(&mut self) -> Option<(Message, Vec<u8>)> {
        if self.side == Side::Server
            && let Some(answer) = self.pending.first()
            && self.bare_answer.swap(false, SeqCst)
        {
            let kind = *answer;
            let text = String::new();
            return Some((Message { kind, text }, self.pending.drain(..1).collect()));
        }
        let type_bytes = usize::from(self.started);
        let length = number(self.pending.get(type_bytes..)?)?;
        let end = type_bytes + usize::try_from(length).expect("fits");
        if self.pending.len() < end {
            return None;
        }
        let bytes: Vec<u8> = self.pending.drain(..end).collect();
        let body = &bytes[type_bytes + 4..];
        let kind = if self.started { bytes[0] } else { 0 };
        if !self.started {
            let asks = number(body).is_some_and(|code| ENCRYPTION_REQUESTS.contains(&code));
            self.bare_answer.store(asks, SeqCst);
            self.started = !asks;
        }
        let text = String::from_utf8_lossy(body).into_owned();
        Some((Message { kind, text }, bytes))
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    let bytes = bytes.get(..4)?.try_into().ok()?;
    Some(u32::from_be_bytes(bytes))
}
