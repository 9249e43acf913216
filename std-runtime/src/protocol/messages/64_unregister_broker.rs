//! UnregisterBroker: key 64.

use millpond_core::message;

message! {
    /// Takes a broker off the books.
    ///
    /// Source: key 64; KIP-704.
    UnregisterBrokerRequest, key 64, versions 0-0, flexible 0+;
    /// The number of the broker.
    broker_id: i32, 0+;
}

message! {
    /// Says whether the broker is off the books.
    ///
    /// Source: key 64; KIP-704.
    UnregisterBrokerResponse<'a>, key 64, versions 0-0, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}
