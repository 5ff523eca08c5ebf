//! The upstream: takes every request, keeps a record of it, and answers 200.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use cedar_gate_scenario::{Headers, Received};
use futures_util::StreamExt;
use http::{HeaderMap, Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The header under whose value a request is recorded.
pub(crate) const RECORD_ID: &str = "x-scenario-request";

/// The header that says for how many seconds an answer is kept open after its head.
pub(crate) const OPEN_FOR: &str = "x-scenario-open-for";

/// An HTTP server on a free port of 127.0.0.1 for HTTP/1.1 and, without TLS, HTTP/2.
///
/// It records each request under the value of the header `x-scenario-request` and answers 200 with a small JSON body, or
/// with `grpc-status: 0` in the trailers where the content type is `application/grpc`. An upgrade to WebSocket is agreed to,
/// and what comes then is sent back. With the header `x-scenario-open-for` the answer ends only after so many seconds. A record is made when the headers
/// are there and filled while the body comes, so that a request which is cut off shows as well. The server ends when this
/// is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    records: Records,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Starts the server on its own thread.
    ///
    /// # Errors
    ///
    /// When no socket or no runtime can be had.
    pub fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let records = Records::default();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("upstream".to_owned()).spawn({
            let records = records.clone();
            move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(&listener, &records) => {}
                        _ = stopped => {}
                    }
                });
            }
        })?;
        Ok(Self { address, records, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands over, in order, what came with `id` in the header `x-scenario-request`, and forgets it.
    pub fn take(&self, id: &str) -> Vec<Received> {
        self.records.take(Some(id.as_bytes()))
    }

    /// Hands over, in order, what came without the header `x-scenario-request`, and forgets it.
    pub fn take_unnamed(&self) -> Vec<Received> {
        self.records.take(None)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server's thread has been printed already; a second one in `drop` would abort.
            drop(thread.join());
        }
    }
}

async fn accept(listener: &TcpListener, records: &Records) {
    loop {
        // Accepting fails for a single connection (reset before it was accepted); the next one may be well.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let records = records.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, records.clone()));
            let mut server = auto::Builder::new(TokioExecutor::new());
            server.http1().max_headers(1000);
            server.http2().max_header_list_size(1 << 20);
            // A connection that breaks leaves its mark in the records; the client sees it through Envoy.
            drop(server.serve_connection_with_upgrades(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    records: Records,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, hyper::Error> {
    let open_for = request.headers().get(OPEN_FOR).and_then(|value| value.to_str().ok()?.parse().ok());
    let open_for = open_for.map(Duration::from_secs);
    if request.headers().get(header::UPGRADE).is_some_and(|value| value == "websocket") {
        let (head, body) = request.into_parts();
        records.add(&head);
        return Ok(switched(Request::from_parts(head, body), open_for.unwrap_or_default()));
    }
    let (head, mut body) = request.into_parts();
    let is_grpc = head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind == b"application/grpc" || kind.starts_with(b"application/grpc+")
    });
    let record = records.add(&head);
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => records.change(record, |received| received.body.extend_from_slice(&data)),
            Err(frame) => {
                let trailers = frame.into_trailers().map(|trailers| headers(&trailers)).unwrap_or_default();
                records.change(record, |received| received.trailers.extend(trailers));
            }
        }
    }
    let reply = if is_grpc { grpc_reply() } else { json_reply() };
    Ok(match open_for {
        Some(open_for) => reply.map(|body| kept_open(body, open_for)),
        None => reply,
    })
}

/// The same body, whose end comes later.
fn kept_open(body: UnsyncBoxBody<Bytes, Infallible>, open_for: Duration) -> UnsyncBoxBody<Bytes, Infallible> {
    let end = futures_util::stream::once(async move {
        tokio::time::sleep(open_for).await;
        body
    });
    let frames = end.flat_map(BodyStream::new);
    // The head must not wait for what comes then.
    let start = futures_util::stream::once(async { Ok(Frame::data(Bytes::from_static(b" "))) });
    StreamBody::new(start.chain(frames)).boxed_unsync()
}

/// Agrees to speak another protocol: an echo, for so long.
fn switched(request: Request<Incoming>, open_for: Duration) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let (mut reading, mut writing) = tokio::io::split(TokioIo::new(upgraded));
        // Whoever goes first, the gateway or the time, what is left is closed.
        drop(tokio::time::timeout(open_for, tokio::io::copy(&mut reading, &mut writing)).await);
    });
    let mut reply = Response::new(Full::default().boxed_unsync());
    *reply.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in [(header::CONNECTION, "upgrade"), (header::UPGRADE, "websocket")] {
        reply.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    reply
}

fn json_reply() -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let mut reply = Response::new(Full::from(r#"{"upstream":"reached"}"#).boxed_unsync());
    reply.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    reply
}

fn grpc_reply() -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    // One gRPC message of no bytes: not compressed, length 0.
    let message = Full::new(Bytes::from_static(&[0; 5]));
    let trailers =
        HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), http::HeaderValue::from_static("0"))]);
    let mut reply = Response::new(message.with_trailers(async { Some(Ok(trailers)) }).boxed_unsync());
    reply.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/grpc"));
    reply
}

fn headers(map: &HeaderMap) -> Headers {
    map.iter().map(|(name, value)| (name.as_str().into(), value.as_bytes().into())).collect()
}

#[derive(Clone, Debug, Default)]
struct Records(Arc<Mutex<RecordsInside>>);

#[derive(Debug, Default)]
struct RecordsInside {
    next: u64,
    entries: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    number: u64,
    id: Option<Vec<u8>>,
    received: Received,
}

impl Records {
    fn add(&self, head: &http::request::Parts) -> u64 {
        let mut inside = self.lock();
        let number = inside.next;
        inside.next += 1;
        inside.entries.push(Record {
            number,
            id: head.headers.get(RECORD_ID).map(|id| id.as_bytes().to_vec()),
            received: Received {
                method: head.method.as_str().into(),
                path: head.uri.path_and_query().map_or_else(Vec::new, |path| path.as_str().into()),
                headers: headers(&head.headers),
                ..Received::default()
            },
        });
        number
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut Received)) {
        if let Some(record) = self.lock().entries.iter_mut().find(|record| record.number == number) {
            change(&mut record.received);
        }
    }

    fn take(&self, id: Option<&[u8]>) -> Vec<Received> {
        let mut inside = self.lock();
        inside.entries.extract_if(.., |record| record.id.as_deref() == id).map(|record| record.received).collect()
    }

    fn lock(&self) -> MutexGuard<'_, RecordsInside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
