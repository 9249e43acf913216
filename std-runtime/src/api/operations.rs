//! What whoever asks may do with a resource. Without an authorizer that is all there is to do. Source: `AclEntry.supportedOperations`,
//! `AclOperation`, KIP-430.

// One bit each.
const READ: u32 = 3;
const WRITE: u32 = 4;
const CREATE: u32 = 5;
const DELETE: u32 = 6;
const ALTER: u32 = 7;
const DESCRIBE: u32 = 8;
const CLUSTER_ACTION: u32 = 9;
const DESCRIBE_CONFIGS: u32 = 10;
const ALTER_CONFIGS: u32 = 11;
const IDEMPOTENT_WRITE: u32 = 12;

const CLUSTER: i32 = (1 << CREATE)
    | (1 << ALTER)
    | (1 << DESCRIBE)
    | (1 << CLUSTER_ACTION)
    | (1 << DESCRIBE_CONFIGS)
    | (1 << ALTER_CONFIGS)
    | (1 << IDEMPOTENT_WRITE);
const TOPIC: i32 = (1 << READ)
    | (1 << WRITE)
    | (1 << CREATE)
    | (1 << DELETE)
    | (1 << ALTER)
    | (1 << DESCRIBE)
    | (1 << DESCRIBE_CONFIGS)
    | (1 << ALTER_CONFIGS);
const GROUP: i32 = (1 << READ) | (1 << DELETE) | (1 << DESCRIBE) | (1 << DESCRIBE_CONFIGS) | (1 << ALTER_CONFIGS);
/// Nobody has asked.
const UNTOLD: i32 = i32::MIN;

/// With the cluster, if that is asked.
pub(super) const fn of_cluster(asked: bool) -> i32 {
    if asked { CLUSTER } else { UNTOLD }
}

/// With a topic, if that is asked.
pub(super) const fn of_topic(asked: bool) -> i32 {
    if asked { TOPIC } else { UNTOLD }
}

/// With a group, if that is asked.
pub(super) const fn of_group(asked: bool) -> i32 {
    if asked { GROUP } else { UNTOLD }
}
