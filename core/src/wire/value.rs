//! The types that a field of a message can have.

use core::fmt;

use crate::ids::TopicId;

use super::reader::{DecodeError, Reader};
use super::schema::Kind;
use super::writer::{Writer, length};

/// In which form a value stands: the version of its message, and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The version of the message.
    pub version: i16,
    /// Whether lengths are compact and tagged fields follow every structure. Source: KIP-482.
    pub flexible: bool,
    /// Whether this field may be null.
    pub nullable: bool,
}

impl Form {
    /// The form for a field of a message of this form.
    #[must_use]
    pub const fn nullable(self, nullable: bool) -> Self {
        Self { nullable, ..self }
    }
}

/// A value that has a place on the wire.
pub trait Value<'a>: Sized {
    /// What Kafka's definitions call it.
    const KIND: Kind;

    /// Reads one value.
    ///
    /// # Errors
    /// What [`DecodeError`] names; the reader then stands anywhere.
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError>;

    /// Writes one value.
    fn write(&self, writer: &mut Writer<'_>, form: Form);
}

/// A value that has a way of being null; `Option` of it is a [`Value`].
pub trait Nullable<'a>: Sized {
    /// What Kafka's definitions call it.
    const KIND: Kind;

    /// Reads one value or null.
    ///
    /// # Errors
    /// What [`DecodeError`] names.
    fn read_option(reader: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError>;

    /// Writes one value or null.
    fn write_option(option: Option<&Self>, writer: &mut Writer<'_>, form: Form);
}

impl<'a, T: Nullable<'a> + Default> Value<'a> for Option<T> {
    const KIND: Kind = T::KIND;

    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        let option = T::read_option(reader, form)?;
        if option.is_none() && !form.nullable { Err(DecodeError::Null) } else { Ok(option) }
    }

    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        if self.is_none() && !form.nullable {
            // A version that has no null for this field gets the value that stands for nothing.
            T::write_option(Some(&T::default()), writer, form);
        } else {
            T::write_option(self.as_ref(), writer, form);
        }
    }
}

macro_rules! integer {
    ($($type:ty => $kind:ident),*) => {$(
        impl<'a> Value<'a> for $type {
            const KIND: Kind = Kind::$kind;
            fn read(reader: &mut Reader<'a>, _: Form) -> Result<Self, DecodeError> {
                reader.array().map(<$type>::from_be_bytes)
            }
            fn write(&self, writer: &mut Writer<'_>, _: Form) {
                writer.put(&self.to_be_bytes());
            }
        }
    )*};
}
integer!(i8 => Int8, i16 => Int16, u16 => Uint16, i32 => Int32, i64 => Int64, f64 => Float64);

impl<'a> Value<'a> for bool {
    const KIND: Kind = Kind::Bool;
    fn read(reader: &mut Reader<'a>, _: Form) -> Result<Self, DecodeError> {
        // Any value but 0 counts as true. Source: Protocol Guide, BOOLEAN.
        reader.array::<1>().map(|byte| byte != [0])
    }
    fn write(&self, writer: &mut Writer<'_>, _: Form) {
        writer.put(&[u8::from(*self)]);
    }
}

impl<'a> Value<'a> for TopicId {
    const KIND: Kind = Kind::Uuid;
    fn read(reader: &mut Reader<'a>, _: Form) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }
    fn write(&self, writer: &mut Writer<'_>, _: Form) {
        writer.put(&self.0);
    }
}

/// Reads a length: compact, or of two or four bytes. `None` is null.
fn read_length(reader: &mut Reader<'_>, form: Form, wide: bool) -> Result<Option<usize>, DecodeError> {
    let size = if form.flexible {
        i64::from(reader.uvarint()?) - 1
    } else if wide {
        i64::from(i32::from_be_bytes(reader.array()?))
    } else {
        i64::from(i16::from_be_bytes(reader.array()?))
    };
    match size {
        -1 => Ok(None),
        _ => usize::try_from(size).map(Some).map_err(|_| DecodeError::Length),
    }
}

fn write_length(writer: &mut Writer<'_>, form: Form, wide: bool, size: Option<usize>) {
    if form.flexible {
        writer.uvarint(size.map_or(0, |size| length(size).saturating_add(1)));
    } else if wide {
        let size = size.map_or(-1, |size| i32::try_from(size).unwrap_or(i32::MAX));
        writer.put(&size.to_be_bytes());
    } else {
        let size = size.map_or(-1, |size| i16::try_from(size).unwrap_or(i16::MAX));
        writer.put(&size.to_be_bytes());
    }
}

fn read_bytes<'a>(reader: &mut Reader<'a>, form: Form, wide: bool) -> Result<Option<&'a [u8]>, DecodeError> {
    match read_length(reader, form, wide)? {
        None => Ok(None),
        Some(size) if size > reader.rest().len() => Err(DecodeError::Length),
        Some(size) => reader.take(size).map(Some),
    }
}

/// The longest string of a version that is not flexible: its length is an int16.
const STRING_SIZE_MAX: usize = 0x7fff;

impl<'a> Nullable<'a> for &'a str {
    const KIND: Kind = Kind::String;
    fn read_option(reader: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        let bytes = read_bytes(reader, form, false)?;
        if bytes.is_some_and(|bytes| bytes.len() > STRING_SIZE_MAX) {
            return Err(DecodeError::Length);
        }
        bytes.map(core::str::from_utf8).transpose().map_err(|_| DecodeError::Utf8)
    }
    fn write_option(option: Option<&Self>, writer: &mut Writer<'_>, form: Form) {
        // Cut at a character: no string of ours is that long, but one that is must not shift what follows it.
        let text = option.map(|text| text.get(..text.floor_char_boundary(STRING_SIZE_MAX)).unwrap_or_default());
        write_length(writer, form, false, text.map(str::len));
        writer.put(text.unwrap_or_default().as_bytes());
    }
}

impl<'a> Value<'a> for &'a str {
    const KIND: Kind = Kind::String;
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        Self::read_option(reader, form)?.ok_or(DecodeError::Null)
    }
    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        Self::write_option(Some(self), writer, form);
    }
}

impl<'a> Nullable<'a> for &'a [u8] {
    const KIND: Kind = Kind::Bytes;
    fn read_option(reader: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        read_bytes(reader, form, true)
    }
    fn write_option(option: Option<&Self>, writer: &mut Writer<'_>, form: Form) {
        write_length(writer, form, true, option.map(|bytes| bytes.len()));
        writer.put(option.copied().unwrap_or_default());
    }
}

impl<'a> Value<'a> for &'a [u8] {
    const KIND: Kind = Kind::Bytes;
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        Self::read_option(reader, form)?.ok_or(DecodeError::Null)
    }
    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        Self::write_option(Some(self), writer, form);
    }
}

/// Record batches inside a message: here, or in a file from which the runtime sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records<'a> {
    /// The bytes are here.
    Here(&'a [u8]),
    /// So many bytes are sent from elsewhere; the writer leaves a [`super::writer::Splice`] for them.
    Elsewhere(usize),
}

impl Default for Records<'_> {
    fn default() -> Self {
        Self::Here(&[])
    }
}

impl<'a> Records<'a> {
    /// The bytes, if they are here.
    #[must_use]
    pub const fn here(self) -> &'a [u8] {
        match self {
            Self::Here(bytes) => bytes,
            Self::Elsewhere(_) => &[],
        }
    }
}

impl<'a> Nullable<'a> for Records<'a> {
    const KIND: Kind = Kind::Records;
    fn read_option(reader: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        Ok(read_bytes(reader, form, true)?.map(Self::Here))
    }
    fn write_option(option: Option<&Self>, writer: &mut Writer<'_>, form: Form) {
        match option {
            None => write_length(writer, form, true, None),
            Some(Self::Here(bytes)) => {
                write_length(writer, form, true, Some(bytes.len()));
                writer.put(bytes);
            }
            Some(Self::Elsewhere(size)) => {
                write_length(writer, form, true, Some(*size));
                writer.splice(*size);
            }
        }
    }
}

/// A sequence of values: read in passing from the bytes of a message, or held by the one who writes it.
///
/// Decoding checks every element once, without keeping any; iteration decodes them again. So an array costs no memory, however
/// long a peer says it is.
#[derive(Clone, Copy)]
pub enum Array<'a, T> {
    /// Checked bytes.
    Wire(WireArray<'a>),
    /// Values in memory.
    Held(&'a [T]),
}

/// The checked bytes of an array.
#[derive(Clone, Copy, Debug)]
pub struct WireArray<'a> {
    bytes: &'a [u8],
    count: usize,
    form: Form,
}

impl<T> Default for Array<'_, T> {
    fn default() -> Self {
        Self::Held(&[])
    }
}

impl<'a, T> From<&'a [T]> for Array<'a, T> {
    fn from(values: &'a [T]) -> Self {
        Self::Held(values)
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Array<'a, T> {
    fn from(values: &'a [T; N]) -> Self {
        Self::Held(values)
    }
}

impl<'a, T: Value<'a> + Clone> Array<'a, T> {
    /// The number of elements.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Wire(wire) => wire.count,
            Self::Held(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in order.
    #[must_use]
    pub const fn iter(&self) -> Iter<'a, T> {
        match self {
            Self::Wire(wire) => Iter::Wire { reader: Reader::new(wire.bytes), left: wire.count, form: wire.form },
            Self::Held(values) => Iter::Held(values),
        }
    }
}

impl<'a, T: Value<'a> + Clone> IntoIterator for Array<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Iterates over an [`Array`].
#[derive(Clone, Debug)]
pub enum Iter<'a, T> {
    /// Decodes in passing.
    Wire {
        /// Stands at the next element.
        reader: Reader<'a>,
        /// How many are left.
        left: usize,
        /// The form of every element.
        form: Form,
    },
    /// Copies from memory.
    Held(&'a [T]),
}

impl<'a, T: Value<'a> + Clone> Iterator for Iter<'a, T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        match self {
            Self::Wire { reader, left, form } => {
                *left = left.checked_sub(1)?;
                // Every element was checked when the array was read.
                T::read(reader, *form).ok()
            }
            Self::Held(values) => {
                let (first, rest) = values.split_first()?;
                *values = rest;
                Some(first.clone())
            }
        }
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Self::Wire { left, .. } => *left,
            Self::Held(values) => values.len(),
        };
        (left, Some(left))
    }
}

impl<'a, T: Value<'a> + Clone> ExactSizeIterator for Iter<'a, T> {}

impl<'a, T: Value<'a> + Clone> Nullable<'a> for Array<'a, T> {
    const KIND: Kind = Kind::Array(&T::KIND);
    fn read_option(reader: &mut Reader<'a>, form: Form) -> Result<Option<Self>, DecodeError> {
        let Some(count) = read_length(reader, form, true)? else {
            return Ok(None);
        };
        // Every element takes a byte at least, so this bounds the walk by what is there.
        if count > reader.rest().len() {
            return Err(DecodeError::Length);
        }
        let form = form.nullable(false);
        let bytes = reader.rest();
        for _ in 0..count {
            let before = reader.rest().len();
            T::read(reader, form)?;
            if reader.rest().len() == before {
                return Err(DecodeError::Length);
            }
        }
        let bytes = bytes.get(..bytes.len() - reader.rest().len()).unwrap_or_default();
        Ok(Some(Self::Wire(WireArray { bytes, count, form })))
    }
    fn write_option(option: Option<&Self>, writer: &mut Writer<'_>, form: Form) {
        write_length(writer, form, true, option.map(Self::len));
        let form = form.nullable(false);
        match option {
            None => {}
            Some(Self::Held(values)) => values.iter().for_each(|value| value.write(writer, form)),
            Some(array @ Self::Wire(_)) => array.iter().for_each(|value| value.write(writer, form)),
        }
    }
}

impl<'a, T: Value<'a> + Clone> Value<'a> for Array<'a, T> {
    const KIND: Kind = Kind::Array(&T::KIND);
    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        Self::read_option(reader, form)?.ok_or(DecodeError::Null)
    }
    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        Self::write_option(Some(self), writer, form);
    }
}

impl<'a, T: Value<'a> + Clone + PartialEq> PartialEq for Array<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a, T: Value<'a> + Clone + fmt::Debug> fmt::Debug for Array<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
