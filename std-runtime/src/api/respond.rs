//! Encoding an answer.

use millpond_core::wire::schema::Message;
use millpond_core::wire::writer::Writer;

use crate::protocol::{frame, header};
use crate::worker::calls::Head;
use crate::worker::reply::{FileRange, Outgoing};

/// Frames an answer.
#[must_use]
pub fn encode<'a>(head: Head, message: &impl Message<'a>) -> Outgoing {
    encode_with_files(head, message, Vec::new())
}

/// Frames an answer that has ranges of files in it: one for each place that the message leaves, in order.
#[must_use]
pub fn encode_with_files<'a>(head: Head, message: &impl Message<'a>, ranges: Vec<FileRange>) -> Outgoing {
    let mut writer = Writer::growing();
    frame::encode(&mut writer, |writer| {
        header::encode_response(writer, head.api_key, head.version, head.correlation_id);
        message.encode(writer, head.version);
    });
    let places: Vec<usize> = writer.splices().iter().map(|splice| splice.at).collect();
    let files = ranges.into_iter().zip(places).map(|(range, at)| FileRange { at, ..range }).collect();
    let bytes = writer.into_parts().and_then(|(bytes, _)| bytes.into_vec()).unwrap_or_default();
    Outgoing { bytes, files }
}
