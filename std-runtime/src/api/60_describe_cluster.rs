//! DescribeCluster, key 60, served 0-2. KIP-700, KIP-919 (v1), KIP-1073 (v2).
//!
//! Differences from Apache Kafka: none known.

use millpond_core::wire::reader::DecodeError;
use millpond_core::wire::value::Array;

use crate::protocol::error_code::ErrorCode;
use crate::protocol::messages::describe_cluster::{DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse};

use super::dispatch::Asked;
use super::operations;

/// Brokers, as opposed to controllers. Source: `EndpointType`.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let request: DescribeClusterRequest = asked.decode()?;
    let around = asked.worker.around();
    if request.endpoint_type != BROKERS {
        let code =
            if request.endpoint_type == CONTROLLERS { ErrorCode::MISMATCHED_ENDPOINT_TYPE } else { ErrorCode::UNSUPPORTED_ENDPOINT_TYPE };
        let error_message = Some("this is an endpoint of a broker");
        asked.answer(&DescribeClusterResponse { error_code: code.number(), error_message, ..Default::default() });
        return Ok(());
    }
    let (host, port) = &around.advertised;
    let broker_id = around.config.node.0;
    let brokers =
        [DescribeClusterBroker { broker_id, host, port: i32::from(*port), rack: around.config.rack.as_deref(), is_fenced: false }];
    asked.answer(&DescribeClusterResponse {
        cluster_id: &around.identity.cluster_id,
        controller_id: broker_id,
        brokers: Array::from(&brokers),
        cluster_authorized_operations: operations::of_cluster(request.include_cluster_authorized_operations),
        ..Default::default()
    });
    Ok(())
}
