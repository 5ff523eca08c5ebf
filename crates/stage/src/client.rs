//! The client: sends one request on a connection of its own, byte for byte, and reads the answer.

mod http1;
mod http2;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use cedar_gate_scenario::{Headers, Protocol, Request, Tls};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How long a request may take, from connecting to the end of the answer.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// An answer as the client received it.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Headers,
    /// The whole body, without the framing of chunks.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Headers,
    /// How long it took from the head to the end, or to where it broke off; an answer that is kept open may.
    pub lasted: Duration,
    /// Whether it came to an end of its own.
    pub complete: bool,
}

impl Answer {
    /// `grpc-status`, from the trailers or else from the headers, where an answer without a body has it.
    pub fn grpc_status(&self) -> Option<u32> {
        let (_, value) = self.trailers.iter().chain(&self.headers).find(|(name, _)| name == b"grpc-status")?;
        str::from_utf8(value).ok()?.parse().ok()
    }
}

/// What came of sending a request.
#[derive(Debug)]
pub struct Exchange {
    /// The client's end of the connection, by which a gateway's log names the request.
    pub client: SocketAddr,
    /// The answer, or why there is none: the connection broke, or [`DEADLINE`] passed.
    pub answer: anyhow::Result<Answer>,
}

/// Sends each request on a thread of its own, and gives what came of each.
pub(crate) fn together<T: Send>(
    requests: &[Request],
    send: impl Fn(&Request) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    if let [request] = requests {
        return Ok(vec![send(request)?]);
    }
    thread::scope(|scope| {
        let sending: Vec<_> = requests.iter().map(|request| scope.spawn(|| send(request))).collect();
        let ended = |running: thread::ScopedJoinHandle<'_, anyhow::Result<T>>| {
            running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        sending.into_iter().map(ended).collect()
    })
}

/// Sends `request` to `port` of 127.0.0.1 in plain text and waits for the end of the answer.
///
/// # Errors
///
/// When there is no connection at all. What goes wrong later stands in [`Exchange::answer`].
pub fn send(port: u16, request: &Request) -> anyhow::Result<Exchange> {
    send_over(port, None, request)
}

/// The same over TLS, where there is any: with the certificate that the request has.
///
/// # Errors
///
/// As with [`send`].
pub fn send_over(port: u16, tls: Option<&Tls>, request: &Request) -> anyhow::Result<Exchange> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("no connection to 127.0.0.1:{port}"))?;
        // Parts of a body should travel as parts.
        stream.set_nodelay(true)?;
        let client = stream.local_addr()?;
        let exchange = async {
            match tls {
                Some(tls) => exchange(tls::connect(stream, tls, request).await?, request).await,
                None => exchange(stream, request).await,
            }
        };
        let answer = match tokio::time::timeout(DEADLINE, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(anyhow!("no complete answer within {} s", DEADLINE.as_secs())),
        };
        Ok(Exchange { client, answer })
    })
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: &Request,
) -> anyhow::Result<Answer> {
    match request.protocol {
        Protocol::Http1 => http1::exchange(stream, request).await,
        Protocol::Http2 => http2::exchange(stream, request).await,
    }
}
