//! Answers on their way to a connection: kept in the order of its requests, however they finish. Source: Protocol Guide, "Network".

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use millpond_core::ids::CallId;
use tokio::sync::Notify;

use crate::disk::files::OpenFile;

/// Bytes to be sent, and ranges of files that belong among them.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// The frame without what comes from files.
    pub bytes: Vec<u8>,
    /// What comes from files, in order.
    pub files: Vec<FileRange>,
}

/// A range of a file that belongs at a place among bytes.
#[derive(Debug)]
pub struct FileRange {
    /// How many of the bytes come before it.
    pub at: usize,
    /// The file.
    pub file: OpenFile,
    /// Where the range begins. Unit: bytes.
    pub position: u64,
    /// How long it is. Unit: bytes.
    pub size: u32,
}

/// What has become of a request.
#[derive(Debug)]
enum Answer {
    Pending,
    /// It is answered.
    Ready(Outgoing),
    /// It is done, and nothing is sent: a produce that nobody waits for.
    Silent,
    /// The connection is to be closed instead.
    Close,
}

#[derive(Debug, Default)]
struct Queue {
    answers: VecDeque<Answer>,
    /// The number of the request at the front.
    first: u64,
    /// The bytes that answers and waiting requests take. Unit: bytes.
    held: usize,
    /// Calls that wait for bytes: who hangs up does not wait for them.
    waiting: Vec<CallId>,
}

/// The answers of one connection.
#[derive(Debug, Default)]
pub struct Replies {
    queue: Mutex<Queue>,
    ready: Notify,
}

/// What stands at the front of a connection's answers.
#[derive(Debug)]
pub enum Front {
    /// Bytes to be sent.
    Send(Outgoing),
    /// The connection is to be closed.
    Close,
}

impl Replies {
    /// A place for the answer to the next request.
    pub fn expect(self: &Arc<Self>) -> Reply {
        let mut queue = self.lock();
        let number = queue.first + u64::try_from(queue.answers.len()).unwrap_or(u64::MAX);
        queue.answers.push_back(Answer::Pending);
        Reply { replies: Some(Arc::clone(self)), number }
    }

    /// How many requests are not answered yet, or whose answers were not taken; and how many bytes those answers, and the requests that
    /// wait, hold in memory.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let queue = self.lock();
        (queue.answers.len(), queue.held)
    }

    /// The calls that wait for bytes. Nobody is interested in them any more.
    #[must_use]
    pub fn take_waiting(&self) -> Vec<CallId> {
        core::mem::take(&mut self.lock().waiting)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().answers.is_empty()
    }

    /// Takes the next answer, if the oldest request has one.
    pub fn take(&self) -> Option<Front> {
        let mut queue = self.lock();
        loop {
            if matches!(queue.answers.front()?, Answer::Pending) {
                return None;
            }
            queue.first += 1;
            match queue.answers.pop_front()? {
                Answer::Pending | Answer::Silent => {}
                Answer::Ready(outgoing) => {
                    queue.held = queue.held.saturating_sub(outgoing.bytes.len());
                    return Some(Front::Send(outgoing));
                }
                Answer::Close => return Some(Front::Close),
            }
        }
    }

    /// Waits until some answer has come since the last time.
    pub async fn changed(&self) {
        self.ready.notified().await;
    }

    fn put(&self, number: u64, answer: Answer) {
        let mut queue = self.lock();
        let place = number.checked_sub(queue.first).and_then(|at| usize::try_from(at).ok());
        if let Some(slot) = place.and_then(|at| queue.answers.get_mut(at)) {
            let size = if let Answer::Ready(outgoing) = &answer { outgoing.bytes.len() } else { 0 };
            *slot = answer;
            queue.held = queue.held.saturating_add(size);
        }
        drop(queue);
        self.ready.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one answer. Who drops it unanswered closes the connection: a request must not go unanswered in silence.
#[derive(Debug)]
pub struct Reply {
    replies: Option<Arc<Replies>>,
    number: u64,
}

impl Reply {
    /// A call waits under this name, and keeps so many bytes until [`Reply::waited`].
    pub fn waits(&self, call: CallId, bytes: usize) {
        if let Some(replies) = &self.replies {
            let mut queue = replies.lock();
            queue.waiting.push(call);
            queue.held = queue.held.saturating_add(bytes);
        }
    }

    /// The call of this name waits no longer.
    pub fn waited(&self, call: CallId, bytes: usize) {
        if let Some(replies) = &self.replies {
            let mut queue = replies.lock();
            queue.waiting.retain(|other| *other != call);
            queue.held = queue.held.saturating_sub(bytes);
        }
    }

    /// Answers.
    pub fn send(self, outgoing: Outgoing) {
        self.put(Answer::Ready(outgoing));
    }

    /// Is done without an answer.
    pub fn be_silent(self) {
        self.put(Answer::Silent);
    }

    /// Closes the connection, once what was asked before is answered.
    pub fn close(self) {
        self.put(Answer::Close);
    }

    fn put(mut self, answer: Answer) {
        if let Some(replies) = self.replies.take() {
            replies.put(self.number, answer);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(replies) = self.replies.take() {
            replies.put(self.number, Answer::Close);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_leave_in_the_order_of_requests() {
        let replies = Arc::new(Replies::default());
        let (first, second, third, fourth) = (replies.expect(), replies.expect(), replies.expect(), replies.expect());
        let bytes = |byte| Outgoing { bytes: vec![byte], files: vec![] };
        third.send(bytes(3));
        assert!(replies.take().is_none());
        first.send(bytes(1));
        assert!(matches!(replies.take(), Some(Front::Send(outgoing)) if outgoing.bytes == [1]));
        assert!(replies.take().is_none());
        second.be_silent();
        assert!(matches!(replies.take(), Some(Front::Send(outgoing)) if outgoing.bytes == [3]));
        drop(fourth);
        assert!(matches!(replies.take(), Some(Front::Close)));
        assert!(replies.is_empty());
    }
}
