//! Share sessions: which partitions a member of a share group wants records of, from request to request.
//!
//! ```text
//!  ShareFetch, epoch 0 ──► opens it, in the place of one of the same member ──► ShareFetch or ShareAcknowledge, epoch 1, 2, 3 ...
//!                                                     epoch -1, or the end of the connection ──► closed: what the member has acquired comes back
//! ```
//! Source: KIP-932, `ShareSessionCache`, `SharePartitionManager.newContext`.

use std::collections::{BTreeMap, BTreeSet};

use millpond_core::ids::{PartitionIndex, TopicId};

/// The epoch that opens a session.
pub(crate) const OPENS: i32 = 0;
/// The epoch that closes a session.
pub(crate) const CLOSES: i32 = -1;

/// A partition of a session.
pub(crate) type Wanted = (TopicId, PartitionIndex);

/// Whose session it is: the group and the member.
pub(crate) type Owner = (String, String);

/// Why a request is not the next one of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionError {
    /// There is none.
    NotFound,
    /// It is at another epoch.
    WrongEpoch,
    /// There are too many.
    TooMany,
}

/// Tells a session from others of the same owner, before and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionId(u64);

/// How many partitions all sessions have at the most; each is named by a client, and may be none.
const PARTITIONS_MAX: usize = 1_000_000;

/// A session.
#[derive(Debug)]
struct Session {
    id: SessionId,
    /// What its next request is to name.
    epoch: i32,
    /// In the order in which they were named; whoever was served first last time is served last.
    wanted: Vec<Wanted>,
    /// The connection that it was opened on.
    connection: u64,
}

/// All sessions.
///
/// Bounds: `group.share.max.share.sessions`, and a million partitions in all of them.
#[derive(Debug)]
pub(crate) struct ShareSessions {
    sessions: BTreeMap<Owner, Session>,
    sessions_max: usize,
    /// How many partitions they have.
    partitions: usize,
    /// How many there were.
    opened: u64,
}

impl ShareSessions {
    /// None, and so many at the most.
    pub(crate) const fn new(sessions_max: usize) -> Self {
        Self { sessions: BTreeMap::new(), sessions_max, partitions: 0, opened: 0 }
    }

    /// Opens a session, in the place of one of the same owner.
    pub(crate) fn open(&mut self, owner: Owner, wanted: Vec<Wanted>, connection: u64) -> Result<(), SessionError> {
        let _ = self.close(&owner);
        let wanted = unique(wanted);
        if self.sessions.len() >= self.sessions_max || self.partitions + wanted.len() > PARTITIONS_MAX {
            return Err(SessionError::TooMany);
        }
        self.partitions += wanted.len();
        self.opened += 1;
        self.sessions.insert(owner, Session { id: SessionId(self.opened), epoch: OPENS + 1, wanted, connection });
        Ok(())
    }

    /// The session of an owner.
    pub(crate) fn id(&self, owner: &Owner) -> Option<SessionId> {
        self.sessions.get(owner).map(|session| session.id)
    }

    /// Takes the next request of a session, which may name more partitions, and some that leave. Answers all that it has then, those
    /// first that were served last the time before.
    pub(crate) fn next(&mut self, owner: &Owner, epoch: i32, more: &[Wanted], leave: &[Wanted]) -> Result<Vec<Wanted>, SessionError> {
        let session = self.sessions.get_mut(owner).ok_or(SessionError::NotFound)?;
        if session.epoch != epoch {
            return Err(SessionError::WrongEpoch);
        }
        if self.partitions + more.len() > PARTITIONS_MAX {
            return Err(SessionError::TooMany);
        }
        self.partitions -= session.wanted.len();
        session.epoch = if epoch == i32::MAX { OPENS + 1 } else { epoch + 1 };
        let leave: BTreeSet<Wanted> = leave.iter().copied().collect();
        session.wanted.retain(|wanted| !leave.contains(wanted));
        let mut wanted = core::mem::take(&mut session.wanted);
        if !wanted.is_empty() {
            wanted.rotate_left(1);
        }
        wanted.extend(more.iter().filter(|more| !leave.contains(more)));
        session.wanted = unique(wanted);
        self.partitions += session.wanted.len();
        Ok(session.wanted.clone())
    }

    /// Closes a session. Answers what it had.
    pub(crate) fn close(&mut self, owner: &Owner) -> Result<Vec<Wanted>, SessionError> {
        let wanted = self.sessions.remove(owner).map(|session| session.wanted).ok_or(SessionError::NotFound)?;
        self.partitions -= wanted.len();
        Ok(wanted)
    }

    /// A connection has ended: its sessions are closed. Answers whose they were, and what they had.
    pub(crate) fn disconnect(&mut self, connection: u64) -> Vec<(Owner, Vec<Wanted>)> {
        let ended = self.sessions.extract_if(.., |_, session| session.connection == connection);
        let ended: Vec<(Owner, Vec<Wanted>)> = ended.map(|(owner, session)| (owner, session.wanted)).collect();
        self.partitions -= ended.iter().map(|(_, wanted)| wanted.len()).sum::<usize>();
        ended
    }
}

/// Each partition once, where it was named first.
fn unique(wanted: Vec<Wanted>) -> Vec<Wanted> {
    let mut seen = BTreeSet::new();
    wanted.into_iter().filter(|wanted| seen.insert(*wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(member: &str) -> Owner {
        ("g".to_string(), member.to_string())
    }

    fn at(index: i32) -> Wanted {
        (TopicId([1; 16]), PartitionIndex(index))
    }

    #[test]
    fn requests_of_a_session_follow_each_other() {
        let mut sessions = ShareSessions::new(2);
        assert_eq!(sessions.next(&owner("a"), 1, &[], &[]), Err(SessionError::NotFound));
        assert_eq!(sessions.id(&owner("a")), None);
        sessions.open(owner("a"), vec![at(0), at(1), at(0)], 7).unwrap();
        assert_eq!(sessions.next(&owner("a"), 0, &[], &[]), Err(SessionError::WrongEpoch));
        assert_eq!(sessions.next(&owner("a"), 1, &[], &[]), Ok(vec![at(1), at(0)]), "who was first is last");
        assert_eq!(sessions.next(&owner("a"), 1, &[], &[]), Err(SessionError::WrongEpoch));
        assert_eq!(sessions.next(&owner("a"), 2, &[at(2)], &[at(1)]), Ok(vec![at(0), at(2)]));
        // Opened anew, it begins anew.
        let before = sessions.id(&owner("a"));
        sessions.open(owner("a"), vec![at(5)], 8).unwrap();
        assert_ne!(sessions.id(&owner("a")), before);
        assert_eq!(sessions.next(&owner("a"), 3, &[], &[]), Err(SessionError::WrongEpoch));
        assert_eq!(sessions.next(&owner("a"), 1, &[], &[]), Ok(vec![at(5)]));
        sessions.open(owner("b"), vec![], 8).unwrap();
        assert_eq!(sessions.open(owner("c"), vec![], 8), Err(SessionError::TooMany));
        assert!(sessions.disconnect(7).is_empty(), "it was opened anew on another connection");
        assert_eq!(sessions.close(&owner("b")), Ok(vec![]));
        assert_eq!(sessions.disconnect(8), [(owner("a"), vec![at(5)])]);
        assert_eq!(sessions.close(&owner("a")), Err(SessionError::NotFound));
        assert_eq!(sessions.partitions, 0);
        // However few sessions there are, they do not have more partitions than there is room for.
        let all: Vec<Wanted> = (0..1_000_000).map(at).collect();
        sessions.open(owner("a"), all, 9).unwrap();
        assert_eq!(sessions.next(&owner("a"), 1, &[at(-1)], &[]), Err(SessionError::TooMany));
        assert_eq!(sessions.open(owner("b"), vec![at(0)], 9), Err(SessionError::TooMany));
        assert_eq!(sessions.disconnect(9).len(), 1);
        assert_eq!(sessions.open(owner("b"), vec![at(0)], 9), Ok(()));
    }
}
