//! What millpond promises, as programs.

mod interop;
mod wire;
