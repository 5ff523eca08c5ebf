//! The services of a scenario as real servers on the loop-back.
//!
//! They speak HTTP/1.1 with one call for each connection, so that a service which is down is down for the next call.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::{Buf, BytesMut};
use cedar_gate_scenario::{Called, Headers, Served, Services};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use crate::envoy::Port;
use crate::gateway::now;
use crate::polling;

/// How long a server may take to begin or to cease to listen.
const BOUND: Duration = Duration::from_secs(5);

/// The largest head of a call.
const LARGEST_HEAD: usize = 1 << 16;

/// The servers of one gateway. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Servers {
    /// What they serve by.
    services: watch::Sender<Services>,
    servers: BTreeMap<String, Server>,
    /// Whether answers wait.
    held: watch::Sender<bool>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Server {
    port: Arc<Port>,
    /// Whether it shall listen.
    wanted: watch::Sender<bool>,
    /// Whether it does.
    listens: watch::Receiver<bool>,
}

impl Servers {
    /// Starts a server for each service, on a thread of their own.
    pub(crate) fn start(services: &Services) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let held = watch::Sender::new(false);
        let shown = watch::Sender::new(services.clone());
        let mut servers = BTreeMap::new();
        let mut running = Vec::new();
        for cluster in services.clusters() {
            let port = Arc::new(Port::reserve().context("there is no free port")?);
            let wanted = watch::Sender::new(!services.is_refused(&cluster));
            let (listening, listens) = watch::channel(false);
            running.push(Running {
                desk: Desk { cluster: cluster.clone(), services: shown.subscribe(), held: held.subscribe() },
                port: Arc::clone(&port),
                wanted: wanted.subscribe(),
                listening,
            });
            servers.insert(cluster, Server { port, wanted, listens });
        }
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("services".to_owned()).spawn(move || {
            runtime.block_on(async {
                for server in running {
                    tokio::spawn(server.run());
                }
                drop(stopped.await);
            });
        })?;
        let servers = Self { services: shown, servers, held, stop: Some(stop), thread: Some(thread) };
        servers.await_wanted()?;
        Ok(servers)
    }

    /// Where the hosts of each cluster are; nothing for one without hosts.
    pub(crate) fn addresses(&self) -> BTreeMap<&str, Option<SocketAddr>> {
        let address = |(name, server): (&'_ String, &Server)| {
            let has_hosts = !self.services.borrow().is_empty(name);
            has_hosts.then(|| SocketAddr::from(([127, 0, 0, 1], server.port.number())))
        };
        self.servers.iter().map(|entry| (entry.0.as_str(), address(entry))).collect()
    }

    /// Serves by these from now on; they are of the same clusters.
    pub(crate) fn adopt(&self, services: &Services) -> anyhow::Result<()> {
        self.services.send_replace(services.clone());
        self.follow()
    }

    /// Lets servers listen, or cease to.
    pub(crate) fn follow(&self) -> anyhow::Result<()> {
        for (name, server) in &self.servers {
            server.wanted.send_replace(!self.services.borrow().is_refused(name));
        }
        self.await_wanted()
    }

    /// Lets answers wait until [`Servers::release`].
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Lets answers go.
    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    fn await_wanted(&self) -> anyhow::Result<()> {
        polling::until("the services", BOUND, || {
            let settled = |server: &Server| *server.wanted.borrow() == *server.listens.borrow();
            Ok(self.servers.values().all(settled).then_some(()))
        })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the servers' thread has been printed already; a second one in `drop` would abort.
            drop(thread.join());
        }
    }
}

/// A server on its thread.
struct Running {
    desk: Desk,
    port: Arc<Port>,
    wanted: watch::Receiver<bool>,
    listening: watch::Sender<bool>,
}

impl Running {
    async fn run(mut self) {
        loop {
            if self.wanted.wait_for(|wanted| *wanted).await.is_err() {
                return;
            }
            // Whoever waits for the server gives up on it, and says so.
            let Ok(listener) = self.port.listen() else { return };
            self.listening.send_replace(true);
            tokio::select! {
                () = accept(&listener, &self.desk) => {}
                ceased = self.wanted.wait_for(|wanted| !*wanted) => if ceased.is_err() { return },
            }
            drop(listener);
            self.listening.send_replace(false);
        }
    }
}

async fn accept(listener: &TcpListener, desk: &Desk) {
    loop {
        // Accepting fails for a single connection (reset before it was accepted); the next one may be well.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let desk = desk.clone();
        // What breaks here is seen by the filter.
        tokio::spawn(async move { drop(desk.serve(stream).await) });
    }
}

/// Takes the calls of one service.
#[derive(Clone)]
struct Desk {
    cluster: String,
    services: watch::Receiver<Services>,
    held: watch::Receiver<bool>,
}

impl Desk {
    async fn serve(mut self, mut stream: TcpStream) -> anyhow::Result<()> {
        let called = read(&mut stream, &self.cluster).await?;
        let services = self.services.borrow().clone();
        let served = services.call(called, now());
        drop(self.held.wait_for(|held| !*held).await);
        match served {
            Served::Answered { after, status, headers, body } => {
                tokio::time::sleep(after).await;
                stream.write_all(&head(status, &headers, body.len())).await?;
                stream.write_all(&body).await?;
                stream.flush().await?;
                stream.shutdown().await?;
            }
            Served::Never => {
                // Until Envoy gives up.
                while stream.read(&mut [0; 1024]).await? > 0 {}
            }
            Served::Cut => {
                stream.write_all(&head(200, &Headers::new(), 1000)).await?;
                stream.write_all(b"{").await?;
                stream.flush().await?;
            }
            // Without lingering, closing is breaking off.
            Served::Empty | Served::Refused | Served::Reset | Served::Unknown => {
                stream.set_zero_linger()?;
            }
        }
        Ok(())
    }
}

fn head(status: u16, headers: &Headers, length: usize) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} OK\r\nconnection: close\r\ncontent-length: {length}\r\n").into_bytes();
    for (name, value) in headers {
        head.extend_from_slice(name);
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

async fn read(stream: &mut TcpStream, cluster: &str) -> anyhow::Result<Called> {
    let mut buffer = BytesMut::new();
    let mut called = loop {
        let mut space = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut space);
        if let httparse::Status::Complete(length) = request.parse(&buffer)? {
            let headers = request.headers.iter();
            let called = Called {
                cluster: cluster.to_owned(),
                method: request.method.unwrap_or_default().into(),
                path: request.path.unwrap_or_default().into(),
                headers: headers.map(|header| (header.name.to_ascii_lowercase().into(), header.value.into())).collect(),
                body: Vec::new(),
            };
            buffer.advance(length);
            break called;
        }
        if buffer.len() > LARGEST_HEAD || stream.read_buf(&mut buffer).await? == 0 {
            bail!("a call without a head");
        }
    };
    let length = called.headers.iter().find(|(name, _)| name == b"content-length");
    let length: usize = length.map_or(Ok(0), |(_, value)| str::from_utf8(value).unwrap_or_default().parse())?;
    while buffer.len() < length {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
    called.body = buffer.split_to(length).into();
    Ok(called)
}
