//! A Kafka broker to link into anything.
