//! Passwords of users for SCRAM, salted and hashed, as the catalogue keeps them. Source: KIP-554, KIP-900; `ScramControlManager`.

use crate::bounded::Full;
use crate::bounded::bytes::{ByteHeap, Text};
use crate::bounded::slab::Slot;
use crate::bounded::table::{HashKey, Table};

use super::schema::UserScramCredentialRecord;

/// One password. It is never shown, and never printed.
pub struct Credential {
    name: Text,
    mechanism: i8,
    iterations: i32,
    salt: Text,
    stored_key: Text,
    server_key: Text,
}

impl core::fmt::Debug for Credential {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credential").field("mechanism", &self.mechanism).field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// What may be told of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialView<'a> {
    /// The user.
    pub name: &'a str,
    /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
    pub mechanism: i8,
    /// How often it was hashed.
    pub iterations: i32,
}

/// What a server needs to know of a password to ask for it. Source: RFC 5802, section 3.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret<'a> {
    /// What the password was salted with.
    pub salt: &'a [u8],
    /// The hash of the client's key.
    pub stored_key: &'a [u8],
    /// The server's key.
    pub server_key: &'a [u8],
    /// How often the password was hashed.
    pub iterations: i32,
}

impl core::fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Secret").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// All passwords. Hard state.
#[derive(Debug)]
pub(super) struct Credentials<'m> {
    table: Table<'m, Credential>,
}

impl<'m> Credentials<'m> {
    pub(super) const fn new(table: Table<'m, Credential>) -> Self {
        Self { table }
    }

    pub(super) fn iter<'a>(&'a self, texts: &'a ByteHeap<'m>) -> impl Iterator<Item = CredentialView<'a>> {
        self.table.iter().map(move |(_, credential)| CredentialView {
            name: texts.str(credential.name),
            mechanism: credential.mechanism,
            iterations: credential.iterations,
        })
    }

    pub(super) fn has_room_for(&self, count: usize) -> bool {
        self.table.capacity() - self.table.len() >= count
    }

    pub(super) fn get<'a>(&'a self, hash: HashKey, texts: &'a ByteHeap<'m>, name: &str, mechanism: i8) -> Option<Secret<'a>> {
        let found = self.table.get(self.find(hash, texts, name, mechanism)?)?;
        Some(Secret {
            salt: texts.bytes(found.salt),
            stored_key: texts.bytes(found.stored_key),
            server_key: texts.bytes(found.server_key),
            iterations: found.iterations,
        })
    }

    fn find(&self, hash: HashKey, texts: &ByteHeap<'m>, name: &str, mechanism: i8) -> Option<Slot> {
        let is_it = |credential: &Credential| credential.mechanism == mechanism && texts.str(credential.name) == name;
        self.table.find(hash.hash(&[name.as_bytes(), &mechanism.to_be_bytes()]), is_it)
    }

    pub(super) fn believe(&mut self, hash: HashKey, texts: &mut ByteHeap<'m>, record: &UserScramCredentialRecord<'_>) -> Result<(), Full> {
        self.forget(hash, texts, record.name, record.mechanism);
        let credential = Credential {
            name: texts.store(record.name.as_bytes())?,
            mechanism: record.mechanism,
            iterations: record.iterations,
            salt: texts.store(record.salt)?,
            stored_key: texts.store(record.stored_key)?,
            server_key: texts.store(record.server_key)?,
        };
        self.table.insert(hash.hash(&[record.name.as_bytes(), &record.mechanism.to_be_bytes()]), credential).map(drop)
    }

    pub(super) fn forget(&mut self, hash: HashKey, texts: &mut ByteHeap<'m>, name: &str, mechanism: i8) {
        if let Some(gone) = self.find(hash, texts, name, mechanism).and_then(|slot| self.table.remove(slot)) {
            [gone.name, gone.salt, gone.stored_key, gone.server_key].into_iter().for_each(|text| texts.release(text));
        }
    }
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_one_password_for_each_mechanism() {
        let (mut credentials, mut texts) = (Credentials::new(Table::grown(4)), ByteHeap::grown(1 << 10, 32));
        let key = HashKey(1, 2);
        let record = |mechanism, iterations| UserScramCredentialRecord {
            name: "u",
            mechanism,
            salt: &[1],
            stored_key: &[2],
            server_key: &[3],
            iterations,
        };
        for (mechanism, iterations) in [(1, 4096), (2, 5000), (1, 8192)] {
            credentials.believe(key, &mut texts, &record(mechanism, iterations)).unwrap();
        }
        assert_eq!(credentials.get(key, &texts, "u", 1).map(|secret| (secret.iterations, secret.salt)), Some((8192, &[1][..])));
        assert_eq!(credentials.iter(&texts).count(), 2);
        credentials.forget(key, &mut texts, "u", 1);
        credentials.forget(key, &mut texts, "u", 1);
        assert_eq!((credentials.get(key, &texts, "u", 1), credentials.iter(&texts).count()), (None, 1));
        credentials.forget(key, &mut texts, "u", 2);
        assert_eq!(texts.live(), 0);
        let secret = Secret { salt: &[1], stored_key: &[2], server_key: &[3], iterations: 4096 };
        assert_eq!(alloc::format!("{secret:?}"), "Secret { iterations: 4096, .. }");
    }
}
