//! DescribeUserScramCredentials: key 50.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks which users have passwords for SCRAM.
    ///
    /// Source: key 50; KIP-554.
    DescribeUserScramCredentialsRequest<'a>, key 50, versions 0-0, flexible 0+;
    /// The users; null or empty for all.
    users: Option<Array<'a, UserName<'a>>>, 0+, null 0+;
}

message! {
    /// A user.
    UserName<'a>;
    /// The user.
    name: &'a str, 0+;
}

message! {
    /// Says which users have passwords for SCRAM, and never the passwords.
    ///
    /// Source: key 50; KIP-554.
    DescribeUserScramCredentialsResponse<'a>, key 50, versions 0-0, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// What is known of each.
    results: Array<'a, DescribeUserScramCredentialsResult<'a>>, 0+;
}

message! {
    /// What is known of a user.
    DescribeUserScramCredentialsResult<'a>;
    /// The user.
    user: &'a str, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// What there is of each mechanism.
    credential_infos: Array<'a, CredentialInfo>, 0+;
}

message! {
    /// A password that a user has.
    CredentialInfo;
    /// How the password is hashed: 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    mechanism: i8, 0+;
    /// How often it is hashed.
    iterations: i32, 0+;
}
