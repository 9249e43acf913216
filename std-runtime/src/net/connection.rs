//! One connection: reads frames, has them carried out in order, sends the answers in order.

use core::cell::RefCell;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::api::dispatch::{Caller, dispatch};
use crate::protocol::frame::{self, Decoded};
use crate::worker::reply::{Front, Replies};
use crate::worker::worker::Worker;

use super::send::Sending;

/// How much is read in one go. Large batches then cost few calls. Unit: bytes.
const READ_BYTES: usize = 256 * 1024;
/// How many requests of a connection may be unanswered before no more are read.
const UNANSWERED_MAX: usize = 1024;
/// How much memory the answers of a connection, and its requests that wait, may take before no more are read. Unit: bytes.
const UNSENT_BYTES_MAX: usize = 1 << 20;

thread_local! {
    /// What a thread reads into: one for all its connections, so that an idle connection holds no memory for reading.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Serves a connection until either side ends it.
pub async fn serve(worker: Arc<Worker>, stream: TcpStream, caller: Caller) {
    let mut connection = Connection {
        replies: Arc::new(Replies::default()),
        sending: Sending::default(),
        partial: Vec::new(),
        request_bytes_max: worker.around().config.request_bytes_max,
        worker,
        stream,
        caller,
        closing: false,
    };
    match connection.run().await {
        Ok(()) => {}
        Err(End::Io(error)) => tracing::debug!(peer = connection.caller.client_host, %error, "the connection broke"),
        Err(End::Idle) => tracing::debug!(peer = connection.caller.client_host, "the connection was idle for too long"),
        Err(End::Malformed(reason)) => {
            tracing::warn!(peer = connection.caller.client_host, reason, "closing a connection that does not speak Kafka's protocol");
        }
    }
}

/// Why a connection ends, other than by its peer's wish.
enum End {
    Io(io::Error),
    Idle,
    Malformed(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let waiting = self.replies.take_waiting();
        let connection = self.caller.connection;
        self.worker.turn(|turn| {
            turn.forget(&waiting);
            turn.disconnect(connection);
        });
    }
}

struct Connection {
    worker: Arc<Worker>,
    stream: TcpStream,
    caller: Caller,
    replies: Arc<Replies>,
    sending: Sending,
    /// A frame that is not all there yet.
    partial: Vec<u8>,
    request_bytes_max: usize,
    /// No more is read: what was asked is answered, then the connection ends.
    closing: bool,
}

/// What a look at the socket has found.
enum Read {
    /// Nothing yet.
    Nothing,
    /// Bytes.
    Some,
    /// The peer has said all it has to say.
    End,
}

impl Connection {
    async fn run(&mut self) -> Result<(), End> {
        let idle_max = self.worker.around().config.connection_idle_max;
        loop {
            let read = if self.may_read() { self.read()? } else { Read::Nothing };
            if let Read::End = read {
                return Ok(());
            }
            if self.flush()? {
                return Ok(());
            }
            match read {
                // Whoever always has something to say lets others speak too.
                Read::Some => tokio::task::consume_budget().await,
                // What was left lying because there was no room for answers is taken up when there is.
                Read::Nothing if self.may_read() && self.holds_a_frame() => {}
                Read::Nothing | Read::End => self.wait(idle_max).await?,
            }
        }
    }

    /// Whether a request lies here that was not carried out.
    fn holds_a_frame(&self) -> bool {
        !self.partial.is_empty() && !matches!(frame::decode(&self.partial, self.request_bytes_max), Decoded::NeedMore { .. })
    }

    /// Whether more is read: not before a peer has taken most of what it asked for.
    fn may_read(&self) -> bool {
        let (unanswered, held_bytes) = self.replies.load();
        !self.closing && unanswered < UNANSWERED_MAX && held_bytes + self.sending.memory_bytes() < UNSENT_BYTES_MAX
    }

    /// Waits until there is something to read, to send, or an answer.
    async fn wait(&self, idle_max: Option<Duration>) -> Result<(), End> {
        let reads = self.may_read();
        let interest = match (reads, self.sending.is_empty()) {
            (true, true) => Some(Interest::READABLE),
            (true, false) => Some(Interest::READABLE | Interest::WRITABLE),
            (false, false) => Some(Interest::WRITABLE),
            (false, true) => None,
        };
        let ready = async {
            match interest {
                Some(interest) => self.stream.ready(interest).await.map(drop),
                None => core::future::pending().await,
            }
        };
        // Who waits for an answer is not idle.
        let idle = async {
            match idle_max.filter(|_| self.replies.is_empty()) {
                Some(span) => tokio::time::sleep(span).await,
                None => core::future::pending().await,
            }
        };
        tokio::select! {
            ready = ready => Ok(ready?),
            () = self.replies.changed() => Ok(()),
            () = idle => Err(End::Idle),
        }
    }

    /// Reads once, and carries out the requests that are complete.
    fn read(&mut self) -> Result<Read, End> {
        if self.partial.is_empty() {
            return SCRATCH.with_borrow_mut(|scratch| {
                scratch.resize(READ_BYTES, 0);
                match self.stream.try_read(scratch) {
                    Ok(0) => Ok(Read::End),
                    Ok(size) => {
                        let bytes = scratch.get(..size).unwrap_or_default();
                        let used = self.carry_out(bytes)?;
                        self.partial.extend_from_slice(bytes.get(used..).unwrap_or_default());
                        Ok(Read::Some)
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Read::Nothing),
                    Err(error) => Err(error.into()),
                }
            });
        }
        let wanted = match frame::decode(&self.partial, self.request_bytes_max) {
            Decoded::NeedMore { size } => size - self.partial.len(),
            Decoded::Frame { .. } | Decoded::TooLarge { .. } | Decoded::Malformed { .. } => {
                // It came with others, and had to wait until those were answered.
                let bytes = core::mem::take(&mut self.partial);
                let used = self.carry_out(&bytes)?;
                self.partial.extend_from_slice(bytes.get(used..).unwrap_or_default());
                return Ok(Read::Some);
            }
        };
        // Memory grows with what has come, not with what was announced.
        let room = wanted.min(self.partial.len().max(READ_BYTES)).max(1);
        let before = self.partial.len();
        self.partial.resize(before + room, 0);
        let read = self.stream.try_read(self.partial.get_mut(before..).unwrap_or_default());
        self.partial.truncate(before + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => Ok(Read::End),
            Ok(_) => {
                let bytes = core::mem::take(&mut self.partial);
                let used = self.carry_out(&bytes)?;
                if used == 0 {
                    self.partial = bytes;
                } else {
                    self.partial.extend_from_slice(bytes.get(used..).unwrap_or_default());
                }
                Ok(Read::Some)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Read::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// Carries out every complete request, as long as the answers find room, and answers how many bytes those were.
    fn carry_out(&mut self, bytes: &[u8]) -> Result<usize, End> {
        let mut used = 0;
        loop {
            match frame::decode(bytes.get(used..).unwrap_or_default(), self.request_bytes_max) {
                Decoded::NeedMore { .. } => return Ok(used),
                Decoded::Frame { content, size } => {
                    used += size;
                    dispatch(&self.worker, &self.caller, &self.replies, content).map_err(|error| End::Malformed(error.to_string()))?;
                    if !self.may_read() {
                        return Ok(used);
                    }
                }
                Decoded::TooLarge { size } => {
                    let max = self.request_bytes_max;
                    return Err(End::Malformed(format!("a request of {size} bytes is larger than socket.request.max.bytes, {max}")));
                }
                Decoded::Malformed { size } => return Err(End::Malformed(format!("a request of {size} bytes"))),
            }
        }
    }

    /// Sends the answers that are ready, in order. Answers whether the connection has come to its end.
    fn flush(&mut self) -> Result<bool, End> {
        while !self.closing
            && let Some(front) = self.replies.take()
        {
            match front {
                Front::Send(outgoing) => self.sending.push(outgoing),
                Front::Close => self.closing = true,
            }
        }
        self.sending.send(&self.stream)?;
        Ok(self.closing && self.sending.is_empty())
    }
}
