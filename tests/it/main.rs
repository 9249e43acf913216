//! What millpond promises, as programs.

mod wire;
