//! A coordinator in memory that was lent to it: it allocates nothing, does what it does in memory that grows, and says so when
//! something is full.

use core::fmt::Write;

use millpond_core::bounded::bytes::{ByteHeap, Span};
use millpond_core::bounded::deadlines::{DeadlineEntry, Deadlines};
use millpond_core::bounded::list::List;
use millpond_core::bounded::slab::{Place, Slab, Slot};
use millpond_core::bounded::table::{HashKey, Hashed, Table};
use millpond_core::group::answer::Answer;
use millpond_core::group::classic::state::{Group, Member, Offered, Pending, ProtocolEntry, State};
use millpond_core::group::config::GroupConfig;
use millpond_core::group::coordinator::{Coordinator, CoordinatorMemory};
use millpond_core::group::error::GroupError;
use millpond_core::group::input::{Caller, Commit, CommitPartition, Heartbeat, Input, Join, MemberAssignment, Protocol, Sync};
use millpond_core::group::offsets::OffsetEntry;
use millpond_core::group::pending::{OpenTransaction, PendingOffset};
use millpond_core::group::record::GroupRecord;
use millpond_core::ids::{CallId, GenerationId, Offset, PartitionIndex, TopicId};
use millpond_core::machine::{Answers, Effects, EncodedRecord, Machine, RecordEnds, Records, When};
use millpond_core::time::{Instant, Millis, Moment, Timestamp};
use millpond_tests::trace::play;

use millpond_core::group::assignor::simple::Seat;
use millpond_core::group::assignor::subscriptions::Span as ModernSpan;
use millpond_core::group::modern::names::Place as NamePlace;
use millpond_core::group::modern::partitions::Held;
use millpond_core::group::modern::state::{Consumer, ConsumerGroup, Holding, Pattern, Subscribed};
use millpond_core::group::modern::tables::ModernMemory;
use millpond_core::group::modern::target::TargetTopic;
use millpond_core::member::assignor::owner::Owner;

use super::transcripts::{difference, transcripts};

/// The memory of a small coordinator, as a firmware would set it aside.
#[derive(Default)]
struct Arena {
    text_bytes: heapless::Vec<u8, 4096>,
    spans: heapless::Vec<Span, 128>,
    free: heapless::Vec<u32, 128>,
    groups: heapless::Vec<Place<Hashed<Group>>, 4>,
    group_index: heapless::Vec<Slot, 8>,
    members: heapless::Vec<Place<Hashed<Member>>, 8>,
    member_index: heapless::Vec<Slot, 16>,
    instances: heapless::Vec<Place<Hashed<Slot>>, 4>,
    instance_index: heapless::Vec<Slot, 8>,
    pendings: heapless::Vec<Place<Hashed<Pending>>, 4>,
    pending_index: heapless::Vec<Slot, 8>,
    offered: heapless::Vec<Place<Hashed<Offered>>, 8>,
    offered_index: heapless::Vec<Slot, 16>,
    protocols: heapless::Vec<Place<ProtocolEntry>, 16>,
    offsets: heapless::Vec<Place<Hashed<OffsetEntry>>, 8>,
    offset_index: heapless::Vec<Slot, 16>,
    pending_offsets: heapless::Vec<Place<Hashed<PendingOffset>>, 8>,
    pending_offset_index: heapless::Vec<Slot, 16>,
    transactions: heapless::Vec<Place<Hashed<OpenTransaction>>, 4>,
    transaction_index: heapless::Vec<Slot, 8>,
    session_heap: heapless::Vec<Slot, 8>,
    session_entries: heapless::Vec<DeadlineEntry, 8>,
    pending_heap: heapless::Vec<Slot, 4>,
    pending_entries: heapless::Vec<DeadlineEntry, 4>,
    round_heap: heapless::Vec<Slot, 4>,
    round_entries: heapless::Vec<DeadlineEntry, 4>,
    results: heapless::Vec<Option<GroupError>, 16>,
    modern: ModernArena,
}

/// The same for consumer groups.
#[derive(Default)]
struct ModernArena {
    groups: heapless::Vec<Place<ConsumerGroup>, 2>,
    members: heapless::Vec<Place<Hashed<Consumer>>, 4>,
    member_index: heapless::Vec<Slot, 8>,
    instances: heapless::Vec<Place<Hashed<Slot>>, 2>,
    instance_index: heapless::Vec<Slot, 4>,
    topics: heapless::Vec<Place<Hashed<Subscribed>>, 4>,
    topic_index: heapless::Vec<Slot, 8>,
    patterns: heapless::Vec<Place<Hashed<Pattern>>, 2>,
    pattern_index: heapless::Vec<Slot, 4>,
    holdings: heapless::Vec<Place<Hashed<Holding>>, 8>,
    holding_index: heapless::Vec<Slot, 16>,
    session_heap: heapless::Vec<Slot, 4>,
    session_entries: heapless::Vec<DeadlineEntry, 4>,
    patience_heap: heapless::Vec<Slot, 4>,
    patience_entries: heapless::Vec<DeadlineEntry, 4>,
    bytes: heapless::Vec<u8, 512>,
    matched: heapless::Vec<u8, 128>,
    held: heapless::Vec<Held, 8>,
    places: heapless::Vec<NamePlace, 8>,
    topics_of_target: heapless::Vec<TargetTopic, 4>,
    ends: heapless::Vec<u32, 4>,
    order: heapless::Vec<Slot, 4>,
    pool: heapless::Vec<u32, 16>,
    spans: heapless::Vec<ModernSpan, 4>,
    owners: heapless::Vec<Owner, 8>,
    words: heapless::Vec<u32, 128>,
    seats: heapless::Vec<Seat, 16>,
    assignable: heapless::Vec<bool, 8>,
}

impl ModernArena {
    fn lend(&mut self) -> ModernMemory<'_> {
        ModernMemory {
            groups: Slab::new(List::lent(&mut self.groups)),
            members: Table::new(Slab::new(List::lent(&mut self.members)), List::lent(&mut self.member_index)),
            instances: Table::new(Slab::new(List::lent(&mut self.instances)), List::lent(&mut self.instance_index)),
            topics: Table::new(Slab::new(List::lent(&mut self.topics)), List::lent(&mut self.topic_index)),
            patterns: Table::new(Slab::new(List::lent(&mut self.patterns)), List::lent(&mut self.pattern_index)),
            holdings: Table::new(Slab::new(List::lent(&mut self.holdings)), List::lent(&mut self.holding_index)),
            sessions: Deadlines::new(List::lent(&mut self.session_heap), List::lent(&mut self.session_entries)),
            patience: Deadlines::new(List::lent(&mut self.patience_heap), List::lent(&mut self.patience_entries)),
            bytes: List::lent(&mut self.bytes),
            matched: List::lent(&mut self.matched),
            held: List::lent(&mut self.held),
            places: List::lent(&mut self.places),
            topics_of_target: List::lent(&mut self.topics_of_target),
            ends: List::lent(&mut self.ends),
            order: List::lent(&mut self.order),
            pool: List::lent(&mut self.pool),
            spans: List::lent(&mut self.spans),
            owners: List::lent(&mut self.owners),
            words: List::lent(&mut self.words),
            seats: List::lent(&mut self.seats),
            assignable: List::lent(&mut self.assignable),
            resume: None,
            joins_again: None,
            downgraded: Slot::NONE,
        }
    }
}

impl Arena {
    fn lend(&mut self) -> CoordinatorMemory<'_> {
        CoordinatorMemory {
            texts: ByteHeap::lent(List::lent(&mut self.text_bytes), List::lent(&mut self.spans), List::lent(&mut self.free)),
            groups: Table::new(Slab::new(List::lent(&mut self.groups)), List::lent(&mut self.group_index)),
            members: Table::new(Slab::new(List::lent(&mut self.members)), List::lent(&mut self.member_index)),
            instances: Table::new(Slab::new(List::lent(&mut self.instances)), List::lent(&mut self.instance_index)),
            pendings: Table::new(Slab::new(List::lent(&mut self.pendings)), List::lent(&mut self.pending_index)),
            offered: Table::new(Slab::new(List::lent(&mut self.offered)), List::lent(&mut self.offered_index)),
            protocols: Slab::new(List::lent(&mut self.protocols)),
            offsets: Table::new(Slab::new(List::lent(&mut self.offsets)), List::lent(&mut self.offset_index)),
            pending_offsets: Table::new(Slab::new(List::lent(&mut self.pending_offsets)), List::lent(&mut self.pending_offset_index)),
            transactions: Table::new(Slab::new(List::lent(&mut self.transactions)), List::lent(&mut self.transaction_index)),
            sessions: Deadlines::new(List::lent(&mut self.session_heap), List::lent(&mut self.session_entries)),
            pending_sessions: Deadlines::new(List::lent(&mut self.pending_heap), List::lent(&mut self.pending_entries)),
            rounds: Deadlines::new(List::lent(&mut self.round_heap), List::lent(&mut self.round_entries)),
            modern: self.modern.lend(),
            results: List::lent(&mut self.results),
        }
    }
}

/// Memory whose every part has a limit of its own, in the order of this list.
const PARTS: [(&str, usize); 12] = [
    ("text bytes", 500),
    ("texts", 48),
    ("groups", 4),
    ("members", 6),
    ("instances", 3),
    ("pendings", 3),
    ("offered", 6),
    ("protocols", 10),
    ("offsets", 6),
    ("pending offsets", 4),
    ("transactions", 2),
    ("results", 8),
];

fn limited(limits: [usize; 12]) -> CoordinatorMemory<'static> {
    let [text_bytes, texts, groups, members, instances, pendings, offered, protocols, offsets, pending_offsets, transactions, results] =
        limits;
    CoordinatorMemory {
        texts: ByteHeap::grown(text_bytes, texts),
        groups: Table::grown(groups),
        members: Table::grown(members),
        instances: Table::grown(instances),
        pendings: Table::grown(pendings),
        offered: Table::grown(offered),
        protocols: Slab::grown(protocols),
        offsets: Table::grown(offsets),
        pending_offsets: Table::grown(pending_offsets),
        transactions: Table::grown(transactions),
        sessions: Deadlines::grown(members),
        pending_sessions: Deadlines::grown(pendings),
        rounds: Deadlines::grown(groups),
        modern: ModernMemory::grown(2, 2, 8),
        results: List::grown(results),
    }
}

#[test]
fn transcripts_read_the_same_in_lent_memory() {
    for (path, expected) in transcripts() {
        let found = play(&expected, || Box::leak(Box::<Arena>::default()).lend());
        if let Some(difference) = difference(&expected, &found) {
            panic!("{}:\n{difference}", path.display());
        }
    }
}

#[test]
fn whatever_is_full_is_refused_and_the_rest_goes_on() {
    let transcripts = transcripts();
    for (part, (name, ample)) in PARTS.into_iter().enumerate() {
        let mut refused = 0;
        for limit in (0..ample).step_by(ample.div_ceil(12)) {
            let mut limits = PARTS.map(|(_, limit)| limit);
            if let Some(place) = limits.get_mut(part) {
                *place = limit;
            }
            for (path, script) in &transcripts {
                // Whether everything is as it should be is asserted after every step.
                let played = std::panic::catch_unwind(|| play(script, || limited(limits)));
                let played = played.unwrap_or_else(|_| panic!("{} with {limit} {name}", path.display()));
                let full = |text: &str| text.matches("GROUP_MAX_SIZE_REACHED").count() + text.matches("INVALID_COMMIT_OFFSET_SIZE").count();
                refused += usize::from(full(&played) > full(script));
                // What turns out otherwise does so because something was refused, or forgotten in a restart.
                if let Some(difference) = difference(script, &played) {
                    let reason = full(&played) > 0 || script.contains("\nrestart") || script.contains(" restart");
                    assert!(reason, "{} with {limit} {name}:\n{difference}", path.display());
                }
            }
        }
        assert!(refused > 0, "nothing was refused for want of {name}");
    }
}

#[test]
fn an_offer_fits_or_changes_nothing() {
    // The second offer takes more room than the first, and the name that only the first has is given back for it.
    let script = "\
t=0 a: join g direct protocols=range(=y),aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa(=x)
t=3s a: sync g member=m1 generation=1 assign=m1:z
describe g
a: join g member=m1 protocols=range(=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy),bbbbbbbbbbbbbbbbbbbbbbbb(=v)
describe g
";
    let (mut refused, mut fitted) = (0, 0);
    for text_bytes in 0..300 {
        let mut limits = PARTS.map(|(_, limit)| limit);
        limits[0] = text_bytes;
        let played = play(script, || limited(limits));
        let groups: Vec<_> = played.lines().filter(|line| line.starts_with("   group ")).collect();
        if !groups.iter().all(|group| group.contains("m1")) {
            assert_eq!(fitted, 0, "what fits in less fits in more:\n{played}");
        } else if played.matches("generation=2").count() > 0 {
            fitted += 1;
        } else {
            refused += 1;
            assert_eq!(groups.first(), groups.last(), "{played}");
            assert_eq!(fitted, 0, "what fits in less fits in more:\n{played}");
        }
    }
    // 47 + 24 + 1 bytes come, and 5 for `range` once more, since the group keeps the name of its generation; 1 + 30 + 1 go. So there
    // are 45 limits between the two offers, and one with no room for the assignment.
    assert_eq!((refused, fitted > 0), (46, true), "no more room is asked for than is needed");
}

#[test]
fn a_load_keeps_offsets_rather_than_members() {
    // Two members hold all the room that there is for texts; one leaves before the next generation is written, and its room is given
    // to offsets. The log still has both members.
    let script = "\
t=0 a: join g direct
b: join g direct
t=6s b: sync g member=m2 generation=1
a: sync g member=m1 generation=1 assign=m1:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,m2:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
b: leave g m2
a: commit g member=m1 generation=1 t-0=1:0123456789abcdef t-1=2:0123456789abcdef t-2=3:0123456789abcdef
restart
offsets g
describe g
a: heartbeat g member=m1 generation=1
a: join g direct
";
    let mut forgotten = 0;
    for text_bytes in 100..400 {
        let mut limits = PARTS.map(|(_, limit)| limit);
        limits[0] = text_bytes;
        let played = play(script, || limited(limits));
        let committed = played.matches("record offset").count();
        let kept = played.lines().find(|line| line.starts_with("   offsets")).map_or(0, |line| line.matches("t-").count());
        assert_eq!(kept, committed, "{played}");
        forgotten += usize::from(played.contains("group Empty generation=1"));
    }
    assert!(forgotten > 0, "no load has forgotten members");
}

/// What became of the last calls, kept without an allocation.
#[derive(Default)]
struct Sink {
    joined: usize,
    synced: usize,
    others: usize,
    refused: Option<GroupError>,
}

impl<'m> Answers<Coordinator<'m>> for Sink {
    fn answer(&mut self, _: CallId, _: When, answer: Answer<'_>) {
        match answer {
            Answer::Joined(joined) => self.joined += usize::from(joined.generation_id.0 > 0),
            Answer::Synced { .. } => self.synced += 1,
            Answer::JoinRefused { error, .. } | Answer::SyncRefused(error) => self.refused = Some(error),
            Answer::Heartbeat(result) | Answer::GroupDeleted(result) | Answer::SharesSet(result) => match result {
                Ok(()) => self.others += 1,
                Err(error) => self.refused = Some(error),
            },
            Answer::Left(parts) | Answer::Committed(parts) | Answer::OffsetsDeleted(parts) => match parts {
                Ok(parts) => self.others += parts.iter().filter(|error| error.is_none()).count(),
                Err(error) => self.refused = Some(error),
            },
            Answer::Consumer(_) | Answer::ConsumerLeft { .. } | Answer::Share(_) | Answer::ShareLeft { .. } => self.others += 1,
            Answer::ConsumerRefused(error) | Answer::ShareRefused(error) => self.refused = Some(error),
        }
    }
}

/// A coordinator with its log, all of it in lent memory.
struct Node<'m> {
    coordinator: Coordinator<'m>,
    records: Records<'m>,
    /// Keys and values, each behind its size; the size of a deletion is -1.
    log: &'m mut heapless::Vec<u8, 8192>,
    at: Moment,
    sink: Sink,
    calls: u64,
}

impl<'m> Node<'m> {
    fn turn(&mut self, decide: impl FnOnce(&mut Coordinator<'m>, &mut Effects<'_, 'm, Coordinator<'m>>)) {
        self.records.clear();
        decide(&mut self.coordinator, &mut Effects { records: &mut self.records, answers: &mut self.sink });
        for record in self.records.iter() {
            for part in [Some(record.key), record.value] {
                let size = part.map_or(-1, |part| i16::try_from(part.len()).expect("a short record"));
                self.log.extend_from_slice(&size.to_be_bytes()).expect("room in the log");
                self.log.extend_from_slice(part.unwrap_or_default()).expect("room in the log");
            }
            self.coordinator.replay(&GroupRecord::decode(record, None).expect("a record"));
        }
        self.coordinator.assert_consistent();
    }

    fn ask(&mut self, input: Input<'_>) {
        let at = self.at;
        self.turn(|coordinator, fx| coordinator.step(at, input, fx));
    }

    fn pass(&mut self, span: Millis) {
        let end = self.at.now.after(span);
        while let Some(due) = self.coordinator.poll_timeout().filter(|due| *due <= end) {
            self.at = moment(due.max(self.at.now));
            let (at, mut acted) = (self.at, false);
            self.turn(|coordinator, fx| acted = coordinator.handle_timeout(at, fx));
            assert!(acted, "what is due is acted on");
        }
        self.at = moment(end);
    }

    fn caller<'a>(&mut self, member_id: &'a str, group_instance_id: Option<&'a str>) -> Caller<'a> {
        self.calls += 1;
        Caller { call: CallId(self.calls), group_id: "g", member_id, group_instance_id }
    }

    fn join(&mut self, member_id: &str, group_instance_id: Option<&str>) {
        let caller = self.caller(member_id, group_instance_id);
        let mut suffix = heapless::String::<8>::new();
        write!(suffix, "{}", self.calls).expect("a short number");
        self.ask(Input::Join(Join {
            caller,
            client_id: "c",
            client_host: "/::1",
            session_timeout: Millis(10_000),
            rebalance_timeout: Millis(20_000),
            protocol_type: "consumer",
            protocols: &[Protocol { name: "range", metadata: b"\0\0\0\0\0\0" }, Protocol { name: "sticky", metadata: b"" }],
            id_required: false,
            may_skip_assignment: true,
            id_suffix: &suffix,
        }));
    }

    fn sync(&mut self, member_id: &str, generation_id: i32, assignments: &[MemberAssignment<'_>]) {
        let caller = self.caller(member_id, None);
        let sync = Sync { caller, generation_id: GenerationId(generation_id), protocol_type: None, protocol_name: None, assignments };
        self.ask(Input::Sync(sync));
    }

    fn heartbeat(&mut self, member_id: &str, generation_id: i32) {
        let caller = self.caller(member_id, None);
        self.ask(Input::Heartbeat(Heartbeat { caller, generation_id: GenerationId(generation_id) }));
    }

    fn commit(&mut self, member_id: &str, generation_id: i32) {
        let caller = self.caller(member_id, None);
        let partition = CommitPartition {
            topic: "t",
            topic_id: TopicId::ZERO,
            partition: PartitionIndex(0),
            offset: Offset(7),
            leader_epoch: None,
            metadata: "note",
        };
        let generation_id = Some(GenerationId(generation_id));
        self.ask(Input::Commit(Commit {
            caller,
            generation_id,
            knows_epochs: true,
            transaction: None,
            expire_timestamp: None,
            partitions: &[partition],
        }));
    }

    fn restart(&mut self, memory: CoordinatorMemory<'m>) {
        self.coordinator = Coordinator::new(GroupConfig::default(), HashKey(1, 2), memory);
        let mut rest = self.log.as_slice();
        let mut part = || {
            let (size, behind) = rest.split_first_chunk::<2>()?;
            let (part, behind) = behind.split_at(usize::try_from(i16::from_be_bytes(*size)).unwrap_or(0));
            rest = behind;
            Some((i16::from_be_bytes(*size) >= 0).then_some(part))
        };
        while let (Some(Some(key)), Some(value)) = (part(), part()) {
            self.coordinator.replay(&GroupRecord::decode(EncodedRecord { key, value }, None).expect("a record"));
        }
        self.coordinator.loaded(self.at);
    }
}

fn moment(now: Instant) -> Moment {
    Moment { now, wall: Timestamp(i64::try_from(now.0).expect("a time of a test")) }
}

#[test]
fn the_life_of_a_group_allocates_nothing() {
    let (mut first, mut second) = (Box::<Arena>::default(), Box::<Arena>::default());
    let mut log = heapless::Vec::new();
    let (mut bytes, mut ends) = (heapless::Vec::<u8, 1024>::new(), heapless::Vec::<RecordEnds, 16>::new());
    let allocations = allocation_counter::measure(|| {
        let mut node = Node {
            coordinator: Coordinator::new(GroupConfig::default(), HashKey(1, 2), first.lend()),
            records: Records::new(List::lent(&mut bytes), List::lent(&mut ends)),
            log: &mut log,
            at: Moment::default(),
            sink: Sink::default(),
            calls: 0,
        };
        // Two members join, sync, live and commit.
        node.join("", None);
        node.join("", Some("i"));
        node.pass(Millis(6000));
        assert_eq!(node.sink.joined, 2);
        let both = [MemberAssignment { member_id: "c-1", assignment: b"x" }, MemberAssignment { member_id: "i-2", assignment: b"y" }];
        node.sync("i-2", 1, &[]);
        node.sync("c-1", 1, &both);
        assert_eq!(node.sink.synced, 2);
        node.heartbeat("c-1", 1);
        node.commit("i-2", 1);
        assert_eq!((node.sink.others, node.sink.refused), (2, None));
        // The static one comes back, the other changes its mind: a round.
        node.join("", Some("i"));
        node.join("c-1", None);
        let joins = node.calls;
        node.join("i-7", Some("i"));
        assert_eq!((node.sink.joined, joins), (5, 8));
        node.sync("c-1", 2, &[MemberAssignment { member_id: "c-1", assignment: b"z" }]);
        assert_eq!((node.sink.synced, node.sink.refused), (3, None));
        // A restart disturbs nobody.
        node.restart(second.lend());
        node.heartbeat("c-1", 2);
        node.heartbeat("i-7", 2);
        assert_eq!((node.sink.others, node.sink.refused), (4, None));
        assert_eq!(node.coordinator.group("g").map(|group| group.state()), Some(State::Stable));
        assert_eq!(node.coordinator.committed("g", "t", PartitionIndex(0)).map(|stored| stored.offset), Some(Offset(7)));
        // Silence: sessions end, and in a week the offsets are gone too.
        node.pass(Millis(20_000));
        assert_eq!(node.coordinator.group("g").map(|group| group.state()), Some(State::Empty));
        node.pass(Millis(8 * 24 * 3_600_000));
        assert!(node.coordinator.group("g").is_none());
    });
    assert_eq!(allocations.count_total, 0);
}
