//! The leader of a generation: it hears what everybody subscribes to, asks how many partitions there are, and divides them.

use core::ops::Range;

use crate::bounded::Full;
use crate::bounded::bytes::Text;
use crate::bounded::list::List;
use crate::member::assignor::assignor::{Assignor, compare_names};
use crate::member::assignor::error::AssignError;
use crate::member::assignor::group::{Group, Member};
use crate::member::assignor::owner::Owner;
use crate::member::assignor::share::Shares;
use crate::member::assignor::told::{self, Names as Numbered, Told, ToldError, put_assignment};
use crate::member::assignor::topics::Topics;
use crate::member::consumer_protocol::{subscription, version};
use crate::member::contact::RequestId;
use crate::member::error::Failure;
use crate::member::names::Names;
use crate::time::Instant;
use crate::wire::writer::Writer;

use super::member::ClassicMember;
use super::request::{Metadata, ShowMembers};
use super::state::Stage;

/// A member as its leader sees it.
#[derive(Clone, Debug)]
pub struct Seat {
    pub(super) member_id: Text,
    pub(super) instance_id: Option<Text>,
    pub(super) metadata: Text,
    /// Where its assignment stands, once there is one.
    pub(super) given: Range<usize>,
}

/// Memory of the assignor, for as long as it divides.
struct Scratch<'a, 't, 'l> {
    members: List<'l, Member<'t>>,
    topics: List<'l, &'a str>,
    ends: List<'l, u32>,
    owners: List<'l, Owner>,
    words: List<'l, u32>,
}

/// What is divided, among whom.
struct Work<'a> {
    assignor: Assignor,
    names: &'a Names<'a>,
    watched: &'a [Text],
    metadata: &'a Metadata<'a>,
}

impl ClassicMember<'_> {
    /// Learns who is in the group, and what is to be watched: all topics that anybody subscribes to.
    pub(super) fn take_seats(&mut self, members: &ShowMembers<'_>) -> Result<(), Full> {
        self.forget_names();
        let mut result = Ok(());
        members(&mut |joined| {
            if result.is_ok() {
                result = self.take_seat(joined);
            }
        });
        result?;
        let Self { names, watched, .. } = self;
        watched.sort_unstable_by(|a, b| compare_names(names.str(*a), names.str(*b)));
        Ok(())
    }

    fn take_seat(&mut self, joined: told::Joined<'_>) -> Result<(), Full> {
        if self.seats.is_full() {
            return Err(Full);
        }
        let texts = &mut self.names.texts;
        let member_id = texts.store(joined.member_id.as_bytes())?;
        self.seats.push(Seat { member_id, instance_id: None, metadata: Text::EMPTY, given: 0..0 })?;
        let instance_id = joined.instance_id.map(|id| texts.store(id.as_bytes())).transpose()?;
        if let Some(seat) = self.seats.last_mut() {
            seat.instance_id = instance_id;
            seat.metadata = texts.store(joined.metadata)?;
        }
        // Whoever cannot say what it wants gets nothing.
        let Ok(subscription) = subscription(joined.metadata) else { return Ok(()) };
        for topic in subscription.topics {
            let topic = self.names.keep(topic)?;
            if !self.watched.contains(&topic) {
                self.watched.push(topic)?;
            }
        }
        Ok(())
    }

    /// How many partitions some topics have by now; 0 for one that is gone. The leader of a group calls it together again when that is not
    /// what it divided; others, and topics that nobody subscribes to, do not mind. Source: `ConsumerCoordinator.rejoinNeededOrPending`.
    pub fn topics_changed(&mut self, topics: &[(&str, u32)]) {
        if !self.leads || self.counts.len() != self.watched.len() {
            return;
        }
        let knows = |(name, count): &(&str, u32)| {
            let place = self.names.find(name).and_then(|text| self.watched.iter().position(|topic| *topic == text));
            place.is_none_or(|place| self.counts.get(place) == Some(count))
        };
        let is_same = topics.iter().all(knows);
        if !is_same {
            // It may hear of that before it has its seat.
            self.rejoins = self.rejoins.or(Some("a topic has another number of partitions"));
            self.advance();
        }
    }

    /// Divides the partitions: the answer to [`super::request::Request::Metadata`]. To one that nobody waits for any more nothing happens.
    ///
    /// What it takes stands on the stack meanwhile. Bounds: `MEMBERS` of the group, `TOPICS` and `PARTITIONS` that they subscribe to, and
    /// `WORDS` as [`crate::member::assignor::assignor::words`] says, at least one for each member, partition and topic of each member.
    /// Past them the member gives up with [`Failure::Assignor`].
    pub fn assign<const MEMBERS: usize, const TOPICS: usize, const PARTITIONS: usize, const WORDS: usize>(
        &mut self,
        now: Instant,
        id: RequestId,
        metadata: &Metadata<'_>,
    ) {
        let mut topics = heapless::Vec::<u32, WORDS>::new();
        let mut owned = heapless::Vec::<u32, WORDS>::new();
        let mut ends = heapless::Vec::<u32, TOPICS>::new();
        let mut owners = heapless::Vec::<Owner, PARTITIONS>::new();
        let mut words = heapless::Vec::<u32, WORDS>::new();
        let lists = (List::lent(&mut ends), List::lent(&mut owners), List::lent(&mut words));
        self.assign_with(now, id, metadata, |work, seats, given| {
            let mut spans = heapless::Vec::<told::Span<'_>, MEMBERS>::new();
            let mut names = heapless::Vec::<&str, TOPICS>::new();
            let mut told = Told::new(List::lent(&mut spans), List::lent(&mut topics), List::lent(&mut owned));
            let mut members = heapless::Vec::<Member<'_>, MEMBERS>::new();
            let (ends, owners, words) = lists;
            let scratch = Scratch { members: List::lent(&mut members), topics: List::lent(&mut names), ends, owners, words };
            divide(work, seats, given, &mut told, scratch)
        });
    }

    /// [`Self::assign`] with memory that is allocated, and freed again.
    #[cfg(feature = "alloc")]
    pub fn assign_grown(&mut self, now: Instant, id: RequestId, metadata: &Metadata<'_>) {
        self.assign_with(now, id, metadata, |work, seats, given| {
            const ANY: usize = usize::MAX;
            let mut told = Told::new(List::grown(ANY), List::grown(ANY), List::grown(ANY));
            let (members, topics) = (List::grown(ANY), List::grown(ANY));
            let scratch = Scratch { members, topics, ends: List::grown(ANY), owners: List::grown(ANY), words: List::grown(ANY) };
            divide(work, seats, given, &mut told, scratch)
        });
    }

    fn assign_with(
        &mut self,
        now: Instant,
        id: RequestId,
        metadata: &Metadata<'_>,
        divide: impl FnOnce(&Work<'_>, &mut [Seat], &mut List<'_, u8>) -> Result<(), AssignError>,
    ) {
        if self.metadata_asked.take_if(|asked| *asked == id).is_none() || self.stage != Stage::Leading {
            return;
        }
        let Some(assignor) = self.assignor.filter(|_| metadata.partition_counts.len() == self.watched.len()) else {
            // No answer to what was asked.
            self.contact.back_off(now);
            return;
        };
        self.counts.clear();
        let Self { names, watched, seats, given, .. } = self;
        let work = Work { assignor, names, watched, metadata };
        let counted = self.counts.extend_from_slice(metadata.partition_counts).map_err(AssignError::from);
        // A static member that came back leads, and what it was given before holds. Source: KIP-814.
        let divided = if self.skips { Ok(()) } else { counted.and_then(|()| divide(&work, seats, given)) };
        match divided {
            Ok(()) => self.stage = Stage::Syncing,
            Err(error) => self.fail_and_leave(Failure::Assignor(error)),
        }
        self.advance();
    }
}

/// From what members wrote to what they are given, as bytes behind `given`.
fn divide<'a, 't>(
    work: &Work<'a>,
    seats: &mut [Seat],
    given: &mut List<'_, u8>,
    told: &'t mut Told<'a, '_>,
    mut scratch: Scratch<'a, 't, '_>,
) -> Result<(), AssignError> {
    let Work { assignor, names, watched, metadata } = *work;
    watched.iter().try_for_each(|topic| scratch.topics.push(names.str(*topic)))?;
    let numbers = Topics::number(metadata.partition_counts.iter().copied(), &mut scratch.ends)?;
    let racks = metadata.racks.map_or(&[][..], |(racks, _)| racks);
    let numbered = Numbered { topics: &scratch.topics, numbers, racks };
    for seat in seats.iter() {
        let joined = told::Joined {
            member_id: names.str(seat.member_id),
            instance_id: seat.instance_id.map(|id| names.str(id)),
            metadata: names.texts.bytes(seat.metadata),
        };
        match told.take(assignor, &numbered, joined) {
            Ok(()) | Err(ToldError::Decode(_)) => {}
            Err(ToldError::Full) => return Err(AssignError::Full),
        }
    }
    let told: &'t Told<'a, '_> = told;
    told.members(&mut scratch.members)?;
    let members = &scratch.members;
    let mut group = Group::new(numbers, members)?.with_topic_names(&scratch.topics);
    if let Some((_, racks)) = metadata.racks {
        group = group.with_racks(racks)?;
    }
    scratch.owners.fill_to(usize::try_from(numbers.partition_count()).unwrap_or(usize::MAX), Owner::NOBODY)?;
    assignor.assign(&group, &mut scratch.owners, &mut scratch.words)?;
    let shares = Shares::new(&scratch.owners, group.member_count(), &mut scratch.words)?;
    given.clear();
    // Members are numbered as they are seated, without those who could not say what they want.
    let mut numbered_members = (0..).zip(members.iter()).peekable();
    for seat in seats.iter_mut() {
        let start = given.len();
        let member_id = names.str(seat.member_id);
        let partitions = numbered_members.next_if(|(_, member)| member.member_id == member_id).map(|(number, _)| shares.of(number));
        let partitions = partitions.unwrap_or_default();
        let mut writer = Writer::behind(given);
        put_assignment(&mut writer, version(names.texts.bytes(seat.metadata)), &numbered, partitions);
        if writer.overflowed() {
            return Err(AssignError::Full);
        }
        seat.given = start..given.len();
    }
    Ok(())
}
