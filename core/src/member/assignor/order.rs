//! The orders in which Java meets members. Whoever leads a group, it should come to the same result.

use core::cmp::Ordering;

use super::group::Member;
use super::scratch::Words;

/// The order of Java's strings: that of their UTF-16 code units, which differs from ours where one has a character above U+FFFF.
pub(crate) fn of_text(a: &str, b: &str) -> Ordering {
    // Up to the first byte that differs both read alike, so it begins a character in both or in neither. Of those that begin one, 0xee
    // and 0xef (U+E000 to U+FFFF) come behind those above U+FFFF, which UTF-16 writes with surrogates, U+D800 to U+DFFF.
    let place = |byte: u8| if matches!(byte, 0xee | 0xef) { u16::from(byte) + 0x100 } else { u16::from(byte) };
    let differing = a.bytes().zip(b.bytes()).find(|(a, b)| a != b);
    differing.map_or_else(|| a.len().cmp(&b.len()), |(a, b)| place(a).cmp(&place(b)))
}

/// The order of members for those who give the first of them more: static ones by instance id, then the others by member id.
///
/// Source: `AbstractPartitionAssignor.MemberInfo`; the group coordinator's `RangeAssignor` has the same.
pub(crate) fn of_members(a: (Option<&str>, &str), b: (Option<&str>, &str)) -> Ordering {
    match (a.0, b.0) {
        (Some(a), Some(b)) => of_text(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => of_text(a.1, b.1),
    }
}

/// Numbers members by their places in a slice, in the order that `compare` says; among equals as they stand.
fn sort(members: &[Member<'_>], order: &mut Words<'_>, compare: impl Fn(&Member<'_>, &Member<'_>) -> Ordering) {
    order.all_mut().iter_mut().zip(0..).for_each(|(place, member)| *place = member);
    let member = |number: u32| members.get(super::scratch::index(number));
    order.all_mut().sort_unstable_by(|a, b| match (member(*a), member(*b)) {
        (Some(first), Some(second)) => compare(first, second).then(a.cmp(b)),
        _ => a.cmp(b),
    });
}

/// Members by instance id, then member id.
pub(crate) fn by_identity(members: &[Member<'_>], order: &mut Words<'_>) {
    sort(members, order, |a, b| of_members((a.instance_id, a.member_id), (b.instance_id, b.member_id)));
}

/// Members by member id alone.
pub(crate) fn by_member_id(members: &[Member<'_>], order: &mut Words<'_>) {
    sort(members, order, |a, b| of_text(a.member_id, b.member_id));
}

/// Members in the order in which Java's hash map of their ids gives them out, when they were put in as they stand.
///
/// Java's sticky assignors let whoever comes first in it keep one more, so it decides who loses a partition. It is no random order: the
/// hash of a string is specified, and the table has the smallest power of two of places that it fills by three quarters at most.
/// Source: `String.hashCode`, `HashMap`. `keys` needs a place for each member.
pub(crate) fn by_hash(members: &[Member<'_>], order: &mut Words<'_>, keys: &mut Words<'_>) {
    let mask = places(u32::try_from(members.len()).unwrap_or(u32::MAX)) - 1;
    for (key, member) in keys.all_mut().iter_mut().zip(members) {
        *key = hash_spread(hash(member.member_id)) & mask;
    }
    order.all_mut().iter_mut().zip(0..).for_each(|(place, member)| *place = member);
    order.all_mut().sort_unstable_by_key(|member| (keys.at(*member), *member));
}

/// How many places a hash map has that grew to so many entries.
pub(crate) fn places(entries: u32) -> u32 {
    // 16 places at first, doubled when more than three quarters are taken.
    let wanted = entries.saturating_mul(4).div_ceil(3).max(16);
    wanted.checked_next_power_of_two().unwrap_or(1 << 31)
}

/// The hash of a Java string.
pub(crate) fn hash(text: &str) -> u32 {
    text.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// What a hash map makes of a hash, so that its upper bits count as well.
pub(crate) const fn hash_spread(hash: u32) -> u32 {
    hash ^ (hash >> 16)
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn texts_stand_in_the_order_of_their_utf_16() {
        let texts = [
            "",
            "a",
            "aa",
            "b",
            "\u{7f}",
            "é",
            "\u{7ff}",
            "\u{800}",
            "\u{d7ff}",
            "\u{e000}",
            "\u{ffff}",
            "\u{10000}",
            "\u{10ffff}",
            "a\u{ffff}",
        ];
        for a in texts {
            for b in texts {
                let expected = a.encode_utf16().collect::<Vec<_>>().cmp(&b.encode_utf16().collect::<Vec<_>>());
                assert_eq!(of_text(a, b), expected, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_hash_map_of_java_grows_past_three_quarters() {
        assert_eq!([0, 12, 13, 24, 25, 48, 49].map(places), [16, 16, 32, 32, 64, 64, 128]);
        // Known hashes of Java's documentation: "" and "a", and one that wraps.
        assert_eq!([hash(""), hash("a"), hash("hello")], [0, 97, 99_162_322]);
    }
}
