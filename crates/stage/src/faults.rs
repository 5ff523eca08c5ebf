//! A server that gives good answers badly.
//!
//! What it says is right each time, and whoever believed it would be led astray: the status, the type, the length or the
//! time is wrong, or the connection breaks. So a test shows that the fault is seen, and not that there was nothing to see.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fault {
    /// It comes byte by byte, and would take minutes.
    Drip,
    /// It is well, and has nothing in it: [`Content::empty`].
    Empty,
    /// It ends in the middle of its body.
    Half,
    /// It has 10 MB of white space behind it.
    Huge,
    /// It is a redirect to another place, where the good answer is.
    Redirect,
    /// The connection is reset when the request has been read.
    Reset,
    /// It never comes.
    Silent,
    /// It has the status 503.
    Unavailable,
    /// It is called HTML.
    WrongType,
}

/// A good answer.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Its media type.
    pub media_type: String,
    /// The answer.
    pub body: Vec<u8>,
    /// The same with nothing in it.
    pub empty: Vec<u8>,
}

/// An HTTP/1.1 server on a free port of 127.0.0.1. It ends when this is dropped.
#[derive(Debug)]
pub struct FaultServer {
    address: SocketAddr,
    requests: Requests,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How often each path was asked for.
type Requests = Arc<Mutex<BTreeMap<String, usize>>>;

/// What is at a path; nothing is a 404.
type Answers = dyn Fn(&str) -> Option<Content> + Send + Sync;

/// Where [`Fault::Redirect`] leads to: this in the place of its own name.
const ELSEWHERE: &str = "elsewhere";

/// Between two bytes of [`Fault::Drip`].
const DRIP: Duration = Duration::from_millis(100);

const HUGE: usize = 10_000_000;

/// The longest request that is read, in bytes.
const LONGEST_REQUEST: usize = 65_536;

impl Fault {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Drip,
        Self::Empty,
        Self::Half,
        Self::Huge,
        Self::Redirect,
        Self::Reset,
        Self::Silent,
        Self::Unavailable,
        Self::WrongType,
    ];

    /// Its name, which is the segment of a path that asks for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drip => "drip",
            Self::Empty => "empty",
            Self::Half => "half",
            Self::Huge => "huge",
            Self::Redirect => "redirect",
            Self::Reset => "reset",
            Self::Silent => "silent",
            Self::Unavailable => "unavailable",
            Self::WrongType => "wrong-type",
        }
    }

    /// The fault that a path asks for.
    fn in_path(path: &str) -> Option<Self> {
        path.split('/').find_map(|segment| Self::ALL.into_iter().find(|fault| fault.name() == segment))
    }
}

impl FaultServer {
    /// Starts the server on its own thread. `answers` says what is at a path, query included; a segment of the path that
    /// is the name of a [`Fault`] spoils it.
    ///
    /// # Errors
    ///
    /// When no socket or no runtime can be had.
    pub fn start(answers: impl Fn(&str) -> Option<Content> + Send + Sync + 'static) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let requests = Requests::default();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("faults".to_owned()).spawn({
            let (requests, answers) = (Arc::clone(&requests), Arc::new(answers));
            move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(&listener, &requests, answers) => {}
                        _ = stopped => {}
                    }
                });
            }
        })?;
        Ok(Self { address, requests, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often a path was asked for, query included.
    pub fn requests(&self, path: &str) -> usize {
        counts(&self.requests).get(path).copied().unwrap_or_default()
    }

    /// The path that [`Fault::Redirect`] leads to from this one.
    pub fn elsewhere(path: &str) -> String {
        path.replace(Fault::Redirect.name(), ELSEWHERE)
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server's thread has been printed already; a second one in `drop` would abort.
            drop(thread.join());
        }
    }
}

async fn accept(listener: &TcpListener, requests: &Requests, answers: Arc<Answers>) {
    loop {
        // Accepting fails for a single connection; the next one may be well.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (requests, answers) = (Arc::clone(requests), Arc::clone(&answers));
        tokio::spawn(async move {
            // Connections are meant to break here.
            drop(serve(stream, &requests, &*answers).await);
        });
    }
}

/// One request, one answer, and the end of the connection.
async fn serve(mut stream: TcpStream, requests: &Requests, answers: &Answers) -> io::Result<()> {
    let path = read_request(&mut stream).await?;
    *counts(requests).entry(path.clone()).or_default() += 1;
    let Some(content) = answers(&path) else {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    };
    let Content { media_type, body, empty } = content;
    let head = |status: &str, media_type: &str, length: usize, more: &str| {
        let lines = [
            format!("HTTP/1.1 {status}"),
            format!("content-type: {media_type}"),
            format!("content-length: {length}"),
            format!("connection: close\r\n{more}\r\n"),
        ];
        lines.join("\r\n").into_bytes()
    };
    let whole = |status: &str, media_type: &str, body: &[u8], more: &str| {
        [head(status, media_type, body.len(), more), body.to_vec()].concat()
    };
    let good = whole("200 OK", &media_type, &body, "");
    match Fault::in_path(&path) {
        None => stream.write_all(&good).await?,
        Some(Fault::Drip) => {
            let mut pace = tokio::time::interval(DRIP);
            for byte in good {
                pace.tick().await;
                stream.write_all(&[byte]).await?;
            }
        }
        Some(Fault::Empty) => stream.write_all(&whole("200 OK", &media_type, &empty, "")).await?,
        Some(Fault::Half) => stream.write_all(&good[..good.len() - body.len() / 2]).await?,
        Some(Fault::Huge) => {
            stream.write_all(&head("200 OK", &media_type, body.len() + HUGE, "")).await?;
            stream.write_all(&[body, vec![b' '; HUGE]].concat()).await?;
        }
        Some(Fault::Redirect) => {
            let location = format!("location: {}\r\n", FaultServer::elsewhere(&path));
            stream.write_all(&whole("302 Found", &media_type, &body, &location)).await?;
        }
        Some(Fault::Reset) => {
            // Without lingering, closing is a reset.
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            return Ok(());
        }
        Some(Fault::Silent) => {
            // Until the other end has had enough.
            while stream.read(&mut [0; 1024]).await? > 0 {}
        }
        Some(Fault::Unavailable) => {
            stream.write_all(&whole("503 Service Unavailable", &media_type, &body, "")).await?;
        }
        Some(Fault::WrongType) => stream.write_all(&whole("200 OK", "text/html", &body, "")).await?,
    }
    stream.shutdown().await
}

/// Reads a whole request, and gives its target: whoever closes with something unread resets the connection.
async fn read_request(stream: &mut TcpStream) -> io::Result<String> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let mut bytes = Vec::new();
    loop {
        let mut space = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut space);
        if let httparse::Status::Complete(head) = request.parse(&bytes).map_err(|_| malformed())? {
            let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
            let length = length.and_then(|header| str::from_utf8(header.value).ok()?.parse::<usize>().ok());
            if bytes.len() >= head + length.unwrap_or(0) {
                return Ok(request.path.unwrap_or_default().to_owned());
            }
        }
        if bytes.len() > LONGEST_REQUEST || stream.read_buf(&mut bytes).await? == 0 {
            return Err(malformed());
        }
    }
}

fn counts(requests: &Requests) -> MutexGuard<'_, BTreeMap<String, usize>> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    fn server() -> FaultServer {
        let content = || Content { media_type: "application/json".into(), body: b"[1, 2]".into(), empty: b"[]".into() };
        FaultServer::start(move |path| path.ends_with("/list").then(content)).unwrap()
    }

    fn asked(server: &FaultServer, path: &str) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(server.address())?;
        stream.set_read_timeout(Some(Duration::from_millis(300)))?;
        let request = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nab");
        stream.write_all(request.as_bytes())?;
        Ok(stream)
    }

    fn ask(server: &FaultServer, path: &str) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        asked(server, path)?.read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn text(server: &FaultServer, path: &str) -> String {
        String::from_utf8(ask(server, path).unwrap()).unwrap()
    }

    #[test]
    fn without_a_fault_the_answer_is_good() {
        let server = server();
        let answer = text(&server, "/well/list");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n"));
        assert!(answer.ends_with("\r\n\r\n[1, 2]"), "{answer}");
        assert!(text(&server, "/well/other").starts_with("HTTP/1.1 404 "));
        assert_eq!((server.requests("/well/list"), server.requests("/list")), (1, 0));
    }

    #[test]
    fn each_fault_has_a_good_answer_in_it() {
        let server = server();
        assert!(text(&server, "/empty/list").ends_with("\r\n\r\n[]"));
        assert!(text(&server, "/half/list").ends_with("\r\n\r\n[1,"));
        assert!(text(&server, "/unavailable/list").starts_with("HTTP/1.1 503 "));
        assert!(text(&server, "/unavailable/list").ends_with("\r\n\r\n[1, 2]"));
        assert!(text(&server, "/wrong-type/list").contains("content-type: text/html\r\n"));
        assert!(text(&server, "/redirect/list").contains("\r\nlocation: /elsewhere/list\r\n\r\n[1, 2]"));
        assert!(text(&server, "/elsewhere/list").ends_with("\r\n\r\n[1, 2]"));
        assert!(ask(&server, "/huge/list").unwrap().len() > HUGE);
    }

    #[test]
    fn a_connection_breaks_or_waits() {
        let server = server();
        assert_eq!(ask(&server, "/reset/list").unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(ask(&server, "/silent/list").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut drip = asked(&server, "/drip/list").unwrap();
        for byte in b"HTT" {
            let mut space = [0; 100];
            assert_eq!((drip.read(&mut space).unwrap(), space[0]), (1, *byte), "byte by byte");
        }
    }
}
