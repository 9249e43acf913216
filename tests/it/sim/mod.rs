//! The simulator: worlds from seeds, and the proof that it notices what is missing.

mod damage;
mod mutations;
mod worlds;
