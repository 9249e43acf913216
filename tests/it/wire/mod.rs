//! The codec: against another implementation, against Kafka's definitions, against hostile bytes, against frames checked by hand.

mod definitions;
mod golden;
mod hostile;
mod oracle;
