//! DescribeQuorum, key 55, served 0-2. KIP-595, KIP-836 (v1), KIP-853 (v2).
//!
//! The quorum is this broker alone, and its log is the catalogue.
//! Differences from Apache Kafka: its endpoint is the broker's own, since there is no listener for controllers.

use millpond_core::catalog::name::{CLUSTER_METADATA, KRAFT_VERSION};
use millpond_core::ids::TopicId;
use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, PartitionQuorum, ReplicaState, TopicQuorum,
};
use crate::worker::turn::Turn;

use super::dispatch::Asked;
use super::repeated::unique;
use super::{error_map, respond};

/// What the one listener is called.
const LISTENER: &str = "PLAINTEXT";

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeQuorumRequest<'_> = asked.decode()?;
    let Asked { worker, head, reply, .. } = asked;
    let named = unique(request.topics.iter(), |topic| topic.topic_name);
    let indices: Vec<Vec<i32>> =
        named.iter().map(|topic| unique(topic.partitions.iter().map(|partition| partition.partition_index), |index| *index)).collect();
    // One partition, and no other. Source: `RaftUtil.hasValidTopicPartition`.
    let is_it = matches!((&*named, &*indices), ([topic], [indices]) if topic.topic_name == CLUSTER_METADATA && **indices == [0]);
    worker.turn(|turn| {
        if !is_it {
            let error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.number();
            let refused = |index: &i32| PartitionQuorum { partition_index: *index, error_code, ..PartitionQuorum::default() };
            let partitions: Vec<Vec<PartitionQuorum<'_>>> = indices.iter().map(|indices| indices.iter().map(refused).collect()).collect();
            let topics: Vec<TopicQuorum<'_>> = named
                .iter()
                .zip(&partitions)
                .map(|(topic, partitions)| TopicQuorum { topic_name: topic.topic_name, partitions: Array::from(&**partitions) })
                .collect();
            return reply.send(respond::encode(head, &DescribeQuorumResponse { topics: Array::from(&*topics), ..Default::default() }));
        }
        let voters;
        let partition = match quorum(turn) {
            Ok((partition, voter)) => {
                voters = [voter];
                PartitionQuorum { current_voters: Array::from(&voters), ..partition }
            }
            Err(code) => PartitionQuorum { error_code: code.number(), ..PartitionQuorum::default() },
        };
        let partitions = [partition];
        let topics = [TopicQuorum { topic_name: CLUSTER_METADATA, partitions: Array::from(&partitions) }];
        let (host, port) = &turn.around.advertised;
        let listeners = [Listener { name: LISTENER, host, port: *port }];
        let nodes = [Node { node_id: turn.around.config.node.0, listeners: Array::from(&listeners) }];
        let message = DescribeQuorumResponse { topics: Array::from(&topics), nodes: Array::from(&nodes), ..Default::default() };
        reply.send(respond::encode(head, &message));
    });
    Ok(())
}

/// How the catalogue's log stands, and its one voter, who has all of it at every moment.
fn quorum(turn: &mut Turn<'_>) -> Result<(PartitionQuorum<'static>, ReplicaState), ErrorCode> {
    let (at, wall) = (turn.at, turn.at.wall.0);
    let (marks, epoch) = turn.inner.shard.catalog_stands(at).map_err(|error| error_map::of_partition(&error))?;
    let catalog = turn.inner.shard.catalog();
    // Without its voters in the log, nobody knows their directories. Source: `VoterSet`.
    let replica_directory_id = if catalog.feature_level(KRAFT_VERSION) > 0 { catalog.directory() } else { TopicId::ZERO };
    let voter = ReplicaState {
        replica_id: catalog.node().0,
        replica_directory_id,
        log_end_offset: marks.log_end().0,
        last_fetch_timestamp: wall,
        last_caught_up_timestamp: wall,
    };
    let partition = PartitionQuorum {
        leader_id: catalog.node().0,
        leader_epoch: epoch.0,
        high_watermark: marks.high_watermark().0,
        ..PartitionQuorum::default()
    };
    Ok((partition, voter))
}
