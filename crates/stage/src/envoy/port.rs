//! A port for a listener.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

/// A port of 127.0.0.1 that nobody else gets as long as this lives, while Envoy may listen on it.
///
/// Listeners with port 0 would be no listeners of their own: Envoy gives a new one the socket of one that is draining
/// and had port 0 too, so that both end up on one port. This socket is bound and never listens, and Envoy joins it by
/// `SO_REUSEPORT`, which it uses by default.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _reservation: Socket,
}

impl Port {
    pub(crate) fn reserve() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { number: address.port(), _reservation: socket })
    }

    /// Listens, within a runtime; until then, connections are refused.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, self.number)).into())?;
        socket.listen(128)?;
        TcpListener::from_std(socket.into())
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}
