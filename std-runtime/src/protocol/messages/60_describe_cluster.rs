//! DescribeCluster: key 60.

use millpond_core::message;
use millpond_core::wire::value::Array;

message! {
    /// Asks about the cluster.
    ///
    /// Source: key 60; KIP-700, KIP-919 (v1), KIP-1073 (v2).
    DescribeClusterRequest, key 60, versions 0-2, flexible 0+;
    /// Whether to add the operations that the caller may perform on the cluster.
    include_cluster_authorized_operations: bool, 0+;
    /// Who is described: 1 brokers, 2 controllers.
    endpoint_type: i8, 1+, else 1;
    /// Whether to list fenced brokers too.
    include_fenced_brokers: bool, 2+;
}

message! {
    /// Describes the cluster.
    ///
    /// Source: key 60; KIP-700, KIP-919 (v1), KIP-1073 (v2).
    DescribeClusterResponse<'a>, key 60, versions 0-2, flexible 0+;
    /// How long the client is slowed down for exceeding a quota. Unit: ms.
    throttle_time_ms: i32, 0+;
    /// 0, or why this failed: see the table of error codes.
    error_code: i16, 0+;
    /// The error in words; null when there is nothing to add.
    error_message: Option<&'a str>, 0+, null 0+;
    /// Who is described: 1 brokers, 2 controllers.
    endpoint_type: i8, 1+, else 1;
    /// The identity of the cluster.
    cluster_id: &'a str, 0+;
    /// The controller to send changes to: from a broker any broker that forwards them, from a controller the quorum's leader. -1 when none
    /// is known.
    controller_id: i32, 0+, else -1;
    /// The brokers of the cluster.
    brokers: Array<'a, DescribeClusterBroker<'a>>, 0+;
    /// The operations the caller may perform on the cluster, a bit for each; -2147483648 when not asked for.
    cluster_authorized_operations: i32, 0+, else i32::MIN;
}

message! {
    /// A broker.
    DescribeClusterBroker<'a>;
    /// The number of the broker.
    broker_id: i32, 0+;
    /// The host name or address to connect to.
    host: &'a str, 0+;
    /// The port to connect to.
    port: i32, 0+;
    /// The rack of the broker; null when it has none.
    rack: Option<&'a str>, 0+, null 0+;
    /// Whether the broker is fenced.
    is_fenced: bool, 2+;
}
