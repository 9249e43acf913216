//! AlterUserScramCredentials: key 51.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Sets and removes passwords for SCRAM.
    ///
    /// Source: key 51; KIP-554.
    AlterUserScramCredentialsRequest<'a>, key 51, versions 0-0, flexible 0+;
    /// What is to go.
    deletions: Array<'a, ScramCredentialDeletion<'a>>, 0+;
    /// What is to be set.
    upsertions: Array<'a, ScramCredentialUpsertion<'a>>, 0+;
}

message! {
    /// A password to remove.
    ScramCredentialDeletion<'a>;
    /// The user.
    name: &'a str, 0+;
    /// How the password is hashed: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    mechanism: i8, 0+;
}

message! {
    /// A password to set.
    ScramCredentialUpsertion<'a>;
    /// The user.
    name: &'a str, 0+;
    /// How the password is hashed: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    mechanism: i8, 0+;
    /// How often it is hashed.
    iterations: i32, 0+;
    /// The salt.
    salt: &'a [u8], 0+;
    /// The salted and hashed password.
    salted_password: &'a [u8], 0+;
}

message! {
    /// Says whose passwords were changed.
    ///
    /// Source: key 51; KIP-554.
    AlterUserScramCredentialsResponse<'a>, key 51, versions 0-0, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// What became of each user.
    results: Array<'a, AlterUserScramCredentialsResult<'a>>, 0+;
}

message! {
    /// What became of a user.
    AlterUserScramCredentialsResult<'a>;
    /// The user.
    user: &'a str, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
}
