//! A live broker in the test's own process, spoken to over TCP.

mod crash;
mod damage;
mod hostile;
mod offsets;
mod produce;
