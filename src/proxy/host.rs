//! Host calls that must not panic.
//!
//! The SDK's wrappers panic on a status that they do not expect, and some on what a client sends (a header value that is
//! not UTF-8). A panic kills the VM for every request of a worker. So the calls of the request path are declared here
//! once more, with every status handled. Call-outs stay with the SDK, which must know their tokens.
#![expect(unsafe_code, reason = "host calls are foreign functions; each block says why it is sound")]

use std::ptr::null_mut;

use crate::http::Headers;
use crate::jose::HostCall;
use crate::refusal::Reply;

/// Levels of log lines (proxy-wasm ABI 0.2.1).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Level {
    Trace = 0,
    Debug = 1,
    Info = 2,
    Warning = 3,
    Error = 4,
    Critical = 5,
}

/// Buffers that are read here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Buffer {
    RequestBody = 0,
    CallBody = 4,
    PluginConfiguration = 7,
}

/// Header maps that are read or written here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Map {
    RequestHeaders = 0,
    RequestTrailers = 1,
    ResponseHeaders = 2,
    CallHeaders = 6,
}

/// Kinds of metrics.
#[derive(Clone, Copy, Debug)]
pub(super) enum MetricKind {
    Counter = 0,
    Histogram = 2,
}

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const CAS_MISMATCH: u32 = 8;
const REQUEST_STREAM: u32 = 0;
/// The gateway derives the gRPC status from the HTTP one.
const NO_GRPC_STATUS: i32 = -1;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, most: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_close_stream(stream: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, value_size: usize, version: u32)
    -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        argument: *const u8,
        argument_size: usize,
        result: *mut *mut u8,
        result_size: *mut usize,
    ) -> u32;
}

pub(super) fn log(level: Level, message: &str) {
    // SAFETY: the host reads `size` bytes of a live string. A line that it does not take cannot be helped.
    let _ = unsafe { proxy_log(level.number(), message.as_ptr(), message.len()) };
}

/// The least level that the host does not drop.
pub(super) fn log_level() -> Option<Level> {
    let mut level = 0;
    // SAFETY: the host writes one u32.
    let status = unsafe { proxy_get_log_level(&raw mut level) };
    let levels = [Level::Trace, Level::Debug, Level::Info, Level::Warning, Level::Error, Level::Critical];
    levels.into_iter().find(|each| status == OK && each.number() == level)
}

/// Nanoseconds since the Unix epoch.
pub(super) fn now() -> Option<u64> {
    let mut time = 0;
    // SAFETY: the host writes one u64.
    let status = unsafe { proxy_get_current_time_nanoseconds(&raw mut time) };
    (status == OK).then_some(time)
}

/// All pairs of the request's headers.
pub(super) fn request_headers() -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    pairs(Map::RequestHeaders)
}

/// The request's trailers; nothing where they cannot be read.
pub(super) fn trailers() -> Option<Headers> {
    Headers::from_pairs(pairs(Map::RequestTrailers)?).ok()
}

/// All pairs of the headers of a call's answer; none where the answer was lost.
pub(super) fn call_headers() -> Vec<(Vec<u8>, Vec<u8>)> {
    pairs(Map::CallHeaders).unwrap_or_default()
}

fn pairs(map: Map) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut data = null_mut();
    let mut size = 0;
    // SAFETY: the host writes a pointer and a size.
    let status = unsafe { proxy_get_header_map_pairs(map.number(), &raw mut data, &raw mut size) };
    parse_pairs(&taken(status, data, size)?)
}

/// Takes over memory that the host has filled.
fn taken(status: u32, data: *mut u8, size: usize) -> Option<Vec<u8>> {
    if status != OK {
        return None;
    }
    if data.is_null() || size == 0 {
        return Some(Vec::new());
    }
    // SAFETY: the host has allocated `size` bytes by `proxy_on_memory_allocate`, which leaks a boxed slice of exactly
    // that size, has filled them, and has handed them over.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// The serialised map of the ABI: a count, then the sizes of all names and values, then those, each ended by NUL.
fn parse_pairs(bytes: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let (count, mut sizes) = read_size(bytes)?;
    let mut content = sizes.get(count.checked_mul(8)?..)?;
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let (name, rest) = read_size(sizes)?;
        let (value, rest) = read_size(rest)?;
        sizes = rest;
        let (name, rest) = read_text(content, name)?;
        let (value, rest) = read_text(rest, value)?;
        content = rest;
        pairs.push((name, value));
    }
    Some(pairs)
}

fn read_size(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*size)).ok()?, rest))
}

fn read_text(bytes: &[u8], size: usize) -> Option<(Vec<u8>, &[u8])> {
    let text = bytes.get(..size)?.to_vec();
    Some((text, bytes.get(size.checked_add(1)?..)?))
}

fn serialised(pairs: &[(&str, &str)]) -> Option<Vec<u8>> {
    let size = |text: &str| u32::try_from(text.len()).ok().map(u32::to_le_bytes);
    let mut bytes = u32::try_from(pairs.len()).ok()?.to_le_bytes().to_vec();
    for (name, value) in pairs {
        bytes.extend(size(name)?);
        bytes.extend(size(value)?);
    }
    for (name, value) in pairs {
        for text in [name, value] {
            bytes.extend(text.as_bytes());
            bytes.push(0);
        }
    }
    Some(bytes)
}

/// Replaces all occurrences of a header; whether the host did.
pub(super) fn set_header(map: Map, name: &str, value: &str) -> bool {
    // SAFETY: the host reads two live strings.
    let status =
        unsafe { proxy_replace_header_map_value(map.number(), name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
    status == OK
}

/// Removes all occurrences of a header; whether the host did.
pub(super) fn remove_header(map: Map, name: &str) -> bool {
    // SAFETY: the host reads a live string.
    let status = unsafe { proxy_remove_header_map_value(map.number(), name.as_ptr(), name.len()) };
    status == OK
}

/// Up to `most` bytes of a buffer from its start.
pub(super) fn buffer(buffer: Buffer, most: usize) -> Option<Vec<u8>> {
    let mut data = null_mut();
    let mut size = 0;
    // SAFETY: the host writes a pointer and a size.
    let status = unsafe { proxy_get_buffer_bytes(buffer.number(), 0, most, &raw mut data, &raw mut size) };
    taken(status, data, size)
}

/// The address of the peer.
pub(super) fn source_address() -> Option<std::net::IpAddr> {
    let text = String::from_utf8(property(b"source\0address")?).ok()?;
    let with_port = text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    with_port.or_else(|| text.parse().ok())
}

/// Whether the peer has shown a certificate that the gateway has verified. Envoy says it by a Boolean, which is one byte;
/// a gateway that does not know the property has verified nothing.
pub(super) fn peer_certificate_is_valid() -> bool {
    property(b"connection\0peer_certificate_valid").as_deref() == Some(&[1])
}

/// The SHA-256 digest of the peer's certificate, as the gateway writes it.
pub(super) fn peer_certificate_digest() -> Option<Vec<u8>> {
    property(b"connection\0sha256_peer_certificate_digest")
}

/// The value of a property, its path divided by NUL.
fn property(path: &[u8]) -> Option<Vec<u8>> {
    let mut data = null_mut();
    let mut size = 0;
    // SAFETY: the host reads a live buffer, and writes a pointer and a size.
    let status = unsafe { proxy_get_property(path.as_ptr(), path.len(), &raw mut data, &raw mut size) };
    taken(status, data, size)
}

/// Answers instead of the upstream. The SDK's own wrapper passes neither details nor a gRPC status.
pub(super) fn reply(reply: &Reply) -> bool {
    let headers: Vec<(&str, &str)> = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let Some(headers) = serialised(&headers) else { return false };
    let grpc_status = reply.grpc_status.and_then(|status| i32::try_from(status).ok()).unwrap_or(NO_GRPC_STATUS);
    // SAFETY: the host reads three live buffers.
    let status = unsafe {
        proxy_send_local_response(
            u32::from(reply.status),
            reply.details.as_ptr(),
            reply.details.len(),
            reply.body.as_ptr(),
            reply.body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status,
        )
    };
    status == OK
}

/// Answers for a request that the core cannot even be asked about.
pub(super) fn refuse_unconfigured() {
    let details = "cedar_gate{unavailable}".to_owned();
    let unavailable = Reply { status: 503, headers: Vec::new(), body: String::new(), grpc_status: None, details };
    reply(&unavailable);
}

/// Lets a request go on that was held back.
pub(super) fn resume_request() {
    // SAFETY: no memory is involved. If the host refuses, the request stays held back.
    let _ = unsafe { proxy_continue_stream(REQUEST_STREAM) };
}

/// Ends both directions of a request that went on.
pub(super) fn close_stream() {
    // SAFETY: no memory is involved. A host that cannot close leaves the stream to its own limits.
    let _ = unsafe { proxy_close_stream(REQUEST_STREAM) };
}

/// Makes another context the one that host calls are about; whether it still exists.
pub(super) fn set_effective_context(context: u32) -> bool {
    // SAFETY: no memory is involved.
    let status = unsafe { proxy_set_effective_context(context) };
    status == OK
}

/// Asks for a tick so often; whether the host agrees.
pub(super) fn set_tick_period(period: std::time::Duration) -> bool {
    let period = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: no memory is involved.
    let status = unsafe { proxy_set_tick_period_milliseconds(period) };
    status == OK
}

/// What came of writing a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Written {
    Done,
    Conflict,
    Failed,
}

/// A record of the shared data and its version; nothing where it is absent.
pub(super) fn shared_data(key: &str) -> Result<Option<(Vec<u8>, u32)>, ()> {
    let mut data = null_mut();
    let mut size = 0;
    let mut version = 0;
    // SAFETY: the host reads a live string, and writes a pointer, a size and a u32.
    let status =
        unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), &raw mut data, &raw mut size, &raw mut version) };
    match status {
        NOT_FOUND => Ok(None),
        _ => taken(status, data, size).map(|value| Some((value, version))).ok_or(()),
    }
}

/// Writes a record of the shared data, if it still has this version.
pub(super) fn set_shared_data(key: &str, value: &[u8], version: u32) -> Written {
    // SAFETY: the host reads two live buffers.
    let status = unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version) };
    match status {
        OK => Written::Done,
        // nginx says "not found" of a version given for an absent record.
        CAS_MISMATCH | NOT_FOUND => Written::Conflict,
        _ => Written::Failed,
    }
}

/// Defines a metric; nothing where the host has none.
pub(super) fn define_metric(kind: MetricKind, name: &str) -> Option<u32> {
    let mut id = 0;
    // SAFETY: the host reads a live string and writes one u32.
    let status = unsafe { proxy_define_metric(kind.number(), name.as_ptr(), name.len(), &raw mut id) };
    (status == OK).then_some(id)
}

pub(super) fn increment_metric(id: u32) {
    // SAFETY: no memory is involved. A lost count changes no decision.
    let _ = unsafe { proxy_increment_metric(id, 1) };
}

pub(super) fn record_metric(id: u32, value: u64) {
    // SAFETY: no memory is involved. A lost observation changes no decision.
    let _ = unsafe { proxy_record_metric(id, value) };
}

/// What the gateway can do besides the calls of the ABI.
pub(super) struct ForeignFunctions;

impl HostCall for ForeignFunctions {
    fn verify_signature(&self, argument: &[u8]) -> Option<Vec<u8>> {
        const NAME: &[u8] = b"verify_signature";
        let mut data = null_mut();
        let mut size = 0;
        // SAFETY: the host reads a constant and a live buffer, and writes a pointer and a size. Where it does not have the
        // function, or the function fails, it says so by its status, whichever it is, and writes nothing.
        let status = unsafe {
            proxy_call_foreign_function(
                NAME.as_ptr(),
                NAME.len(),
                argument.as_ptr(),
                argument.len(),
                &raw mut data,
                &raw mut size,
            )
        };
        taken(status, data, size)
    }
}

macro_rules! numbered {
    ($($name:ty),*) => {
        $(impl $name {
            #[expect(clippy::as_conversions, reason = "the discriminants are the numbers of the ABI")]
            const fn number(self) -> u32 {
                self as u32
            }
        })*
    };
}

numbered!(Level, Buffer, Map, MetricKind);
