//! The authorization server.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use crate::script::Script;

/// A running `oidc-provider`.
pub(crate) struct AuthorizationServer {
    /// Nothing while it is down.
    script: Option<Script>,
    options: Value,
    /// Where it listens.
    pub(crate) port: u16,
    /// Where it listens with TLS, if it does.
    pub(crate) secure: Option<u16>,
}

/// Access tokens for this resource are JWTs.
pub(crate) const API: &str = "https://api.example.com";
/// Access tokens for this one say nothing.
pub(crate) const VAULT: &str = "https://vault.example.com";

/// A client that gets tokens for itself, and how it is registered besides.
pub(crate) fn client(id: &str, more: Value) -> Value {
    let mut client = json!({
        "client_id": id,
        "client_secret": secret(id),
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "response_types": [],
    });
    json_merge(&mut client, more);
    client
}

/// The secret of a client.
pub(crate) fn secret(id: &str) -> String {
    format!("the secret of {id}, which is long enough")
}

impl AuthorizationServer {
    /// Starts one with these clients.
    pub(crate) fn start(clients: &[Value]) -> Self {
        Self::start_with(clients, None)
    }

    /// Starts one that also listens with TLS, given a certificate and its key in PEM.
    pub(crate) fn start_with(clients: &[Value], tls: Option<(&str, &str)>) -> Self {
        let options = json!({
            "port": 0,
            "clients": clients,
            "resources": { API: "jwt", VAULT: "opaque" },
            "tls": tls.map(|(certificate, key)| json!({ "cert": certificate, "key": key })),
        });
        let mut server = Self { script: None, options, port: 0, secure: None };
        server.restart();
        server
    }

    /// Kills it, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.script = None;
    }

    /// Starts it again, where and with the keys that it was.
    pub(crate) fn restart(&mut self) {
        let mut script = Script::start("server.mjs", &self.options);
        let started = script.tell("start", json!({}));
        let port = |name: &str| started[name].as_u64().and_then(|port| u16::try_from(port).ok());
        self.port = port("port").expect("a port");
        self.secure = port("secure");
        self.options["port"] = json!(self.port);
        self.options["keys"] = started["keys"].clone();
        self.script = Some(script);
    }

    /// Signs with a new key from now on, and publishes the old ones as well. Gives its `kid`.
    pub(crate) fn rotate(&mut self) -> String {
        self.tell("rotate").as_str().expect("a kid").to_owned()
    }

    /// Publishes its newest key only.
    pub(crate) fn forget(&mut self) {
        self.tell("forget");
    }

    /// How often a path was asked for.
    pub(crate) fn requests(&mut self, path: &str) -> u64 {
        self.tell("requests")[path].as_u64().unwrap_or_default()
    }

    /// Its identifier.
    pub(crate) fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    fn tell(&mut self, command: &str) -> Value {
        self.script.as_mut().expect("it runs").tell(command, json!({}))
    }
}

fn json_merge(to: &mut Value, from: Value) {
    let Value::Object(members) = from else { return };
    for (name, value) in members {
        if value.is_null() {
            drop(to.as_object_mut().and_then(|object| object.remove(&name)));
        } else {
            to[name] = value;
        }
    }
}
