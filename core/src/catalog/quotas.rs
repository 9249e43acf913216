//! Quotas of clients, as the catalogue keeps them. Source: KIP-546, KIP-612; `ClientQuotaControlManager`.

use crate::bounded::Full;
use crate::bounded::bytes::{ByteHeap, Text};
use crate::bounded::slab::Slot;
use crate::bounded::table::{HashKey, Table};
use crate::wire::value::Array;

use super::schema::{ClientQuotaRecord, EntityData};

/// One part of an entity's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part<T> {
    /// It says nothing of this type.
    #[default]
    Absent,
    /// The default of the type.
    Default,
    /// This name.
    Named(T),
}

impl<T> Part<T> {
    /// The part with its name made into something else.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Part<U> {
        match self {
            Self::Absent => Part::Absent,
            Self::Default => Part::Default,
            Self::Named(name) => Part::Named(make(name)),
        }
    }

    /// Whether there is such a part at all.
    pub const fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// Whom a quota applies to: all parts of the name together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaEntity<T> {
    /// `user`.
    pub user: Part<T>,
    /// `client-id`.
    pub client_id: Part<T>,
    /// `ip`.
    pub ip: Part<T>,
}

/// The types of parts, as the wire and the records name them.
pub const ENTITY_TYPES: [&str; 3] = ["user", "client-id", "ip"];

impl<T: Copy> QuotaEntity<T> {
    /// The parts, in the order of [`ENTITY_TYPES`].
    #[must_use]
    pub const fn parts(&self) -> [Part<T>; 3] {
        [self.user, self.client_id, self.ip]
    }

    fn map<U>(self, mut make: impl FnMut(T) -> U) -> QuotaEntity<U> {
        QuotaEntity { user: self.user.map(&mut make), client_id: self.client_id.map(&mut make), ip: self.ip.map(&mut make) }
    }
}

impl<'a> QuotaEntity<&'a str> {
    /// Sets the part of a type; `None` is the type's default. Answers whether there is such a type and it was not set before.
    pub fn set(&mut self, entity_type: &str, name: Option<&'a str>) -> bool {
        let part = match entity_type {
            "user" => &mut self.user,
            "client-id" => &mut self.client_id,
            "ip" => &mut self.ip,
            _ => return false,
        };
        let is_new = !part.is_present();
        *part = name.map_or(Part::Default, Part::Named);
        is_new
    }

    /// The parts that there are, as records and answers have them: their number, and as many of the list.
    #[must_use]
    pub fn data(&self) -> (usize, [EntityData<'a>; 3]) {
        let mut data = [EntityData::default(); 3];
        let present = ENTITY_TYPES.iter().zip(self.parts()).filter_map(|(entity_type, part)| match part {
            Part::Absent => None,
            Part::Default => Some(EntityData { entity_type, entity_name: None }),
            Part::Named(name) => Some(EntityData { entity_type, entity_name: Some(name) }),
        });
        let mut count = 0;
        for (place, one) in data.iter_mut().zip(present) {
            *place = one;
            count += 1;
        }
        (count, data)
    }

    /// How many bytes the names take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.parts().iter().map(|part| if let Part::Named(name) = part { name.len() } else { 0 }).sum()
    }
}

/// One quota.
#[derive(Debug)]
pub struct Quota {
    entity: QuotaEntity<Text>,
    key: Text,
    value: f64,
}

/// All quotas. Hard state.
#[derive(Debug)]
pub(super) struct Quotas<'m> {
    table: Table<'m, Quota>,
}

impl<'m> Quotas<'m> {
    pub(super) const fn new(table: Table<'m, Quota>) -> Self {
        Self { table }
    }

    pub(super) fn iter<'a>(&'a self, texts: &'a ByteHeap<'m>) -> impl Iterator<Item = (QuotaEntity<&'a str>, &'a str, f64)> {
        let view = |quota: &'a Quota| (quota.entity.map(|name| texts.str(name)), texts.str(quota.key), quota.value);
        self.table.iter().map(move |(_, quota)| view(quota))
    }

    pub(super) fn has_room_for(&self, count: usize) -> bool {
        self.table.capacity() - self.table.len() >= count
    }

    pub(super) fn get(&self, hash: HashKey, texts: &ByteHeap<'m>, entity: QuotaEntity<&str>, key: &str) -> Option<f64> {
        self.table.get(self.find(hash, texts, entity, key)?).map(|quota| quota.value)
    }

    fn find(&self, hash: HashKey, texts: &ByteHeap<'m>, entity: QuotaEntity<&str>, key: &str) -> Option<Slot> {
        let is_it = |quota: &Quota| texts.str(quota.key) == key && quota.entity.map(|name| texts.str(name)) == entity;
        self.table.find(hash_of(hash, entity, key), is_it)
    }

    /// Believes a record. One of an entity that Kafka 4.3 does not know names nobody here.
    pub(super) fn believe(&mut self, hash: HashKey, texts: &mut ByteHeap<'m>, record: &ClientQuotaRecord<'_>) -> Result<(), Full> {
        let Some(entity) = entity_of(record.entity) else { return Ok(()) };
        match (self.find(hash, texts, entity, record.key), record.remove) {
            (None, true) => Ok(()),
            (Some(slot), true) => {
                if let Some(quota) = self.table.remove(slot) {
                    let named =
                        quota.entity.parts().into_iter().filter_map(|part| if let Part::Named(name) = part { Some(name) } else { None });
                    named.chain([quota.key]).for_each(|text| texts.release(text));
                }
                Ok(())
            }
            (Some(slot), false) => {
                if let Some(quota) = self.table.get_mut(slot) {
                    quota.value = record.value;
                }
                Ok(())
            }
            (None, false) => {
                let mut store = |part: Part<&str>| -> Result<Part<Text>, Full> {
                    Ok(match part {
                        Part::Absent => Part::Absent,
                        Part::Default => Part::Default,
                        Part::Named(name) => Part::Named(texts.store(name.as_bytes())?),
                    })
                };
                let stored = QuotaEntity { user: store(entity.user)?, client_id: store(entity.client_id)?, ip: store(entity.ip)? };
                let quota = Quota { entity: stored, key: texts.store(record.key.as_bytes())?, value: record.value };
                self.table.insert(hash_of(hash, entity, record.key), quota).map(drop)
            }
        }
    }
}

fn entity_of<'a>(parts: Array<'a, EntityData<'a>>) -> Option<QuotaEntity<&'a str>> {
    let mut entity = QuotaEntity::default();
    parts.iter().all(|part| entity.set(part.entity_type, part.entity_name)).then_some(entity)
}

fn hash_of(hash: HashKey, entity: QuotaEntity<&str>, key: &str) -> u64 {
    let [user, client_id, ip] = entity.parts().map(|part| match part {
        Part::Absent => (&[0][..], ""),
        Part::Default => (&[1][..], ""),
        Part::Named(name) => (&[2][..], name),
    });
    hash.hash(&[user.0, user.1.as_bytes(), client_id.0, client_id.1.as_bytes(), ip.0, ip.1.as_bytes(), key.as_bytes()])
}

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_the_same_however_its_parts_stand_and_unlike_one_with_other_parts() {
        let (mut quotas, mut texts) = (Quotas::new(Table::grown(4)), ByteHeap::grown(1 << 10, 32));
        let key = HashKey(1, 2);
        let part = |entity_type, entity_name| EntityData { entity_type, entity_name };
        let mut believe = |parts: &[EntityData<'_>], value: f64, remove| {
            let record = ClientQuotaRecord { entity: Array::from(parts), key: "producer_byte_rate", value, remove };
            quotas.believe(key, &mut texts, &record).unwrap();
            quotas.iter(&texts).map(|(_, _, value)| value).collect::<alloc::vec::Vec<f64>>()
        };
        assert_eq!(believe(&[part("user", Some("u")), part("client-id", None)], 1.0, false), [1.0]);
        assert_eq!(believe(&[part("client-id", None), part("user", Some("u"))], 2.0, false), [2.0]);
        assert_eq!(believe(&[part("user", Some("u"))], 3.0, false).len(), 2);
        assert_eq!(believe(&[part("planet", Some("u"))], 4.0, false).len(), 2, "nobody here is named so");
        assert_eq!(believe(&[part("user", None)], 0.0, true).len(), 2, "what is not there stays away");
        assert_eq!(believe(&[part("client-id", None), part("user", Some("u"))], 0.0, true), [3.0]);
        assert!(believe(&[part("user", Some("u"))], 0.0, true).is_empty());
        assert_eq!(texts.live(), 0);
    }
}
