//! Names of topics as a coordinator keeps them: each once, rising, in one run of bytes.
//!
//! ```text
//!  size   name   size   name   ...
//!  2      size   2      size
//! ```

use core::cmp::Ordering;

use crate::bounded::Full;
use crate::bounded::list::List;
use crate::wire::value::{Form, Value};
use crate::wire::writer::Writer;

/// A run of names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Names<'a>(&'a [u8]);

impl core::fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Names<'a> {
    /// No name.
    pub const NONE: Self = Self(&[]);

    /// The names that were sorted into these bytes.
    pub(in crate::group) const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(in crate::group) const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The names, rising.
    pub fn iter(self) -> impl Iterator<Item = &'a str> + Clone {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (name, behind) = split(rest)?;
            rest = behind;
            core::str::from_utf8(name).ok()
        })
    }

    /// Whether a name is one of them.
    #[must_use]
    pub fn contains(self, name: &str) -> bool {
        self.iter().any(|it| it == name)
    }

    /// Writes them as a compact array of strings.
    pub(in crate::group) fn write(self, writer: &mut Writer<'_>) {
        writer.uvarint(u32::try_from(self.iter().count()).unwrap_or(u32::MAX).saturating_add(1));
        let form = Form { version: 0, flexible: true, nullable: false };
        self.iter().for_each(|name| name.write(writer, form));
    }
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*size).into())
}

/// Puts a name behind those of a run, in whatever order they come.
///
/// # Errors
/// [`Full`] when it does not fit; so for one that no string of the wire could be.
pub(in crate::group) fn push(name: &str, names: &mut List<'_, u8>) -> Result<(), Full> {
    let size = u16::try_from(name.len()).map_err(|_| Full)?;
    names.extend_from_slice(&size.to_be_bytes())?;
    names.extend_from_slice(name.as_bytes())
}

/// Where a name lies that is to be sorted. Unit: bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    start: usize,
    size: usize,
}

/// Sorts names into a run of bytes, behind what `bytes` holds: what comes twice is there once. `places` is scratch.
///
/// # Errors
/// [`Full`] when they do not fit; so for one that no string of the wire could be.
pub(in crate::group) fn sorted<'n>(
    names: impl Iterator<Item = &'n str> + Clone,
    bytes: &mut List<'_, u8>,
    places: &mut List<'_, Place>,
) -> Result<core::ops::Range<usize>, Full> {
    places.clear();
    let raw = bytes.len();
    for name in names {
        places.push(Place { start: bytes.len(), size: name.len() })?;
        bytes.extend_from_slice(name.as_bytes())?;
    }
    places.sort_unstable_by(|a, b| name_at(bytes, *a).cmp(name_at(bytes, *b)));
    let start = bytes.len();
    let mut last: Option<Place> = None;
    for place in places.iter() {
        let is_new = last.is_none_or(|last| name_at(bytes, last).cmp(name_at(bytes, *place)) == Ordering::Less);
        if is_new {
            let size = u16::try_from(place.size).map_err(|_| Full)?;
            bytes.extend_from_slice(&size.to_be_bytes())?;
            let end = bytes.len();
            bytes.fill_to(end + place.size, 0)?;
            bytes.copy_within(place.start..place.start + place.size, end);
        }
        last = Some(*place);
    }
    // What was laid down to be sorted goes.
    let end = bytes.len();
    bytes.copy_within(start..end, raw);
    bytes.truncate(raw + (end - start));
    places.clear();
    Ok(raw..raw + (end - start))
}

fn name_at(bytes: &[u8], place: Place) -> &[u8] {
    bytes.get(place.start..place.start + place.size).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn names_are_sorted_and_each_is_there_once() {
        let mut bytes = List::grown(1000);
        let mut places = List::grown(10);
        bytes.push(1).unwrap();
        let range = sorted(["b", "", "aa", "b", "a", "é"].into_iter(), &mut bytes, &mut places).unwrap();
        assert_eq!((range.clone(), bytes.len()), (1..range.end, range.end));
        let names = Names::of(&bytes[range]);
        assert_eq!(names.iter().collect::<Vec<_>>(), ["", "a", "aa", "b", "é"]);
        assert!(names.contains("aa") && !names.contains("ab") && !names.is_empty() && Names::NONE.is_empty());
        let mut writer = Writer::growing();
        names.write(&mut writer);
        assert_eq!(writer.bytes(), b"\x06\x01\x02a\x03aa\x02b\x03\xc3\xa9");
        assert_eq!(sorted(["x"].into_iter(), &mut List::grown(4), &mut List::grown(1)).map(|range| range.len()), Ok(3));
        assert_eq!(sorted(["x"].into_iter(), &mut List::grown(2), &mut List::grown(1)), Err(Full));
    }
}
