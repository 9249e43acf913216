//! Sockets: frames in, answers out in order. Nothing here knows what a request means.
//!
//! - [`listener`]: accepts. [`connection`]: reads frames, has them carried out, sends what comes of it. [`send`]: bytes and ranges of
//!   files to a socket.

pub mod connection;
pub mod listener;
pub mod send;
