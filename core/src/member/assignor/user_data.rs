//! What sticky assignors write for each other, in the user data of a subscription.
//!
//! [`StickyUserData`] is not preceded by a version: version 1 has a generation behind what version 0 has, and whoever reads looks whether
//! it is there. Bytes left over are not minded. Source: `StickyAssignor`, `CooperativeStickyAssignor`; KIP-54, KIP-341, KIP-429.

use crate::message;
use crate::wire::reader::{DecodeError, Reader};
use crate::wire::schema::Message as _;
use crate::wire::value::Array;
use crate::wire::writer::Writer;

message! {
    /// What a member of the eager sticky assignor had, since it gives it up before it joins.
    StickyUserData<'a>, versions 0-1;
    /// The partitions that it was given last, by topic.
    previous_assignment: Array<'a, PreviousTopic<'a>>, 0+;
    /// The generation in which it got them; -1 when it does not say.
    generation: i32, 1+, else -1;
}

message! {
    /// Partitions of one topic.
    PreviousTopic<'a>;
    /// The topic.
    topic: &'a str, 0+;
    /// The partitions.
    partitions: Array<'a, i32>, 0+;
}

message! {
    /// What a member of the cooperative sticky assignor adds: subscriptions had no generation before their version 2.
    CooperativeStickyUserData, versions 0-0;
    /// The generation in which it got the partitions it owns; -1 when it has none.
    generation: i32, 0+, else -1;
}

impl<'a> StickyUserData<'a> {
    /// Reads version 1, or version 0 where there is no generation.
    ///
    /// # Errors
    /// What [`DecodeError`] names when it is neither. Java then takes the member for one that had nothing.
    pub fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::decode_from(&mut Reader::new(bytes), 1).or_else(|_| Self::decode_from(&mut Reader::new(bytes), 0))
    }

    /// Writes version 1.
    pub fn put(&self, writer: &mut Writer<'_>) {
        self.encode(writer, 1);
    }
}

impl CooperativeStickyUserData {
    /// Reads the one version there is.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] when there is no generation.
    pub fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_from(&mut Reader::new(bytes), 0)
    }

    /// Writes the one version there is.
    pub fn put(&self, writer: &mut Writer<'_>) {
        self.encode(writer, 0);
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    /// One topic, `t`, partitions 1 and 2, generation 7: as `StickyAssignor` of Kafka 4.3 writes it.
    const JAVA: [u8; 23] = [0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 7];

    #[test]
    fn both_versions_are_read_and_the_newer_is_written() {
        let data = StickyUserData::read(&JAVA).unwrap();
        let topic = data.previous_assignment.iter().next().unwrap();
        assert_eq!((topic.topic, topic.partitions.iter().collect::<alloc::vec::Vec<_>>(), data.generation), ("t", [1, 2].into(), 7));
        let mut writer = Writer::growing();
        data.put(&mut writer);
        assert_eq!(writer.bytes(), JAVA);
        let older = StickyUserData::read(&JAVA[..19]).unwrap();
        assert_eq!((older.previous_assignment, older.generation), (data.previous_assignment, -1));
        // Half a generation is none.
        assert_eq!(StickyUserData::read(&JAVA[..21]).unwrap().generation, -1);
        assert_eq!(StickyUserData::read(&JAVA[..18]), Err(DecodeError::Truncated));
    }

    #[test]
    fn the_cooperative_assignor_writes_its_generation() {
        let mut writer = Writer::growing();
        CooperativeStickyUserData { generation: 258 }.put(&mut writer);
        assert_eq!(writer.bytes(), [0, 0, 1, 2]);
        assert_eq!(CooperativeStickyUserData::read(&[0, 0, 1, 2, 9]), Ok(CooperativeStickyUserData { generation: 258 }));
        assert_eq!(CooperativeStickyUserData::read(&[0, 0, 1]), Err(DecodeError::Truncated));
    }
}
