//! What stands before every request and response.
//!
//! Which version of a header is used follows from the message: flexible requests have header v2, the others v1; flexible responses
//! have header v1, the others v0. ApiVersions always answers with v0, so that a client can read the answer before it knows anything.
//! Source: Protocol Guide, "Headers"; KIP-482, KIP-511.

use core::fmt;

use millpond_core::message;
use millpond_core::wire::reader::{DecodeError, Reader};
use millpond_core::wire::schema::{Kind, Message};
use millpond_core::wire::value::{Form, Value};
use millpond_core::wire::writer::Writer;

use super::api_key::ApiKey;

message! {
    /// Stands before a request.
    RequestHeader<'a>, versions 1-2, flexible 2+;
    /// The API key.
    request_api_key: i16, 0+;
    /// The version of the API.
    request_api_version: i16, 0+;
    /// Chosen by the client; comes back in the response.
    correlation_id: i32, 0+;
    /// Who the client says it is; null when it does not say.
    client_id: ClientId<'a>, 1+, null 1+;
}

message! {
    /// Stands before a response.
    ResponseHeader, versions 0-1, flexible 1+;
    /// That of the request.
    correlation_id: i32, 0+;
}

/// The client id: never compact, even in a flexible header, so that any broker can read the header of any ApiVersions request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientId<'a>(pub Option<&'a str>);

impl<'a> Value<'a> for ClientId<'a> {
    const KIND: Kind = Kind::String;

    fn read(reader: &mut Reader<'a>, form: Form) -> Result<Self, DecodeError> {
        Value::read(reader, Form { flexible: false, ..form }).map(Self)
    }

    fn write(&self, writer: &mut Writer<'_>, form: Form) {
        self.0.write(writer, Form { flexible: false, ..form });
    }
}

/// Why a frame does not begin with a request header that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// No such request: neither its header nor its body can be read.
    UnknownApiKey {
        /// The number the peer sent.
        api_key: i16,
    },
    /// The bytes are not a header.
    Malformed(DecodeError),
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownApiKey { api_key } => write!(f, "no request has the API key {api_key}"),
            Self::Malformed(error) => write!(f, "the request header is malformed: {error}"),
        }
    }
}

impl core::error::Error for HeaderError {}

impl From<DecodeError> for HeaderError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

/// A request whose header was read and whose body was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFrame<'a> {
    /// Which request.
    pub api_key: ApiKey,
    /// In which version; not yet compared with what is served.
    pub api_version: i16,
    /// Chosen by the client; comes back in the response.
    pub correlation_id: i32,
    /// Who the client says it is.
    pub client_id: Option<&'a str>,
    /// The message behind the header.
    pub body: &'a [u8],
}

/// Reads the header of a request, from the content of its frame. A version that is not served is no error here: ApiVersions must
/// answer it, the others are refused by whoever dispatches them.
///
/// # Errors
/// [`HeaderError::UnknownApiKey`] when the number means nothing; [`HeaderError::Malformed`] when the bytes are no header.
pub fn decode_request(frame: &[u8]) -> Result<RequestFrame<'_>, HeaderError> {
    let mut ahead = Reader::new(frame);
    let number = i16::from_be_bytes(ahead.array()?);
    let api_version = i16::from_be_bytes(ahead.array()?);
    let Some(api_key) = ApiKey::from_i16(number) else {
        return Err(HeaderError::UnknownApiKey { api_key: number });
    };
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode_from(&mut reader, api_key.api().request_header_version(api_version))?;
    Ok(RequestFrame { api_key, api_version, correlation_id: header.correlation_id, client_id: header.client_id.0, body: reader.rest() })
}

/// Writes the header of a request: the client's side of [`decode_request`]. The body of `request` is not looked at.
pub fn encode_request(writer: &mut Writer<'_>, request: &RequestFrame<'_>) {
    let header = RequestHeader {
        request_api_key: request.api_key.number(),
        request_api_version: request.api_version,
        correlation_id: request.correlation_id,
        client_id: ClientId(request.client_id),
    };
    header.encode(writer, request.api_key.api().request_header_version(request.api_version));
}

/// Writes the header of the response to a request.
pub fn encode_response(writer: &mut Writer<'_>, api_key: ApiKey, api_version: i16, correlation_id: i32) {
    ResponseHeader { correlation_id }.encode(writer, api_key.api().response_header_version(api_version));
}

/// Reads the header of a response: the client's side of [`encode_response`]. Answers the correlation id and leaves the reader at
/// the message.
///
/// # Errors
/// What [`DecodeError`] names.
pub fn decode_response(reader: &mut Reader<'_>, api_key: ApiKey, api_version: i16) -> Result<i32, DecodeError> {
    let header = ResponseHeader::decode_from(reader, api_key.api().response_header_version(api_version))?;
    Ok(header.correlation_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(api_key: ApiKey, api_version: i16, size: usize) {
        for client_id in [None, Some(""), Some("me")] {
            let request = RequestFrame { api_key, api_version, correlation_id: 7, client_id, body: b"body" };
            let mut writer = Writer::growing();
            encode_request(&mut writer, &request);
            assert_eq!(writer.bytes().len(), size + client_id.map_or(0, str::len));
            writer.put(b"body");
            assert_eq!(decode_request(writer.bytes()), Ok(request));
        }
    }

    #[test]
    fn a_flexible_request_has_tags_behind_a_client_id_that_is_not_compact() {
        round_trip(ApiKey::Metadata, 8, 10);
        round_trip(ApiKey::Metadata, 9, 11);
    }

    #[test]
    fn api_versions_of_the_future_still_has_a_header() {
        round_trip(ApiKey::ApiVersions, 99, 11);
    }

    #[test]
    fn tags_in_a_header_are_skipped() {
        let frame = b"\x00\x03\x00\x0c\x00\x00\x00\x07\xff\xff\x01\x05\x02xxbody";
        assert_eq!(decode_request(frame).map(|request| request.body), Ok(&b"body"[..]));
    }

    #[test]
    fn the_answer_to_api_versions_never_has_tags_in_its_header() {
        for (api_key, size) in [(ApiKey::ApiVersions, 4), (ApiKey::Metadata, 5)] {
            let mut writer = Writer::growing();
            encode_response(&mut writer, api_key, api_key.api().codec.last, 7);
            assert_eq!(writer.bytes().len(), size);
            let mut reader = Reader::new(writer.bytes());
            assert_eq!(decode_response(&mut reader, api_key, api_key.api().codec.last), Ok(7));
            assert!(reader.rest().is_empty());
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let unknown = HeaderError::UnknownApiKey { api_key: 999 };
        assert_eq!(decode_request(b"\x03\xe7\0\0\0\0\0\0\0\0"), Err(unknown));
        assert_eq!(decode_request(b"\0"), Err(HeaderError::Malformed(DecodeError::Truncated)));
    }
}
