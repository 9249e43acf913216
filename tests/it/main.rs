//! What millpond promises, as programs.

mod broker;
mod cli;
mod group;
mod interop;
mod tidy;
mod wire;
