//! The table of errors: what an answer can say instead of yes. The numbers and names are Kafka 4.3's, the texts our own.

use core::fmt;

/// An error as an answer carries it. A number without a row is kept: it prints as itself.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorRow {
    /// The number on the wire.
    pub code: ErrorCode,
    /// Kafka's name for it.
    pub name: &'static str,
    /// Whether the same request may succeed later.
    pub retriable: bool,
    /// What it means, in a short clause.
    pub text: &'static str,
}

macro_rules! errors {
    ($($number:literal $name:ident $kind:ident $text:literal;)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!($number, ": ", $text, ".")]
                pub const $name: Self = Self($number);
            )*

            /// The table, in the order of the numbers.
            pub const TABLE: &'static [ErrorRow] = &[
                $(ErrorRow {
                    code: Self::$name,
                    name: stringify!($name),
                    retriable: errors!(@$kind),
                    text: $text,
                }),*
            ];

            /// Its row; `None` when Kafka 4.3 has no such number.
            #[must_use]
            pub const fn row(self) -> Option<&'static ErrorRow> {
                match self.0 {
                    $($number => {
                        const ROW: ErrorRow = ErrorRow {
                            code: ErrorCode::$name,
                            name: stringify!($name),
                            retriable: errors!(@$kind),
                            text: $text,
                        };
                        Some(&ROW)
                    })*
                    _ => None,
                }
            }
        }
    };
    (@retriable) => { true };
    (@fatal) => { false };
}

errors! {
    -1 UNKNOWN_SERVER_ERROR fatal "something went wrong in the broker that no other error names";
    0 NONE fatal "no error";
    1 OFFSET_OUT_OF_RANGE fatal "the partition holds no record at this offset";
    2 CORRUPT_MESSAGE retriable "the batch does not match its checksum, or is malformed in another way";
    3 UNKNOWN_TOPIC_OR_PARTITION retriable "no such topic or partition here";
    4 INVALID_FETCH_SIZE fatal "the size to fetch is not valid";
    5 LEADER_NOT_AVAILABLE retriable "the partition has no leader at the moment";
    6 NOT_LEADER_OR_FOLLOWER retriable "this broker does not lead the partition, or holds no replica of it";
    7 REQUEST_TIMED_OUT retriable "the time allowed for the request ran out";
    8 BROKER_NOT_AVAILABLE fatal "the broker is not available";
    9 REPLICA_NOT_AVAILABLE retriable "the replica is not available";
    10 MESSAGE_TOO_LARGE fatal "a record or batch is larger than the broker accepts";
    11 STALE_CONTROLLER_EPOCH fatal "another broker has become the controller";
    12 OFFSET_METADATA_TOO_LARGE fatal "the note beside a committed offset is too large";
    13 NETWORK_EXCEPTION retriable "the connection broke before an answer came";
    14 COORDINATOR_LOAD_IN_PROGRESS retriable "the coordinator is still loading its state";
    15 COORDINATOR_NOT_AVAILABLE retriable "no coordinator is available yet";
    16 NOT_COORDINATOR retriable "another broker coordinates this";
    17 INVALID_TOPIC_EXCEPTION fatal "the topic's name is not valid, or the topic is not open to this operation";
    18 RECORD_LIST_TOO_LARGE fatal "the batch is larger than a segment of the log";
    19 NOT_ENOUGH_REPLICAS retriable "too few replicas are in sync, nothing was written";
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND retriable "written, but too few replicas were in sync to hold it";
    21 INVALID_REQUIRED_ACKS fatal "acks is not -1, 0 or 1";
    22 ILLEGAL_GENERATION fatal "the generation is not the group's current one";
    23 INCONSISTENT_GROUP_PROTOCOL fatal "no assignor is common to all members, or none was named";
    24 INVALID_GROUP_ID fatal "the group id is not valid";
    25 UNKNOWN_MEMBER_ID fatal "the group has no such member";
    26 INVALID_SESSION_TIMEOUT fatal "the session timeout lies outside the limits of the broker";
    27 REBALANCE_IN_PROGRESS fatal "the group is rebalancing, join again";
    28 INVALID_COMMIT_OFFSET_SIZE fatal "the group's offsets are too large to be stored";
    29 TOPIC_AUTHORIZATION_FAILED fatal "the caller may not do this to the topic";
    30 GROUP_AUTHORIZATION_FAILED fatal "the caller may not do this to the group";
    31 CLUSTER_AUTHORIZATION_FAILED fatal "the caller may not do this to the cluster";
    32 INVALID_TIMESTAMP fatal "a timestamp lies too far from the broker's time";
    33 UNSUPPORTED_SASL_MECHANISM fatal "the broker does not speak this SASL mechanism";
    34 ILLEGAL_SASL_STATE fatal "this request does not belong at this point of the authentication";
    35 UNSUPPORTED_VERSION fatal "the broker does not speak this version";
    36 TOPIC_ALREADY_EXISTS fatal "a topic of this name exists";
    37 INVALID_PARTITIONS fatal "the number of partitions is not valid";
    38 INVALID_REPLICATION_FACTOR fatal "the replication factor is below 1 or above the number of brokers";
    39 INVALID_REPLICA_ASSIGNMENT fatal "the assignment of replicas is not valid";
    40 INVALID_CONFIG fatal "a setting is not valid";
    41 NOT_CONTROLLER retriable "this broker is not the controller";
    42 INVALID_REQUEST fatal "the request contradicts itself or the protocol";
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT fatal "the format of the stored records does not allow this";
    44 POLICY_VIOLATION fatal "a policy of the broker forbids this";
    45 OUT_OF_ORDER_SEQUENCE_NUMBER fatal "a batch does not follow the producer's last one";
    46 DUPLICATE_SEQUENCE_NUMBER fatal "the batch was written before";
    47 INVALID_PRODUCER_EPOCH fatal "the producer's epoch is out of date";
    48 INVALID_TXN_STATE fatal "the transaction is in a state that does not allow this";
    49 INVALID_PRODUCER_ID_MAPPING fatal "the transactional id belongs to another producer id";
    50 INVALID_TRANSACTION_TIMEOUT fatal "the transaction timeout is not positive or above the broker's limit";
    51 CONCURRENT_TRANSACTIONS retriable "another operation on the same transaction has not ended yet";
    52 TRANSACTION_COORDINATOR_FENCED fatal "another coordinator has taken over the transaction";
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED fatal "the caller may not use this transactional id";
    54 SECURITY_DISABLED fatal "the broker runs without this security feature";
    55 OPERATION_NOT_ATTEMPTED fatal "not tried, since another part of the request failed";
    56 KAFKA_STORAGE_ERROR retriable "the disk failed";
    57 LOG_DIR_NOT_FOUND fatal "the broker has no such log directory";
    58 SASL_AUTHENTICATION_FAILED fatal "authentication failed";
    59 UNKNOWN_PRODUCER_ID fatal "the broker no longer knows this producer";
    60 REASSIGNMENT_IN_PROGRESS fatal "the partition is being reassigned";
    61 DELEGATION_TOKEN_AUTH_DISABLED fatal "delegation tokens are not in use";
    62 DELEGATION_TOKEN_NOT_FOUND fatal "no such delegation token";
    63 DELEGATION_TOKEN_OWNER_MISMATCH fatal "the caller neither owns this token nor may renew it";
    64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED fatal "delegation tokens may not be asked for over this connection";
    65 DELEGATION_TOKEN_AUTHORIZATION_FAILED fatal "the caller may not do this to delegation tokens";
    66 DELEGATION_TOKEN_EXPIRED fatal "the delegation token has expired";
    67 INVALID_PRINCIPAL_TYPE fatal "principals of this type are not known";
    68 NON_EMPTY_GROUP fatal "the group still has members";
    69 GROUP_ID_NOT_FOUND fatal "no such group";
    70 FETCH_SESSION_ID_NOT_FOUND retriable "no such fetch session";
    71 INVALID_FETCH_SESSION_EPOCH retriable "the request is not the next one of its fetch session";
    72 LISTENER_NOT_FOUND retriable "the leader has no listener of the name this request came in by";
    73 TOPIC_DELETION_DISABLED fatal "topics may not be deleted";
    74 FENCED_LEADER_EPOCH retriable "the caller's leader epoch is out of date";
    75 UNKNOWN_LEADER_EPOCH retriable "the caller's leader epoch is newer than the broker's";
    76 UNSUPPORTED_COMPRESSION_TYPE fatal "the client cannot read this compression";
    77 STALE_BROKER_EPOCH fatal "the broker has registered anew since";
    78 OFFSET_NOT_AVAILABLE retriable "the new leader does not know yet what is committed";
    79 MEMBER_ID_REQUIRED fatal "join again with the member id in this answer";
    80 PREFERRED_LEADER_NOT_AVAILABLE retriable "the preferred leader is not available";
    81 GROUP_MAX_SIZE_REACHED fatal "the group is full";
    82 FENCED_INSTANCE_ID fatal "another member has joined under this group.instance.id";
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE retriable "no replica that may lead is available";
    84 ELECTION_NOT_NEEDED retriable "the partition has its leader, there is nothing to elect";
    85 NO_REASSIGNMENT_IN_PROGRESS fatal "no reassignment is under way";
    86 GROUP_SUBSCRIBED_TO_TOPIC fatal "members of the group still read this topic";
    87 INVALID_RECORD fatal "a record breaks a rule of the broker";
    88 UNSTABLE_OFFSET_COMMIT retriable "offsets of an open transaction are not decided yet";
    89 THROTTLING_QUOTA_EXCEEDED retriable "a quota is used up";
    90 PRODUCER_FENCED fatal "a newer producer uses the same transactional id";
    91 RESOURCE_NOT_FOUND fatal "no such resource";
    92 DUPLICATE_RESOURCE fatal "the same resource is named twice";
    93 UNACCEPTABLE_CREDENTIAL fatal "the credential does not meet the requirements";
    94 INCONSISTENT_VOTER_SET fatal "sender or receiver is not one of the voters";
    95 INVALID_UPDATE_VERSION fatal "the version to update to is not valid";
    96 FEATURE_UPDATE_FAILED fatal "the feature could not be updated";
    97 PRINCIPAL_DESERIALIZATION_FAILURE fatal "the forwarded principal could not be read";
    98 SNAPSHOT_NOT_FOUND fatal "no such snapshot";
    99 POSITION_OUT_OF_RANGE fatal "the position lies outside the snapshot";
    100 UNKNOWN_TOPIC_ID retriable "no topic of this id here";
    101 DUPLICATE_BROKER_REGISTRATION fatal "another broker is registered under this number";
    102 BROKER_ID_NOT_REGISTERED fatal "no broker is registered under this number";
    103 INCONSISTENT_TOPIC_ID retriable "the topic's log belongs to another topic id";
    104 INCONSISTENT_CLUSTER_ID fatal "the cluster has another id";
    105 TRANSACTIONAL_ID_NOT_FOUND fatal "no such transactional id";
    106 FETCH_SESSION_TOPIC_ID_ERROR retriable "the fetch session mixes topic names and topic ids";
    107 INELIGIBLE_REPLICA fatal "a replica named as in sync may not be";
    108 NEW_LEADER_ELECTED fatal "the change was made, and the leader has changed with it";
    109 OFFSET_MOVED_TO_TIERED_STORAGE fatal "records at this offset now lie in tiered storage";
    110 FENCED_MEMBER_EPOCH fatal "the member's epoch is fenced: give up all partitions and join again";
    111 UNRELEASED_INSTANCE_ID fatal "another member still holds this instance id";
    112 UNSUPPORTED_ASSIGNOR fatal "the group knows no such assignor";
    113 STALE_MEMBER_EPOCH fatal "the member's epoch is out of date, its next heartbeat will bring a new one";
    114 MISMATCHED_ENDPOINT_TYPE fatal "this kind of endpoint does not take this request";
    115 UNSUPPORTED_ENDPOINT_TYPE fatal "this kind of endpoint is not known";
    116 UNKNOWN_CONTROLLER_ID fatal "no such controller";
    117 UNKNOWN_SUBSCRIPTION_ID fatal "no such telemetry subscription";
    118 TELEMETRY_TOO_LARGE fatal "the telemetry is larger than the broker accepts";
    119 INVALID_REGISTRATION fatal "the controller refuses the registration";
    120 TRANSACTION_ABORTABLE fatal "the transaction must be aborted, then its id can be used again";
    121 INVALID_RECORD_STATE fatal "the record is not acquired by this member";
    122 SHARE_SESSION_NOT_FOUND retriable "no such share session";
    123 INVALID_SHARE_SESSION_EPOCH retriable "the request is not the next one of its share session";
    124 FENCED_STATE_EPOCH fatal "the state epoch of the share group is out of date";
    125 INVALID_VOTER_KEY fatal "the voter's key is not the receiver's";
    126 DUPLICATE_VOTER fatal "the voter is one already";
    127 VOTER_NOT_FOUND fatal "no such voter";
    128 INVALID_REGULAR_EXPRESSION fatal "the regular expression is not valid";
    129 REBOOTSTRAP_REQUIRED fatal "the client's view of the cluster is out of date, begin again at the bootstrap servers";
    130 STREAMS_INVALID_TOPOLOGY fatal "the topology is not valid";
    131 STREAMS_INVALID_TOPOLOGY_EPOCH fatal "the topology's epoch is not valid";
    132 STREAMS_TOPOLOGY_FENCED fatal "the topology's epoch is out of date";
    133 SHARE_SESSION_LIMIT_REACHED retriable "there are too many share sessions";
}

impl ErrorCode {
    /// The error of this number.
    #[must_use]
    pub const fn from_i16(number: i16) -> Self {
        Self(number)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i16 {
        self.0
    }

    /// Whether there is no error.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == Self::NONE.0
    }

    /// Kafka's name; `None` when it has no such number.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// Whether the same request may succeed later. A number we do not know is not repeated.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        self.row().is_some_and(|row| row.retriable)
    }
}

impl From<ErrorCode> for i16 {
    fn from(code: ErrorCode) -> Self {
        code.0
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some(row) => f.write_str(row.name),
            None => write!(f, "ErrorCode({})", self.0),
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some(row) => write!(f, "{} ({}): {}", row.name, self.0, row.text),
            None => write!(f, "error {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_no_gap() {
        for (row, number) in ErrorCode::TABLE.iter().zip(-1i16..) {
            assert_eq!(row.code, ErrorCode(number));
            assert_eq!(row.code.row(), Some(row));
        }
        assert_eq!(ErrorCode::TABLE.last().map(|row| row.code), Some(ErrorCode::SHARE_SESSION_LIMIT_REACHED));
    }

    #[test]
    fn a_number_without_a_row_keeps_its_face() {
        assert_eq!(std::format!("{:?}", ErrorCode(7000)), "ErrorCode(7000)");
        assert_eq!(std::format!("{}", ErrorCode(7000)), "error 7000");
        assert_eq!(std::format!("{:?}", ErrorCode::NOT_COORDINATOR), "NOT_COORDINATOR");
        assert!(ErrorCode::NOT_COORDINATOR.is_retriable() && !ErrorCode(7000).is_retriable());
    }
}
