//! Files with a private key, as a JWK (RFC 7517).

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, bail};
use cedar_gate::jose::{Algorithm, KeyKind};
use cedar_gate_scenario::Forge;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};

/// What a file says that was made here.
const NOTE: &str =
    "For development only: whoever has this file can make tokens. No gateway in production may know the key.";

/// How long an RSA key is where nobody says it, in bits.
pub(crate) const RSA_BITS: u16 = 2048;

/// A private key, and what its file says of it.
pub(crate) struct KeyFile {
    jwk: Value,
    id: String,
    forge: Forge,
}

impl KeyFile {
    /// Makes a key from the random source of the system.
    pub(crate) fn make(algorithm: Algorithm, id: Option<&str>, rsa_bits: u16) -> anyhow::Result<Self> {
        let description = match algorithm.key_kind() {
            KeyKind::Ed25519 => json!({"kty": "OKP", "crv": "Ed25519"}),
            KeyKind::Octets => json!({"kty": "oct", "bytes": algorithm.shortest_secret()}),
            KeyKind::P256 => json!({"kty": "EC", "crv": "P-256"}),
            KeyKind::P384 => json!({"kty": "EC", "crv": "P-384"}),
            KeyKind::P521 => json!({"kty": "EC", "crv": "P-521"}),
            KeyKind::Rsa => json!({"kty": "RSA", "bits": rsa_bits}),
            KeyKind::Secp256k1 => json!({"kty": "EC", "crv": "secp256k1"}),
        };
        // The forge makes a key from its name, by a generator of random bytes with the name for its seed: so a name that
        // nobody can guess makes a key that nobody can.
        let name = random(32)?;
        let forge = Forge::new().with_key(&name, description)?;
        let mut jwk = forge.keys().private_jwk(&name)?;
        let id = match id {
            Some(id) => id.to_owned(),
            None => format!("development-{:.8}", forge.keys().thumbprint(&name)?),
        };
        jwk["kid"] = json!(id);
        jwk["alg"] = json!(algorithm.name());
        jwk["use"] = json!("sig");
        jwk["note"] = json!(NOTE);
        Self::of(jwk)
    }

    /// Reads a file with a private JWK, made here or elsewhere.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let place = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(place)?;
        let jwk: Value = serde_json::from_str(&text).context("is not JSON").with_context(place)?;
        if jwk.get("kty").is_none() {
            bail!("{}: is no JWK: it has no `kty`", place());
        }
        Self::of(jwk).context("is no private JWK").with_context(place)
    }

    fn of(jwk: Value) -> anyhow::Result<Self> {
        // A public one would pass for the description of a key that is to be made.
        if jwk.get("d").or(jwk.get("k")).is_none() {
            bail!("it has neither `d` nor `k`");
        }
        let given = Forge::new().with_key("key", jwk.clone())?;
        let id = match jwk.get("kid").and_then(Value::as_str) {
            Some(id) => id.to_owned(),
            None => given.keys().thumbprint("key")?,
        };
        let forge = Forge::new().with_key(&id, jwk.clone())?;
        Ok(Self { jwk, id, forge })
    }

    /// Writes the file, for its owner only.
    ///
    /// # Errors
    ///
    /// A file is there already: a key that is overwritten is lost.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(mut file) => writeln!(file, "{:#}", self.jwk).with_context(|| path.display().to_string()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!("{}: is there already; a key is never overwritten, so choose another name", path.display())
            }
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// The public JWK, as a gateway is configured with. Of a shared secret it is the secret.
    pub(crate) fn public(&self) -> anyhow::Result<Value> {
        let mut public = self.forge.keys().public_jwk(&self.id)?;
        for member in ["alg", "use"] {
            if let Some(value) = self.jwk.get(member) {
                public[member] = value.clone();
            }
        }
        Ok(public)
    }

    /// Whether there is no public half, and who verifies could sign as well.
    pub(crate) fn is_secret(&self) -> bool {
        self.jwk["kty"] == "oct"
    }

    /// The key's `kid`; where its file says none, its thumbprint (RFC 7638).
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What the file says of the algorithm.
    pub(crate) fn algorithm(&self) -> Option<&str> {
        self.jwk.get("alg")?.as_str()
    }

    /// The forge that has this key, under its id.
    pub(crate) fn forge(&self) -> Forge {
        self.forge.clone()
    }
}

/// So many random bytes from the system, in hexadecimal.
pub(crate) fn random(bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).context("the system has no random bytes")?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads the name of an algorithm, and lists those that there are.
pub(crate) fn algorithm() -> impl TypedValueParser<Value = Algorithm> {
    let names = PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name));
    names.try_map(|name| Algorithm::of_name(&name).ok_or("is no algorithm"))
}
