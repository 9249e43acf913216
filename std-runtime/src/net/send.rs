//! Bytes and ranges of files, to a socket. Ranges go from the file to the socket inside the system where it can: nothing of the
//! records comes through here.

use std::collections::VecDeque;
use std::io;

use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::worker::reply::{FileRange, Outgoing};

/// How much of a file is sent in one call. Unit: bytes.
const RANGE_BYTES_MAX: usize = 1 << 20;
/// Small answers are put together up to this. Unit: bytes.
const JOIN_BYTES_MAX: usize = 1 << 16;

/// What is still to be sent.
#[derive(Debug, Default)]
pub struct Sending {
    parts: VecDeque<Part>,
    /// The length of all bytes among them.
    memory: usize,
}

#[derive(Debug)]
enum Part {
    Bytes { bytes: Vec<u8>, sent: usize },
    Range(FileRange),
}

impl Sending {
    /// Puts an answer behind the others.
    pub fn push(&mut self, outgoing: Outgoing) {
        let Outgoing { bytes, files } = outgoing;
        if files.is_empty() {
            return self.push_bytes(bytes);
        }
        let mut start = 0;
        for range in files {
            self.push_bytes(bytes.get(start..range.at).unwrap_or_default().to_vec());
            start = range.at;
            self.parts.push_back(Part::Range(range));
        }
        self.push_bytes(bytes.get(start..).unwrap_or_default().to_vec());
    }

    fn push_bytes(&mut self, more: Vec<u8>) {
        if more.is_empty() {
            return;
        }
        self.memory += more.len();
        match self.parts.back_mut() {
            Some(Part::Bytes { bytes, .. }) if bytes.len() + more.len() <= JOIN_BYTES_MAX => bytes.extend_from_slice(&more),
            _ => self.parts.push_back(Part::Bytes { bytes: more, sent: 0 }),
        }
    }

    /// How much memory the bytes take that are still to be sent. Ranges of files take none.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.memory
    }

    /// Whether everything is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Sends as much as the socket takes now.
    ///
    /// # Errors
    /// When the connection is broken, or a file ends before its range does.
    pub fn send(&mut self, stream: &TcpStream) -> io::Result<()> {
        while let Some(part) = self.parts.front_mut() {
            let done = match part {
                Part::Bytes { bytes, sent } => {
                    match stream.try_write(bytes.get(*sent..).unwrap_or_default()) {
                        Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                        Ok(size) => *sent += size,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                        Err(error) => return Err(error),
                    }
                    *sent >= bytes.len()
                }
                Part::Range(range) => {
                    match stream.try_io(Interest::WRITABLE, || send_range(stream, range)) {
                        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                        Ok(size) => {
                            let size = u32::try_from(size).unwrap_or(u32::MAX).min(range.size);
                            range.position += u64::from(size);
                            range.size -= size;
                        }
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                        Err(error) => return Err(error),
                    }
                    range.size == 0
                }
            };
            if done && let Some(Part::Bytes { bytes, .. }) = self.parts.pop_front() {
                self.memory -= bytes.len();
            }
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn send_range(stream: &TcpStream, range: &FileRange) -> io::Result<usize> {
    let size = usize::try_from(range.size).unwrap_or(usize::MAX).min(RANGE_BYTES_MAX);
    let mut position = range.position;
    loop {
        match rustix::fs::sendfile(stream, range.file.file(), Some(&mut position), size) {
            Err(rustix::io::Errno::INTR) => {}
            sent => return Ok(sent?),
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn send_range(stream: &TcpStream, range: &FileRange) -> io::Result<usize> {
    let size = usize::try_from(range.size).unwrap_or(usize::MAX).min(JOIN_BYTES_MAX);
    let mut piece = vec![0; size];
    let size = crate::disk::files::read_full_at(range.file.file(), range.position, &mut piece)?;
    let piece = piece.get(..size).unwrap_or_default();
    Ok(rustix::net::send(stream, piece, rustix::net::SendFlags::empty())?)
}
