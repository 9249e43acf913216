//! What a member tells its leader, under each assignor that it offers.

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::ids::GenerationId;
use crate::member::assignor::assignor::Assignor;
use crate::member::names::Names;
use crate::member::partitions::Held;
use crate::wire::writer::Writer;

use super::member::ClassicMember;

/// The version that is written: the newest. Source: KIP-881.
const VERSION: i16 = 3;

impl ClassicMember<'_> {
    /// Writes one subscription for each assignor.
    ///
    /// The partitions are those that the application has, and the generation is the one that the member is in, even if it never learnt what
    /// it was given there: the leader of that generation knew what it has. Source: `ConsumerCoordinator.metadata`.
    pub(super) fn write_metadata(&mut self) -> Result<(), Full> {
        let Self { metadata, metadata_ends, names, topics, owned, previous, .. } = self;
        metadata.clear();
        metadata_ends.clear();
        let mut writer = Writer::behind(metadata);
        for assignor in &self.assignors {
            writer.put(&VERSION.to_be_bytes());
            put_count(&mut writer, topics.len());
            topics.iter().for_each(|topic| put_str(&mut writer, names.str(*topic)));
            put_user_data(&mut writer, *assignor, names, (previous.held(), self.previous_generation), self.generation);
            put_partitions(&mut writer, names, owned.held());
            writer.put(&self.generation.0.to_be_bytes());
            match self.rack_id {
                None => writer.put(&(-1i16).to_be_bytes()),
                Some(rack) => put_str(&mut writer, names.str(rack)),
            }
            metadata_ends.push(writer.size()).map_err(|_| Full)?;
        }
        if writer.overflowed() { Err(Full) } else { Ok(()) }
    }
}

/// Writes what an assignor adds: nothing, what a member had, or the generation alone.
/// Source: `StickyAssignor.subscriptionUserData`, `CooperativeStickyAssignor.subscriptionUserData`.
fn put_user_data(
    writer: &mut Writer<'_>,
    assignor: Assignor,
    names: &Names<'_>,
    (previous, previous_generation): (&[Held<Text>], GenerationId),
    generation: GenerationId,
) {
    let start = writer.size();
    match assignor {
        Assignor::Range | Assignor::RoundRobin => writer.put(&(-1i32).to_be_bytes()),
        Assignor::Sticky if previous_generation.0 < 0 => writer.put(&(-1i32).to_be_bytes()),
        Assignor::Sticky => {
            writer.put(&[0; 4]);
            put_partitions(writer, names, previous);
            writer.put(&previous_generation.0.to_be_bytes());
            let size = writer.size() - start - 4;
            writer.patch(start, &i32::try_from(size).unwrap_or(i32::MAX).to_be_bytes());
        }
        Assignor::CooperativeSticky => {
            writer.put(&4i32.to_be_bytes());
            writer.put(&generation.0.to_be_bytes());
        }
    }
}

/// Writes partitions by topic: runs of the same topic.
fn put_partitions(writer: &mut Writer<'_>, names: &Names<'_>, held: &[Held<Text>]) {
    let runs = || held.chunk_by(|a, b| a.topic == b.topic);
    put_count(writer, runs().count());
    for run in runs() {
        put_str(writer, run.first().map_or("", |held| names.str(held.topic)));
        put_count(writer, run.len());
        run.iter().for_each(|held| writer.put(&held.partition.0.to_be_bytes()));
    }
}

fn put_count(writer: &mut Writer<'_>, count: usize) {
    writer.put(&i32::try_from(count).unwrap_or(i32::MAX).to_be_bytes());
}

/// Names of topics and racks are far shorter than 2^15 bytes: a broker would refuse them.
fn put_str(writer: &mut Writer<'_>, text: &str) {
    writer.put(&i16::try_from(text.len()).unwrap_or(0).to_be_bytes());
    writer.put(text.get(..text.len().min(0x7fff)).unwrap_or_default().as_bytes());
}
