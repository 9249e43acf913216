//! The grammar in which messages are written down: once for both directions and all versions.
//!
//! A message reads like Kafka's own definition of it. `3+` means from version 3 on, `3-7` the versions 3 to 7.
//!
//! ```
//! millpond_core::message! {
//!     /// Asks for a seat in a group.
//!     JoinRequest<'a>, key 11, versions 0-9, flexible 6+;
//!     /// The group to join.
//!     group_id: &'a str, 0+;
//!     /// Unit: ms.
//!     rebalance_timeout_ms: i32, 1+, else -1;
//!     /// Why; absent when the member does not say.
//!     reason: Option<&'a str>, 8+, null 8+;
//! }
//! use millpond_core::wire::schema::Message;
//! use millpond_core::wire::writer::Writer;
//! let request = JoinRequest { group_id: "g", rebalance_timeout_ms: 500, reason: None };
//! let mut writer = Writer::growing();
//! request.encode(&mut writer, 1);
//! assert_eq!(JoinRequest::decode(writer.bytes(), 1), Ok(request));
//! ```
//!
//! Tagged fields (`tag 3`) are written in the order in which they stand, so they stand in the order of their tags; the compiler
//! checks it. A field that a version does not have is skipped when writing and takes its `else` value (or its type's default) when reading.
//! A structure inside a message is written the same way, without `key`, `versions` and `flexible`; a message that nothing numbers,
//! such as a header, without `key` alone.

use super::reader::{DecodeError, Reader};
use super::value::{Form, Value};
use super::writer::Writer;

/// An inclusive range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub first: i16,
    /// The highest; `i16::MAX` when the range is open.
    pub last: i16,
}

impl Versions {
    /// A range.
    #[must_use]
    pub const fn new(first: i16, last: i16) -> Self {
        Self { first, last }
    }

    /// Whether `version` lies in the range.
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }
}

/// What Kafka's definitions call a type.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One byte.
    Bool,
    /// Signed, one byte.
    Int8,
    /// Signed, two bytes.
    Int16,
    /// Unsigned, two bytes.
    Uint16,
    /// Signed, four bytes.
    Int32,
    /// Signed, eight bytes.
    Int64,
    /// IEEE 754, eight bytes.
    Float64,
    /// Sixteen bytes.
    Uuid,
    /// UTF-8 with its length.
    String,
    /// Bytes with their length.
    Bytes,
    /// Record batches with their length.
    Records,
    /// A sequence.
    Array(&'static Self),
    /// A structure.
    Struct(&'static Schema),
}

/// A message or a structure inside one, as a value that programs can walk.
#[derive(Debug)]
pub struct Schema {
    /// Kafka's name for it.
    pub name: &'static str,
    /// The fields in the order of the wire.
    pub fields: &'static [FieldSchema],
}

/// One field of a structure.
#[derive(Debug)]
pub struct FieldSchema {
    /// Our name for it: Kafka's, in snake case.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The versions that have it.
    pub versions: Versions,
    /// The versions in which it may be null.
    pub nullable: Option<Versions>,
    /// Its tag, if it is a tagged field.
    pub tag: Option<u32>,
    /// Writes the value that the field has where it is absent.
    pub absent: fn(&mut Writer<'_>, Form),
}

/// The key of what is neither a request nor a numbered record.
pub const NO_KEY: i16 = -1;

/// A whole request, response or stored record.
pub trait Message<'a>: Value<'a> {
    /// The schema as a value.
    const SCHEMA: &'static Schema;
    /// The API key, or the record type; [`NO_KEY`] when the message has neither.
    const KEY: i16;
    /// The versions that this definition covers.
    const VERSIONS: Versions;
    /// The first version with compact lengths and tagged fields; `i16::MAX` when there is none.
    const FLEXIBLE_FROM: i16;

    /// The form of a version.
    #[must_use]
    fn form(version: i16) -> Form {
        Form { version, flexible: version >= Self::FLEXIBLE_FROM, nullable: false }
    }

    /// Reads a message that takes up all of `bytes`.
    ///
    /// # Errors
    /// What [`DecodeError`] names; [`DecodeError::Trailing`] when bytes are left over.
    fn decode(bytes: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let message = Self::decode_from(&mut reader, version)?;
        reader.finish()?;
        Ok(message)
    }

    /// Reads a message and leaves the reader behind it.
    ///
    /// # Errors
    /// What [`DecodeError`] names.
    fn decode_from(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        if !Self::VERSIONS.contains(version) {
            return Err(DecodeError::Version);
        }
        Self::read(reader, Self::form(version))
    }

    /// Writes the message.
    fn encode(&self, writer: &mut Writer<'_>, version: i16) {
        self.write(writer, Self::form(version));
    }
}

/// Reads the tagged fields behind a structure, calling `known` with each; those it does not claim are skipped.
///
/// # Errors
/// [`DecodeError::Length`] when a size reaches past the end, [`DecodeError::Marker`] when tags do not rise.
pub fn read_tagged<'a>(
    reader: &mut Reader<'a>,
    mut known: impl FnMut(u32, &mut Reader<'a>) -> Result<bool, DecodeError>,
) -> Result<(), DecodeError> {
    let count = reader.uvarint()?;
    let mut previous = None;
    for _ in 0..count {
        let tag = reader.uvarint()?;
        if previous.is_some_and(|previous| previous >= tag) {
            return Err(DecodeError::Marker);
        }
        previous = Some(tag);
        let size = usize::try_from(reader.uvarint()?).map_err(|_| DecodeError::Length)?;
        if size > reader.rest().len() {
            return Err(DecodeError::Length);
        }
        let mut content = Reader::new(reader.take(size)?);
        if known(tag, &mut content)? {
            content.finish()?;
        }
    }
    Ok(())
}

/// Whether tags stand in the order in which the wire has them. Source: KIP-482.
#[must_use]
pub const fn tags_rise(tags: &[u32]) -> bool {
    let mut rest = tags;
    while let [first, tail @ ..] = rest {
        if let [second, ..] = tail
            && *first >= *second
        {
            return false;
        }
        rest = tail;
    }
    true
}

/// The name of a field without the mark of those that are words of Rust, such as `r#match`.
#[must_use]
pub const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// Defines a message or a structure inside one. The grammar is shown at the head of [`crate::wire::schema`].
#[macro_export]
macro_rules! message {
    (
        $(#[$meta:meta])*
        $name:ident $(<$life:lifetime>)?
        $(, key $key:literal)? $(, versions $first:literal - $last:literal)? $(, flexible $flexible:literal +)? ;
        $(
            $(#[$field_meta:meta])*
            $field:ident : $type:ty, $from:literal $(- $to:literal)? $(+)?
            $(, null $null_from:literal $(- $null_to:literal)? $(+)?)?
            $(, tag $tag:literal)?
            $(, else $default:expr)?
            ;
        )*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[allow(unreachable_pub)]
        pub struct $name $(<$life>)? {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl $(<$life>)? Default for $name $(<$life>)? {
            fn default() -> Self {
                Self { $($field: $crate::message!(@default $($default)?),)* }
            }
        }

        const _: () = assert!($crate::wire::schema::tags_rise(&[$($($tag,)?)*]), "tagged fields stand in the order of their tags");

        $crate::message! { @impls $name ($name $(<$life>)?) ($($life)?) ($($key)?) ($($first, $last)?) ($($flexible)?)
            $({
                $field : $type,
                ($crate::wire::schema::Versions::new($from, $crate::message!(@either $($to)?))),
                ($($crate::wire::schema::Versions::new($null_from, $crate::message!(@either $($null_to)?)))?),
                ($($tag)?)
            })*
        }
    };

    (@either) => { i16::MAX };
    (@either $to:literal) => { $to };
    (@default) => { ::core::default::Default::default() };
    (@default $default:expr) => { $default };
    (@option ()) => { None };
    (@option ($value:expr)) => { Some($value) };
    (@nullable $form:ident ()) => { $form.nullable(false) };
    (@nullable $form:ident ($versions:expr)) => { $form.nullable($versions.contains($form.version)) };

    (@impls $title:ident ($name:ident) () $($rest:tt)*) => {
        $crate::message! { @value $title ($name) ('wire) $($rest)* }
    };
    (@impls $title:ident ($name:ident <$life:lifetime>) ($same:lifetime) $($rest:tt)*) => {
        $crate::message! { @value $title ($name<$life>) ($life) $($rest)* }
    };

    (@value $title:ident ($self:ty) ($life:lifetime) ($($key:literal)?) ($($first:literal, $last:literal)?) ($($flexible:literal)?)
        $({ $field:ident : $type:ty, ($versions:expr), $null:tt, ($($tag:literal)?) })*
    ) => {
        impl<$life> $crate::wire::value::Value<$life> for $self {
            const KIND: $crate::wire::schema::Kind = $crate::wire::schema::Kind::Struct(&$crate::wire::schema::Schema {
                name: stringify!($title),
                fields: &[$($crate::wire::schema::FieldSchema {
                    name: $crate::wire::schema::plain(stringify!($field)),
                    kind: <$type as $crate::wire::value::Value<$life>>::KIND,
                    versions: $versions,
                    nullable: $crate::message!(@option $null),
                    tag: $crate::message!(@option ($($tag)?)),
                    absent: |writer, form| {
                        let form = $crate::message!(@nullable form $null);
                        $crate::wire::value::Value::write(&Self::default().$field, writer, form);
                    },
                }),*],
            });

            #[inline]
            #[allow(unused_mut, unused_variables)]
            fn read(reader: &mut $crate::wire::reader::Reader<$life>, form: $crate::wire::value::Form)
                -> Result<Self, $crate::wire::reader::DecodeError>
            {
                let mut message = Self::default();
                $($crate::message!(@read message reader form $field $versions, $null, ($($tag)?));)*
                if form.flexible {
                    $crate::wire::schema::read_tagged(reader, |tag, content| {
                        match tag {
                            $($(
                                $tag if $versions.contains(form.version) => {
                                    let form = $crate::message!(@nullable form $null);
                                    message.$field = $crate::wire::value::Value::read(content, form)?;
                                }
                            )?)*
                            _ => return Ok(false),
                        }
                        #[allow(unreachable_code)]
                        Ok(true)
                    })?;
                }
                Ok(message)
            }

            #[allow(unused_variables, unused_mut, unused_assignments)]
            fn write(&self, writer: &mut $crate::wire::writer::Writer<'_>, form: $crate::wire::value::Form) {
                $($crate::message!(@write self writer form $field $versions, $null, ($($tag)?));)*
                if form.flexible {
                    let absent = Self::default();
                    let mut tagged = 0u32;
                    $($(
                        // The pair keeps the tag in this repetition, which stands only for tagged fields.
                        if ($tag, $versions.contains(form.version) && self.$field != absent.$field).1 {
                            tagged += 1;
                        }
                    )?)*
                    writer.uvarint(tagged);
                    $($(
                        if $versions.contains(form.version) && self.$field != absent.$field {
                            writer.uvarint($tag);
                            let form = $crate::message!(@nullable form $null);
                            writer.sized(|writer| $crate::wire::value::Value::write(&self.$field, writer, form));
                        }
                    )?)*
                }
            }
        }

        impl<$life> $crate::wire::value::Nullable<$life> for $self {
            const KIND: $crate::wire::schema::Kind = <Self as $crate::wire::value::Value<$life>>::KIND;

            fn read_option(reader: &mut $crate::wire::reader::Reader<$life>, form: $crate::wire::value::Form)
                -> Result<Option<Self>, $crate::wire::reader::DecodeError>
            {
                // A structure that may be null has a byte before it: -1 or 1. Source: KIP-893.
                match reader.array::<1>()? {
                    [0xff] => Ok(None),
                    [1] => $crate::wire::value::Value::read(reader, form.nullable(false)).map(Some),
                    _ => Err($crate::wire::reader::DecodeError::Marker),
                }
            }

            fn write_option(option: Option<&Self>, writer: &mut $crate::wire::writer::Writer<'_>, form: $crate::wire::value::Form) {
                match option {
                    None => writer.put(&[0xff]),
                    Some(message) => {
                        writer.put(&[1]);
                        $crate::wire::value::Value::write(message, writer, form.nullable(false));
                    }
                }
            }
        }

        $crate::message! { @message ($self) ($life) ($($key)?) ($($first, $last)?) ($($flexible)?) }
    };

    (@message ($self:ty) ($life:lifetime) () () ()) => {};
    (@message ($self:ty) ($life:lifetime) () ($first:literal, $last:literal) $flexible:tt) => {
        $crate::message! { @message ($self) ($life) ($crate::wire::schema::NO_KEY) ($first, $last) $flexible }
    };
    (@message ($self:ty) ($life:lifetime) ($key:expr) ($first:literal, $last:literal) ($($flexible:literal)?)) => {
        impl<$life> $crate::wire::schema::Message<$life> for $self {
            const SCHEMA: &'static $crate::wire::schema::Schema = match <Self as $crate::wire::value::Value<$life>>::KIND {
                $crate::wire::schema::Kind::Struct(schema) => schema,
                _ => unreachable!(),
            };
            const KEY: i16 = $key;
            const VERSIONS: $crate::wire::schema::Versions = $crate::wire::schema::Versions::new($first, $last);
            const FLEXIBLE_FROM: i16 = $crate::message!(@either $($flexible)?);
        }
    };

    (@read $message:ident $reader:ident $form:ident $field:ident $versions:expr, $null:tt, ()) => {
        if $versions.contains($form.version) {
            let form = $crate::message!(@nullable $form $null);
            $message.$field = $crate::wire::value::Value::read($reader, form)?;
        }
    };
    (@read $message:ident $reader:ident $form:ident $field:ident $versions:expr, $null:tt, ($tag:literal)) => {};

    (@write $message:ident $writer:ident $form:ident $field:ident $versions:expr, $null:tt, ()) => {
        if $versions.contains($form.version) {
            let form = $crate::message!(@nullable $form $null);
            $crate::wire::value::Value::write(&$message.$field, $writer, form);
        }
    };
    (@write $message:ident $writer:ident $form:ident $field:ident $versions:expr, $null:tt, ($tag:literal)) => {};
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    message! {
        /// Stands before something.
        Unnumbered<'a>, versions 1-2, flexible 2+;
        /// A number that may be absent.
        number: i32, 2+, tag 0, else -1;
        /// A text that may be absent.
        text: Option<&'a str>, 1+, null 2+, tag 3;
    }

    #[test]
    fn a_message_without_a_key_says_so() {
        assert_eq!((Unnumbered::KEY, Unnumbered::VERSIONS), (NO_KEY, Versions::new(1, 2)));
        assert_eq!(Unnumbered::SCHEMA.name, "Unnumbered");
    }

    #[test]
    fn a_tagged_field_at_its_default_is_left_out() {
        let mut writer = Writer::growing();
        let message = Unnumbered { number: -1, text: Some("t") };
        message.encode(&mut writer, 2);
        assert_eq!(writer.bytes(), [1, 3, 2, 2, b't']);
        assert_eq!(Unnumbered::decode(writer.bytes(), 2), Ok(message));
        let mut writer = Writer::growing();
        Unnumbered::default().encode(&mut writer, 2);
        assert_eq!(writer.bytes(), [0]);
    }

    #[test]
    fn a_schema_writes_what_absence_stands_for() {
        let expected: [&[u8]; 2] = [&[0xff; 4], &[0]];
        for (field, expected) in Unnumbered::SCHEMA.fields.iter().zip(expected) {
            let mut writer = Writer::growing();
            (field.absent)(&mut writer, Unnumbered::form(2));
            assert_eq!(writer.bytes(), expected);
        }
    }

    #[test]
    fn tags_must_rise() {
        assert!(tags_rise(&[]) && tags_rise(&[4]) && tags_rise(&[0, 2, 9]));
        assert!(!tags_rise(&[0, 0]) && !tags_rise(&[1, 2, 1]));
    }
}
