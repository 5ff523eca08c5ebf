//! Ports that nobody else has.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1 that nobody else gets as long as this lives, while an Envoy may listen on it: this socket is bound
/// and never listens, and Envoy joins it by `SO_REUSEPORT`.
pub(crate) struct Port {
    number: u16,
    _reservation: Socket,
}

impl Port {
    pub(crate) fn reserve() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("there are sockets");
        socket.set_reuse_address(true).expect("an option can be set");
        socket.set_reuse_port(true).expect("an option can be set");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("there is a free port");
        let address = socket.local_addr().expect("it is bound").as_socket().expect("it is of the internet");
        Self { number: address.port(), _reservation: socket }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}
