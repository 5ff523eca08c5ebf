//! A client of the authorization server and of the gateway.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::script::Script;
use crate::server::{AuthorizationServer, secret};

/// A client that is written by others.
pub(crate) struct Client(Script);

/// What the gateway says to a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    pub(crate) status: u16,
    /// `www-authenticate`.
    pub(crate) challenge: Option<String>,
    /// `retry-after`.
    pub(crate) retry_after: Option<String>,
    /// How often the request was sent: twice, where a nonce was asked for.
    pub(crate) attempts: u32,
}

/// What came of a load: by `kid` and by status, how many requests.
pub(crate) type Counts = BTreeMap<String, BTreeMap<String, u64>>;

impl Client {
    /// Starts one.
    pub(crate) fn start() -> Self {
        Self(Script::start("client.mjs", &Value::Null))
    }

    /// Gets a token for itself, given its name and the resource; `more` is laid over what is asked for.
    pub(crate) fn token(&mut self, server: &AuthorizationServer, id: &str, resource: &str, more: &Value) -> String {
        let result = self.0.tell("token", over(grant(server, id, resource), more));
        result["token"].as_str().expect("a token").to_owned()
    }

    /// Shows a token at a URL.
    pub(crate) fn ask(&mut self, url: &str, token: &str, more: &Value) -> Shown {
        let result = self.0.tell("ask", over(json!({ "url": url, "token": token }), more));
        serde_json::from_value(result).expect("what was shown")
    }

    /// Revokes a token.
    pub(crate) fn revoke(&mut self, server: &AuthorizationServer, id: &str, token: &str) {
        let parameters = json!({ "issuer": server.issuer(), "id": id, "secret": secret(id), "token": token });
        self.0.tell("revoke", parameters);
    }

    /// Keeps on getting tokens and showing them, each so many times.
    pub(crate) fn load(&mut self, name: &str, server: &AuthorizationServer, url: &str) {
        let grant = grant(server, "batch", crate::server::API);
        self.0.tell("load", json!({ "name": name, "lanes": 4, "times": 5, "grant": grant, "url": url }));
    }

    /// What has come of a load so far.
    pub(crate) fn loaded(&mut self, name: &str) -> Counts {
        serde_json::from_value(self.0.tell("loaded", json!({ "name": name }))).expect("counts")
    }

    /// Ends a load.
    pub(crate) fn unload(&mut self, name: &str) -> Counts {
        serde_json::from_value(self.0.tell("unload", json!({ "name": name }))).expect("counts")
    }
}

fn grant(server: &AuthorizationServer, id: &str, resource: &str) -> Value {
    json!({
        "issuer": server.issuer(),
        "id": id,
        "secret": secret(id),
        "resource": resource,
        "scope": "documents:read",
    })
}

fn over(mut value: Value, more: &Value) -> Value {
    for (name, value_of) in more.as_object().into_iter().flatten() {
        value[name] = value_of.clone();
    }
    value
}
