//! A large consumer group, for whoever measures what it costs.

use millpond_core::bounded::table::HashKey;
use millpond_core::group::answer::Answer;
use millpond_core::group::config::GroupConfig;
use millpond_core::group::coordinator::{Coordinator, CoordinatorLimits, CoordinatorMemory};
use millpond_core::group::error::GroupError;
use millpond_core::group::input::{Caller, ConsumerHeartbeat, Input};
use millpond_core::group::modern::topics::{BadPattern, TopicShape, Topics};
use millpond_core::group::record::GroupRecord;
use millpond_core::ids::{CallId, MemberEpoch, PartitionIndex, TopicId};
use millpond_core::machine::{Answers, Effects, Machine, Records, When};
use millpond_core::time::{Instant, Millis, Moment, Timestamp};
use millpond_core::wire::value::Array;

const fn at(ms: u64) -> Moment {
    Moment { now: Instant(ms), wall: Timestamp(1_700_000_000_000) }
}

/// A hundred topics of a hundred partitions.
#[derive(Debug)]
struct Hundred {
    names: Vec<String>,
}

impl Hundred {
    fn new() -> Self {
        Self { names: (0..100).map(|number| format!("topic-{number:02}")).collect() }
    }
}

impl Topics for Hundred {
    fn version(&self) -> u64 {
        1
    }
    fn find(&self, name: &str) -> Option<TopicShape> {
        let number: u8 = name.strip_prefix("topic-")?.parse().ok()?;
        Some(TopicShape { id: TopicId([number + 1; 16]), partitions: 100 })
    }
    fn name_of(&self, topic: TopicId) -> Option<&str> {
        let [first, ..] = topic.0;
        self.names.get(usize::from(first).checked_sub(1)?).map(String::as_str)
    }
    fn check(&self, _: &str) -> Result<(), BadPattern> {
        Ok(())
    }
    fn matching(&self, _: &str, _: &mut dyn FnMut(&str)) -> Result<(), BadPattern> {
        Ok(())
    }
}

/// What a member of a consumer group was told last.
struct Told {
    epoch: Result<MemberEpoch, GroupError>,
    assigned: Option<Vec<(TopicId, PartitionIndex)>>,
}

impl Answers<Coordinator<'static>> for Told {
    fn answer(&mut self, _: CallId, _: When, answer: Answer<'_>) {
        let seat = match answer {
            Answer::Consumer(seat) => seat,
            Answer::ConsumerRefused(error) => return self.epoch = Err(error),
            other => panic!("{other:?}"),
        };
        self.epoch = Ok(seat.epoch);
        if let Some(assigned) = seat.assigned {
            self.assigned = Some(assigned.iter().map(|held| (held.topic, held.partition)).collect());
        }
    }
}

/// A consumer group (KIP-848) and its members, in the core alone: they share a hundred topics of a hundred partitions.
#[derive(Debug)]
pub struct Crowd {
    coordinator: Coordinator<'static>,
    records: Records<'static>,
    topics: Hundred,
    /// Its members, by number.
    pub members: Vec<Client>,
}

/// A member, as it sees itself.
#[derive(Debug)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// How far it has come.
    pub epoch: MemberEpoch,
    /// What it has.
    pub owned: Vec<(TopicId, PartitionIndex)>,
    /// Whether it has yet to say what it owns.
    says_owned: bool,
}

impl Crowd {
    /// A group that nobody has joined yet, of so many at the most, and those who are about to.
    #[must_use]
    pub fn new(members: usize) -> Self {
        let config = GroupConfig { consumer_size_max: members, ..GroupConfig::default() };
        let coordinator = Coordinator::new(config, HashKey(1, 2), CoordinatorMemory::grown(CoordinatorLimits::default()));
        let client = |number| Client { id: format!("{number:036}"), epoch: MemberEpoch::JOINS, owned: Vec::new(), says_owned: true };
        let members = (0..members).map(client).collect();
        Self { coordinator, records: Records::grown(64 << 20, 100_000), topics: Hundred::new(), members }
    }

    /// A heartbeat of a member. Answers whether anything was new.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn heartbeat(&mut self, ms: u64, number: usize) -> Result<bool, GroupError> {
        let Some(client) = self.members.get(number) else { return Err(GroupError::UnknownMemberId) };
        let joins = client.epoch == MemberEpoch::JOINS;
        let names: Vec<&str> = if joins { self.topics.names.iter().map(String::as_str).collect() } else { Vec::new() };
        let show =
            |see: &mut dyn FnMut(TopicId, PartitionIndex)| client.owned.iter().for_each(|(topic, partition)| see(*topic, *partition));
        let mut told = Told { epoch: Err(GroupError::UnknownMemberId), assigned: None };
        loop {
            let heartbeat = ConsumerHeartbeat {
                caller: Caller { call: CallId(1), group_id: "g", member_id: &client.id, group_instance_id: None },
                epoch: client.epoch,
                client_id: "client",
                client_host: "/127.0.0.1",
                rack_id: None,
                rebalance_timeout: joins.then_some(Millis(60_000)),
                names: joins.then_some(Array::from(&*names)),
                pattern: None,
                assignor: None,
                owned: if client.says_owned { Some(&show) } else { None },
            };
            let fx = &mut Effects { records: &mut self.records, answers: &mut told };
            self.coordinator.step_among(&self.topics, at(ms), Input::ConsumerHeartbeat(heartbeat), fx);
            for record in self.records.iter() {
                self.coordinator.replay(&GroupRecord::decode(record, None).expect("its own record"));
            }
            self.records.clear();
            if !self.coordinator.wants_again() {
                break;
            }
        }
        let Some(client) = self.members.get_mut(number) else { return Err(GroupError::UnknownMemberId) };
        let epoch = told.epoch?;
        let is_new = epoch != client.epoch || told.assigned.is_some() || client.says_owned;
        client.epoch = epoch;
        client.says_owned = told.assigned.is_some();
        client.owned = told.assigned.unwrap_or(core::mem::take(&mut client.owned));
        Ok(is_new)
    }

    /// Everybody joins within a second, and speaks every five seconds until nobody hears anything new. Answers how often each spoke.
    ///
    /// # Panics
    /// When somebody is refused, or they do not come to rest, or a partition has nobody then.
    pub fn storm(&mut self) -> usize {
        let count = self.members.len();
        for number in 0..count {
            let spread = u64::try_from(number * 1_000 / count).unwrap_or(0);
            assert!(self.heartbeat(spread, number).is_ok(), "nobody is refused");
        }
        for round in 1..100 {
            let mut is_new = false;
            for number in 0..count {
                let spread = u64::try_from(round * 5_000 + number * 1_000 / count).unwrap_or(0);
                is_new |= self.heartbeat(spread, number).expect("nobody is refused");
            }
            if !is_new {
                let owned: usize = self.members.iter().map(|member| member.owned.len()).sum();
                assert_eq!(owned, 10_000, "every partition has somebody");
                return round + 1;
            }
        }
        panic!("the group comes to rest");
    }
}
