//! Random messages, made as bytes from a schema alone: what the codec under test made cannot hide its mistakes here.

use millpond_core::wire::schema::{FieldSchema, Kind, Schema};
use millpond_core::wire::value::Form;
use millpond_core::wire::writer::Writer;

use crate::catalogue::Entry;
use crate::random::Random;

/// Makes messages.
#[derive(Debug)]
pub struct AnyMessage<'r> {
    random: &'r mut Random,
    /// Where tagged fields that nobody defines come from; `None` for none.
    unknown: Option<Random>,
    depth: usize,
}

impl<'r> AnyMessage<'r> {
    /// Makes messages from the numbers of `random`.
    pub const fn new(random: &'r mut Random) -> Self {
        Self { random, unknown: None, depth: 0 }
    }

    /// Puts tagged fields that nobody defines into flexible structures, and changes nothing else.
    #[must_use]
    pub fn with_unknown_tags(self, seed: u64) -> Self {
        Self { unknown: Some(Random::new(seed)), ..self }
    }

    /// The bytes of a message.
    pub fn message(&mut self, entry: &Entry, version: i16) -> Vec<u8> {
        let form = Form { version, flexible: version >= entry.flexible_from, nullable: false };
        let mut bytes = Vec::new();
        self.structure(entry.schema, form, &mut bytes);
        bytes
    }

    fn structure(&mut self, schema: &Schema, form: Form, bytes: &mut Vec<u8>) {
        let mut tagged: Vec<(u32, Vec<u8>)> = Vec::new();
        for field in schema.fields.iter().filter(|field| field.versions.contains(form.version)) {
            match field.tag {
                // The one string that is never compact: see `millpond::protocol::header::ClientId`.
                None if schema.name == "RequestHeader" => self.field(field, Form { flexible: false, ..form }, bytes),
                None => self.field(field, form, bytes),
                Some(_) if self.random.once_in(2) => {}
                Some(tag) => tagged.push((tag, self.present(field, form))),
            }
        }
        if !form.flexible {
            return;
        }
        tagged.sort_unstable_by_key(|(tag, _)| *tag);
        if let Some(unknown) = &mut self.unknown {
            for tag in [90, 1 << 20] {
                if unknown.once_in(3) {
                    let size = unknown.below(200);
                    tagged.push((tag, unknown.bytes(size)));
                }
            }
        }
        unsigned(bytes, tagged.len());
        for (tag, content) in tagged {
            unsigned(bytes, usize::try_from(tag).expect("a tag fits"));
            unsigned(bytes, content.len());
            bytes.extend_from_slice(&content);
        }
    }

    /// A tagged field's content: anything but what stands for its absence, since an encoder leaves that out.
    fn present(&mut self, field: &FieldSchema, form: Form) -> Vec<u8> {
        let mut absent = Writer::growing();
        (field.absent)(&mut absent, form);
        loop {
            let mut content = Vec::new();
            self.field(field, form, &mut content);
            if content != absent.bytes() {
                return content;
            }
        }
    }

    fn field(&mut self, field: &FieldSchema, form: Form, bytes: &mut Vec<u8>) {
        let nullable = field.nullable.is_some_and(|versions| versions.contains(form.version));
        self.value(&field.kind, form.nullable(nullable), bytes);
    }

    fn value(&mut self, kind: &Kind, form: Form, bytes: &mut Vec<u8>) {
        match kind {
            Kind::Bool => bytes.push(u8::from(self.random.once_in(2))),
            Kind::Int8 => self.integer::<1>(bytes),
            Kind::Int16 | Kind::Uint16 => self.integer::<2>(bytes),
            Kind::Int32 => self.integer::<4>(bytes),
            Kind::Int64 => self.integer::<8>(bytes),
            // Of the numbers that are not numbers, two are never equal; all others are.
            Kind::Float64 => bytes.extend_from_slice(&(f64::from_bits(self.random.next() >> 2)).to_be_bytes()),
            Kind::Uuid => {
                let id = if self.random.once_in(8) { vec![0; 16] } else { self.random.bytes(16) };
                bytes.extend_from_slice(&id);
            }
            Kind::String => {
                let text = (!form.nullable || !self.random.once_in(4)).then(|| self.text());
                length(bytes, form, false, text.as_ref().map(String::len));
                bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
            }
            Kind::Bytes | Kind::Records => {
                let size = self.size(40_000);
                let content = (!form.nullable || !self.random.once_in(4)).then(|| self.random.bytes(size));
                length(bytes, form, true, content.as_ref().map(Vec::len));
                bytes.extend_from_slice(&content.unwrap_or_default());
            }
            Kind::Array(element) => {
                let count = (!form.nullable || !self.random.once_in(4)).then(|| self.count(element));
                length(bytes, form, true, count);
                self.depth += 1;
                for _ in 0..count.unwrap_or(0) {
                    self.value(element, form.nullable(false), bytes);
                }
                self.depth -= 1;
            }
            Kind::Struct(schema) => {
                if form.nullable {
                    if self.random.once_in(3) {
                        bytes.push(0xff);
                        return;
                    }
                    bytes.push(1);
                }
                self.structure(schema, form.nullable(false), bytes);
            }
        }
    }

    fn integer<const N: usize>(&mut self, bytes: &mut Vec<u8>) {
        let number = match self.random.below(6) {
            0 => 0i64,
            1 => -1,
            2 => i64::MAX,
            3 => i64::MIN,
            _ => self.random.next().cast_signed(),
        };
        // The sign stays in front whatever the width.
        bytes.extend(number.to_be_bytes().iter().take(N));
    }

    fn count(&mut self, element: &Kind) -> usize {
        let small = !matches!(element, Kind::Struct(_) | Kind::Array(_));
        match self.depth {
            // Beyond 127 a compact length takes two bytes.
            _ if small && self.random.once_in(40) => 126 + self.random.below(5),
            0 => self.random.below(4),
            _ => self.random.below(3),
        }
    }

    fn size(&mut self, large: usize) -> usize {
        match self.random.below(60) {
            0..10 => 0,
            10 => 126 + self.random.below(4),
            11 => 16_382 + self.random.below(4),
            12 if self.depth < 2 => self.random.below(large),
            _ => self.random.below(24),
        }
    }

    fn text(&mut self) -> String {
        let size = self.size(32_767);
        let mut text = String::new();
        while text.len() + 4 <= size {
            text.push(*self.random.pick(&['a', 'Z', '-', '0', '\0', '\u{e9}', '\u{20ac}', '\u{1f980}']));
        }
        while text.len() < size {
            text.push('.');
        }
        text
    }
}

/// An unsigned variable-length integer.
fn unsigned(bytes: &mut Vec<u8>, number: usize) {
    let mut rest = number;
    while rest >= 0x80 {
        bytes.push(0x80 | u8::try_from(rest & 0x7f).expect("seven bits fit"));
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).expect("seven bits fit"));
}

fn length(bytes: &mut Vec<u8>, form: Form, wide: bool, size: Option<usize>) {
    match (form.flexible, size) {
        (true, size) => unsigned(bytes, size.map_or(0, |size| size + 1)),
        (false, None) if wide => bytes.extend_from_slice(&(-1i32).to_be_bytes()),
        (false, None) => bytes.extend_from_slice(&(-1i16).to_be_bytes()),
        (false, Some(size)) if wide => bytes.extend_from_slice(&i32::try_from(size).expect("the size fits").to_be_bytes()),
        (false, Some(size)) => bytes.extend_from_slice(&i16::try_from(size).expect("the size fits").to_be_bytes()),
    }
}
