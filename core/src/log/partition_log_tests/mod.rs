//! Tests of a whole log.
