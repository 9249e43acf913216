//! ListPartitionReassignments, key 46, served 0. KIP-455.
//!
//! Every partition is where it shall be: see AlterPartitionReassignments.
//! Differences from Apache Kafka: none known.

use millpond_core::wire::reader::DecodeError;

use crate::protocol::messages::list_partition_reassignments::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

use super::dispatch::Asked;

pub(crate) fn serve(asked: Asked<'_>) -> Result<(), DecodeError> {
    let _: ListPartitionReassignmentsRequest<'_> = asked.decode()?;
    asked.answer(&ListPartitionReassignmentsResponse::default());
    Ok(())
}
