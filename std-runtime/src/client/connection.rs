//! One connection to a broker.
//!
//! Calls are made one after another; each is answered before the next is sent. A call that was given up (it timed out, or its future was
//! dropped) leaves an answer under way that nobody waits for, so the connection is of no use afterwards and says so.

use core::time::Duration;
use std::io;

use millpond_core::wire::reader::Reader;
use millpond_core::wire::schema::{Message, Versions};
use millpond_core::wire::writer::Writer;
use tokio::net::TcpStream;

use crate::protocol::api_key::ApiKey;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::frame::{self, PREFIX_SIZE};
use crate::protocol::header::{self, RequestFrame};
use crate::protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};

use super::error::ClientError;

/// How many bytes are taken from the socket at once.
const READ_SIZE: usize = 64 * 1024;

/// How a client connects.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who it says it is.
    pub client_id: String,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// The largest answer that is taken. Unit: bytes.
    pub answer_size_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            client_id: "millpond".to_string(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            answer_size_max: 128 << 20,
        }
    }
}

/// A connection whose versions are agreed on.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    address: String,
    options: Options,
    /// What the broker serves, as it says.
    served: Vec<(i16, Versions)>,
    correlation_id: i32,
    /// Bytes that came and belong to no answer yet.
    input: Vec<u8>,
    /// Whether a call was given up.
    given_up: bool,
}

/// An answer: its bytes, which messages borrow from.
#[derive(Debug)]
pub struct Reply {
    bytes: Vec<u8>,
    body_start: usize,
    api_key: ApiKey,
    version: i16,
    address: String,
}

impl Reply {
    /// The version that the answer has.
    #[must_use]
    pub const fn version(&self) -> i16 {
        self.version
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// [`ClientError::Malformed`]
    pub fn read<'a, Response: Message<'a>>(&'a self) -> Result<Response, ClientError> {
        let body = self.bytes.get(self.body_start..).unwrap_or_default();
        Response::decode(body, self.version).map_err(|error| ClientError::Malformed {
            address: self.address.clone(),
            api: self.api_key.api().name,
            error,
        })
    }
}

impl Connection {
    /// Connects to `HOST:PORT` and agrees on versions.
    ///
    /// # Errors
    /// What [`ClientError`] names.
    pub async fn connect(address: &str, options: &Options) -> Result<Self, ClientError> {
        let failed = |error| ClientError::Connect { address: address.to_string(), error };
        let stream = match tokio::time::timeout(options.connect_timeout, TcpStream::connect(address)).await {
            Ok(stream) => stream.map_err(failed)?,
            Err(_) => return Err(ClientError::ConnectTimeout { address: address.to_string(), ms: options.connect_timeout.as_millis() }),
        };
        stream.set_nodelay(true).map_err(failed)?;
        let mut connection = Self {
            stream,
            address: address.to_string(),
            options: options.clone(),
            served: Vec::new(),
            correlation_id: 0,
            input: Vec::new(),
            given_up: false,
        };
        connection.agree().await?;
        Ok(connection)
    }

    /// Where it leads.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it can be used no more.
    #[must_use]
    pub const fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// Asks which requests the broker serves in which versions.
    ///
    /// Source: KIP-511: a broker that does not know the version asked for answers in version 0, with an error and what it does know.
    async fn agree(&mut self) -> Result<(), ClientError> {
        let newest = ApiKey::ApiVersions.api().codec.last;
        let request = ApiVersionsRequest { client_software_name: "millpond", client_software_version: env!("CARGO_PKG_VERSION") };
        let timeout = self.options.request_timeout;
        let mut reply = self.exchange(&request, newest, timeout).await?;
        let code = reply.bytes.get(reply.body_start..).and_then(|body| body.first_chunk()).map(|code| i16::from_be_bytes(*code));
        if code == Some(ErrorCode::UNSUPPORTED_VERSION.number()) {
            reply.version = 0;
            let response: ApiVersionsResponse<'_> = reply.read()?;
            let row = response.api_keys.iter().find(|row| row.api_key == ApiKey::ApiVersions.number());
            let version = row.map_or(0, |row| row.max_version).clamp(0, newest);
            reply = self.exchange(&request, version, timeout).await?;
        }
        let response: ApiVersionsResponse<'_> = reply.read()?;
        ClientError::refused(response.error_code, None, || format!("asking {} for its versions", self.address))?;
        self.served = response.api_keys.iter().map(|row| (row.api_key, Versions::new(row.min_version, row.max_version))).collect();
        Ok(())
    }

    /// The highest version of a request that both sides know, from those that `within` allows.
    ///
    /// # Errors
    /// [`ClientError::NotServed`]
    pub fn version(&self, api_key: ApiKey, within: Versions) -> Result<i16, ClientError> {
        let api = api_key.api();
        let first = within.first.max(api.codec.first);
        let last = within.last.min(api.codec.last);
        let served = self.served.iter().find(|(number, _)| *number == api_key.number()).map(|(_, versions)| *versions);
        let not_served = || ClientError::NotServed { address: self.address.clone(), api: api.name, first, last };
        let served = served.ok_or_else(not_served)?;
        let version = last.min(served.last);
        if version < first || version < served.first { Err(not_served()) } else { Ok(version) }
    }

    /// Makes a call in the newest version that both sides know.
    ///
    /// # Errors
    /// What [`ClientError`] names, except for refusals: those stand in the answer.
    pub async fn call<'a, Request: Message<'a>>(&mut self, request: &Request) -> Result<Reply, ClientError> {
        self.call_in(request, Request::VERSIONS).await
    }

    /// Makes a call in a version from a range.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub async fn call_in<'a, Request: Message<'a>>(&mut self, request: &Request, within: Versions) -> Result<Reply, ClientError> {
        self.call_for(request, within, self.options.request_timeout).await
    }

    /// Makes a call whose answer may take as long as `timeout`.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub async fn call_for<'a, Request: Message<'a>>(
        &mut self,
        request: &Request,
        within: Versions,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        let version = self.version(key_of::<Request>(), within)?;
        self.exchange(request, version, timeout).await
    }

    /// Sends a request that gets no answer: Produce with acks=0.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub async fn tell<'a, Request: Message<'a>>(&mut self, request: &Request, within: Versions) -> Result<(), ClientError> {
        let api_key = key_of::<Request>();
        let version = self.version(api_key, within)?;
        let timeout = self.options.request_timeout;
        let bytes = self.encode(request, api_key, version);
        self.given_up = true;
        match tokio::time::timeout(timeout, self.write(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.lost(api_key, error)),
            Err(_) => return Err(self.timed_out(api_key, timeout)),
        }
        self.given_up = false;
        Ok(())
    }

    async fn exchange<'a, Request: Message<'a>>(
        &mut self,
        request: &Request,
        version: i16,
        timeout: Duration,
    ) -> Result<Reply, ClientError> {
        let api_key = key_of::<Request>();
        if self.given_up {
            return Err(self.lost(api_key, io::Error::other("an earlier call on it was given up")));
        }
        let bytes = self.encode(request, api_key, version);
        // Until the answer is here; stays so when this future is dropped on the way.
        self.given_up = true;
        let exchanged = tokio::time::timeout(timeout, async {
            self.write(&bytes).await.map_err(|error| self.lost(api_key, error))?;
            self.read_frame(api_key).await
        });
        let Ok(frame) = exchanged.await else {
            return Err(self.timed_out(api_key, timeout));
        };
        let bytes = frame?;
        let malformed = |error| ClientError::Malformed { address: self.address.clone(), api: api_key.api().name, error };
        let mut reader = Reader::new(&bytes);
        let correlation_id = header::decode_response(&mut reader, api_key, version).map_err(malformed)?;
        if correlation_id != self.correlation_id {
            return Err(ClientError::OutOfTurn { address: self.address.clone(), api: api_key.api().name });
        }
        let body_start = bytes.len() - reader.rest().len();
        self.given_up = false;
        Ok(Reply { bytes, body_start, api_key, version, address: self.address.clone() })
    }

    fn encode<'a, Request: Message<'a>>(&mut self, request: &Request, api_key: ApiKey, version: i16) -> Vec<u8> {
        self.correlation_id = self.correlation_id.wrapping_add(1) & i32::MAX;
        let head = RequestFrame {
            api_key,
            api_version: version,
            correlation_id: self.correlation_id,
            client_id: Some(&self.options.client_id),
            body: &[],
        };
        let mut writer = Writer::growing();
        frame::encode(&mut writer, |writer| {
            header::encode_request(writer, &head);
            request.encode(writer, version);
        });
        writer.into_parts().and_then(|(bytes, _)| bytes.into_vec()).unwrap_or_default()
    }

    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(size) => bytes = bytes.get(size..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes bytes until a frame is whole. Memory follows the bytes that have come, not the size that was announced.
    async fn read_frame(&mut self, api_key: ApiKey) -> Result<Vec<u8>, ClientError> {
        let max = self.options.answer_size_max;
        let wrong_size = |address: &str, size| ClientError::AnswerSize { address: address.to_string(), api: api_key.api().name, size, max };
        let mut piece = vec![0; READ_SIZE];
        loop {
            match frame::decode(&self.input, max) {
                frame::Decoded::Frame { size, .. } => {
                    let behind = self.input.split_off(size);
                    let mut content = core::mem::replace(&mut self.input, behind);
                    content.drain(..PREFIX_SIZE);
                    return Ok(content);
                }
                frame::Decoded::NeedMore { .. } => {}
                frame::Decoded::TooLarge { size } => {
                    return Err(wrong_size(&self.address, i64::try_from(size).unwrap_or(i64::MAX)));
                }
                frame::Decoded::Malformed { size } => return Err(wrong_size(&self.address, i64::from(size))),
            }
            self.stream.readable().await.map_err(|error| self.lost(api_key, error))?;
            match self.stream.try_read(&mut piece) {
                Ok(0) => return Err(self.lost(api_key, io::Error::new(io::ErrorKind::UnexpectedEof, "the broker closed it"))),
                Ok(size) => self.input.extend_from_slice(piece.get(..size).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.lost(api_key, error)),
            }
        }
    }

    fn lost(&self, api_key: ApiKey, error: io::Error) -> ClientError {
        ClientError::Lost { address: self.address.clone(), api: api_key.api().name, error }
    }

    fn timed_out(&self, api_key: ApiKey, timeout: Duration) -> ClientError {
        ClientError::Timeout { address: self.address.clone(), api: api_key.api().name, ms: timeout.as_millis() }
    }
}

/// Which request a message is. Every message with a key has a row in the table, which its own test checks.
fn key_of<'a, Request: Message<'a>>() -> ApiKey {
    ApiKey::from_i16(Request::KEY).unwrap_or(ApiKey::ApiVersions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::messages::metadata::{MetadataRequest, MetadataResponse};
    use millpond_core::wire::value::Array;
    use tokio::io::Interest;
    use tokio::net::TcpListener;

    /// A broker that answers every request with the next of some bytes, whatever is asked; then it closes.
    async fn canned(answers: Vec<Vec<u8>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            for answer in answers {
                let mut request = [0; 4096];
                loop {
                    stream.ready(Interest::READABLE).await.expect("readable");
                    match stream.try_read(&mut request) {
                        Ok(_) => break,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_) => return,
                    }
                }
                let mut rest = &answer[..];
                while !rest.is_empty() {
                    stream.writable().await.expect("writable");
                    if let Ok(size) = stream.try_write(rest) {
                        rest = &rest[size..];
                    }
                }
            }
        });
        address
    }

    fn framed(correlation_id: i32, api_key: ApiKey, version: i16, body: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut writer = Writer::growing();
        frame::encode(&mut writer, |writer| {
            header::encode_response(writer, api_key, version, correlation_id);
            body(writer);
        });
        writer.bytes().to_vec()
    }

    fn versions(rows: &[(i16, i16, i16)], version: i16, correlation_id: i32, error_code: i16) -> Vec<u8> {
        use crate::protocol::messages::api_versions::ApiVersion;
        let rows: Vec<ApiVersion> = rows
            .iter()
            .map(|(api_key, min_version, max_version)| ApiVersion {
                api_key: *api_key,
                min_version: *min_version,
                max_version: *max_version,
            })
            .collect();
        framed(correlation_id, ApiKey::ApiVersions, version, |writer| {
            ApiVersionsResponse { error_code, api_keys: Array::from(&*rows), ..Default::default() }.encode(writer, version);
        })
    }

    #[tokio::test]
    async fn the_newest_common_version_is_spoken() {
        let metadata =
            framed(2, ApiKey::Metadata, 5, |writer| MetadataResponse { controller_id: 3, ..Default::default() }.encode(writer, 5));
        let address = canned(vec![versions(&[(3, 2, 5), (18, 0, 4), (999, 0, 1)], 4, 1, 0), metadata]).await;
        let mut connection = Connection::connect(&address, &Options::default()).await.expect("agrees");
        let reply = connection.call(&MetadataRequest::default()).await.expect("answers");
        assert_eq!(reply.version(), 5);
        assert_eq!(reply.read::<MetadataResponse<'_>>().expect("reads").controller_id, 3);
        let error = connection.version(ApiKey::Produce, Versions::new(3, 12)).expect_err("not served").to_string();
        assert!(error.ends_with("does not serve Produce in a version from 3 to 12"), "{error}");
        assert!(connection.version(ApiKey::Metadata, Versions::new(6, 13)).is_err(), "too old");
        assert!(connection.version(ApiKey::Metadata, Versions::new(0, 1)).is_err(), "too new");
    }

    #[tokio::test]
    async fn kip511_an_older_broker_is_asked_again_in_its_own_version() {
        let refusal = versions(&[(18, 0, 2)], 0, 1, ErrorCode::UNSUPPORTED_VERSION.number());
        let address = canned(vec![refusal, versions(&[(3, 0, 1)], 2, 2, 0)]).await;
        let connection = Connection::connect(&address, &Options::default()).await.expect("agrees");
        assert_eq!(connection.version(ApiKey::Metadata, Versions::new(0, 13)).expect("served"), 1);
    }

    #[tokio::test]
    async fn what_is_no_broker_is_told_apart() {
        let cases: [(Vec<u8>, &str); 5] = [
            (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "has a size of 1213486160 bytes"),
            (vec![0xff, 0xff, 0xff, 0xff], "has a size of -1 bytes"),
            (vec![0, 0, 0, 5, 0, 0, 0, 1, 0], "cannot be read"),
            (versions(&[], 4, 77, 0), "out of turn"),
            (vec![0, 0, 1, 0, 0], "was lost during ApiVersions"),
        ];
        for (answer, words) in cases {
            let address = canned(vec![answer]).await;
            let error = Connection::connect(&address, &Options::default()).await.expect_err("no broker").to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[tokio::test]
    async fn a_broker_that_says_nothing_is_not_waited_for_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let options = Options { request_timeout: Duration::from_millis(30), ..Options::default() };
        let error = Connection::connect(&address, &options).await.expect_err("silent");
        assert!(error.is_retriable() && error.to_string().ends_with("did not answer ApiVersions: timed out after 30 ms"), "{error}");
        drop(listener);
        let error = Connection::connect(&address, &options).await.expect_err("gone").to_string();
        assert!(error.starts_with(&format!("cannot connect to {address}: ")), "{error}");
    }

    #[tokio::test]
    async fn a_call_that_was_given_up_ends_the_connection() {
        let address = canned(vec![versions(&[(3, 0, 13)], 4, 1, 0), Vec::new(), Vec::new()]).await;
        let mut connection = Connection::connect(&address, &Options::default()).await.expect("agrees");
        let short = Duration::from_millis(20);
        let error = connection.call_for(&MetadataRequest::default(), Versions::new(0, 13), short).await.expect_err("no answer");
        assert!(matches!(error, ClientError::Timeout { .. }));
        assert!(connection.is_given_up());
        assert!(matches!(connection.call(&MetadataRequest::default()).await, Err(ClientError::Lost { .. })));
    }
}
