//! What millpond promises, as programs.

mod broker;
mod cli;
mod docs;
mod group;
mod interop;
mod sim;
mod tidy;
mod wire;
