//! A consumer group of ten thousand: what it costs to be in it, and what a stranger can do to it.

use millpond_core::group::error::GroupError;
use millpond_core::ids::MemberEpoch;
use millpond_tests::crowd::Crowd;

const MEMBERS: usize = 10_000;
const LATER: u64 = 60_000;

#[test]
fn ten_thousand_members_come_to_rest_and_a_heartbeat_that_changes_nothing_allocates_nothing() {
    let mut crowd = Crowd::new(MEMBERS);
    let rounds = crowd.storm();
    assert!(rounds <= 4, "each member spoke {rounds} times");
    let mut quiet = true;
    let allocations = allocation_counter::measure(|| {
        for number in 0..MEMBERS {
            quiet &= crowd.heartbeat(LATER, number) == Ok(false);
        }
    });
    assert!(quiet, "nothing is new");
    assert_eq!(allocations.count_total, 0);
}

#[test]
fn whoever_is_wrong_is_refused_and_nobody_else_hears_of_it() {
    let mut crowd = Crowd::new(100);
    let last = crowd.members.pop().expect("the hundredth");
    crowd.storm();
    let as_known = |crowd: &mut Crowd, epoch: i32| {
        let known = core::mem::replace(&mut crowd.members[7].epoch, MemberEpoch(epoch));
        let said = crowd.heartbeat(LATER, 7);
        crowd.members[7].epoch = known;
        said
    };
    let known = crowd.members[7].epoch;
    for epoch in [known.0 + 1, 1, i32::MAX] {
        assert_eq!(as_known(&mut crowd, epoch), Err(GroupError::FencedMemberEpoch { named: MemberEpoch(epoch), known }));
    }
    let name = core::mem::replace(&mut crowd.members[7].id, "a stranger".to_owned());
    assert_eq!(crowd.heartbeat(LATER, 7), Err(GroupError::UnknownMemberId));
    crowd.members[7].id = name;
    for number in 0..99 {
        assert_eq!(crowd.heartbeat(LATER, number), Ok(false), "member {number}");
    }
    // Then the group is full. Source: `GroupMetadataManager.throwIfConsumerGroupIsFull`.
    crowd.members.push(last);
    assert_eq!(crowd.heartbeat(LATER, 99), Ok(true));
    crowd.members[99].id = "one too many".to_owned();
    crowd.members[99].epoch = MemberEpoch::JOINS;
    assert_eq!(crowd.heartbeat(LATER, 99), Err(GroupError::GroupFull));
    for number in 0..99 {
        assert!(crowd.heartbeat(LATER, number).is_ok(), "member {number}");
    }
}
