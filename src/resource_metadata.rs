//! What the filter itself says about the resource that it protects (RFC 9728): whom to ask for tokens, with which scopes,
//! and how to present them. The document follows from the configuration; no request and no service has a part in it.

use serde_json::{Map, Value, json};

use crate::http::CanonicalPath;
use crate::refusal::Reply;

/// Where metadata stands, before the path of the resource (RFC 9728 §3.1).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// How long an answer may be kept, in seconds.
const MAX_AGE: u32 = 3600;

/// The metadata of the resource, ready to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceMetadata {
    path: CanonicalPath,
    url: String,
    document: String,
}

/// The identifier of a resource, taken apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResourceIdentifier<'a> {
    /// The whole.
    pub text: &'a str,
    /// Scheme and host, with the port where there is one.
    pub origin: &'a str,
    /// What comes after that; empty, or begins with a slash.
    pub path: &'a str,
}

/// How tokens may be presented, as the other sections have it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Presentation {
    /// `bearer_methods_supported`.
    pub bearer_methods: Vec<&'static str>,
    /// Algorithms of DPoP proofs; none where such proofs are not taken.
    pub dpop_algorithms: Vec<&'static str>,
    /// Whether every token needs such a proof.
    pub dpop_required: bool,
    /// Whether tokens that are bound to a client certificate are taken.
    pub mtls: bool,
}

impl ResourceMetadata {
    /// Makes the document; `said` is what the operator says of the resource, and wins over what follows from elsewhere.
    ///
    /// Returns nothing where no request could name the document: its path has no canonical form.
    #[must_use]
    pub fn new(
        identifier: ResourceIdentifier<'_>,
        presentation: &Presentation,
        said: Map<String, Value>,
    ) -> Option<Self> {
        // "Any terminating slash following the host component" goes; one behind a path stays.
        let below = if identifier.path == "/" { "" } else { identifier.path };
        let (path, _) = CanonicalPath::parse(format!("{WELL_KNOWN}{below}").as_bytes()).ok()?;
        let mut document = Map::new();
        document.insert("bearer_methods_supported".to_owned(), json!(presentation.bearer_methods));
        if !presentation.dpop_algorithms.is_empty() {
            document.insert("dpop_signing_alg_values_supported".to_owned(), json!(presentation.dpop_algorithms));
        }
        let switches = [
            ("dpop_bound_access_tokens_required", presentation.dpop_required),
            ("tls_client_certificate_bound_access_tokens", presentation.mtls),
        ];
        let on = switches.into_iter().filter(|(_, on)| *on);
        document.extend(on.map(|(name, _)| (name.to_owned(), Value::Bool(true))));
        document.extend(said);
        document.insert("resource".to_owned(), json!(identifier.text));
        let url = format!("{}{WELL_KNOWN}{below}", identifier.origin);
        Some(Self { path, url, document: Value::Object(document).to_string() })
    }

    /// Where it stands, for challenges.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The path at which it is served.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// Whether a request asks for it.
    #[must_use]
    pub fn is_asked_for(&self, method: &str, path: &CanonicalPath) -> bool {
        self.serves(method) && self.path == *path
    }

    /// Whether requests of this method ask for it; others go by the routes.
    #[must_use]
    pub fn serves(&self, method: &str) -> bool {
        ["GET", "HEAD"].contains(&method)
    }

    /// The answer: for everybody, from wherever a page was loaded, as nothing in it is secret.
    #[must_use]
    pub fn reply(&self) -> Reply {
        Reply {
            status: 200,
            headers: vec![
                ("access-control-allow-origin", "*".to_owned()),
                ("cache-control", format!("public, max-age={MAX_AGE}")),
                ("content-type", "application/json".to_owned()),
            ],
            body: self.document.clone(),
            grpc_status: None,
            details: "cedar_gate{resource_metadata}".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(origin: &str, path: &str) -> ResourceMetadata {
        let text = format!("{origin}{path}");
        let identifier = ResourceIdentifier { text: &text, origin, path };
        let presentation = Presentation { bearer_methods: vec!["header"], ..Presentation::default() };
        ResourceMetadata::new(identifier, &presentation, Map::new()).unwrap()
    }

    #[test]
    fn the_well_known_path_comes_before_that_of_the_resource() {
        let base = "https://api.example.com/.well-known/oauth-protected-resource";
        for (path, below) in [("", ""), ("/", ""), ("/payments", "/payments"), ("/a/b/", "/a/b/"), ("/a%20b", "/a%20b")]
        {
            assert_eq!(metadata("https://api.example.com", path).url(), format!("{base}{below}"));
        }
        assert_eq!(metadata("https://a", "/a%20b").path(), "/.well-known/oauth-protected-resource/a b");
    }

    #[test]
    fn the_document_says_how_tokens_are_presented() {
        let document: Value = serde_json::from_str(&metadata("https://a", "").reply().body).unwrap();
        assert_eq!(document, json!({"resource": "https://a", "bearer_methods_supported": ["header"]}));
        let presentation = Presentation {
            bearer_methods: Vec::new(),
            dpop_algorithms: vec!["ES256", "EdDSA"],
            dpop_required: true,
            mtls: true,
        };
        let identifier = ResourceIdentifier { text: "https://a", origin: "https://a", path: "" };
        let said = Map::from_iter([("resource_name".to_owned(), json!("Payments"))]);
        let document = ResourceMetadata::new(identifier, &presentation, said).unwrap().reply().body;
        assert_eq!(
            serde_json::from_str::<Value>(&document).unwrap(),
            json!({
                "resource": "https://a",
                "bearer_methods_supported": [],
                "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
                "dpop_bound_access_tokens_required": true,
                "tls_client_certificate_bound_access_tokens": true,
                "resource_name": "Payments",
            })
        );
    }

    #[test]
    fn it_is_read_and_not_written() {
        let metadata = metadata("https://a", "/b");
        let asked =
            |method: &str, path: &str| metadata.is_asked_for(method, &CanonicalPath::parse(path.as_bytes()).unwrap().0);
        assert!(asked("GET", "/.well-known/oauth-protected-resource/b"));
        assert!(asked("HEAD", "/.well-known/oauth-protected-resource/b"));
        assert!(!asked("POST", "/.well-known/oauth-protected-resource/b"));
        assert!(!asked("GET", "/.well-known/oauth-protected-resource"));
        assert!(!asked("GET", "/.well-known/oauth-protected-resource/b/"));
    }

    #[test]
    fn a_resource_whose_metadata_cannot_be_asked_for_is_none() {
        for path in ["/a//b", "/../a", "/a;b", "/%41"] {
            let identifier = ResourceIdentifier { text: path, origin: "https://a", path };
            assert_eq!(ResourceMetadata::new(identifier, &Presentation::default(), Map::new()), None, "{path}");
        }
    }
}
