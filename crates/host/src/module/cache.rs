//! Compiled artefacts beside the `.wasm` they were made from.
//!
//! A cache that fails costs a compilation and nothing else: no error leaves this file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, Module};

const EXTENSION: &str = "cwasm";

/// The digest of the artefact stands at its end.
const DIGEST: usize = 32;

pub(crate) fn path(engine: &Engine, wasm_path: &Path, wasm: &[u8]) -> PathBuf {
    // Takes in the version of Wasmtime, its settings and the target.
    let mut compatibility = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut compatibility);
    let digest: String = Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
    let stem = wasm_path.file_stem().unwrap_or_default().to_string_lossy();
    wasm_path.with_file_name(format!("{stem}.{digest}.wasmtime-{:016x}.{EXTENSION}", compatibility.finish()))
}

pub(crate) fn load(engine: &Engine, artefact: &Path) -> Option<Module> {
    let file = std::fs::read(artefact).ok()?;
    let (compiled, digest) = file.split_at_checked(file.len().checked_sub(DIGEST)?)?;
    if Sha256::digest(compiled).as_slice() != digest {
        return None;
    }
    deserialize(engine, compiled)
}

#[expect(
    unsafe_code,
    reason = "loads native code, which is why the digest is checked first: only what `store` wrote whole gets here, and \
              Wasmtime itself refuses an artefact of another version or other settings"
)]
fn deserialize(engine: &Engine, compiled: &[u8]) -> Option<Module> {
    // SAFETY: the bytes are those that `Module::serialize` gave to `store`, as the digest shows. Whoever can put another
    // file with a matching digest beside the test binaries can replace the test binaries too.
    unsafe { Module::deserialize(engine, compiled) }.ok()
}

pub(crate) fn store(module: &Module, artefact: &Path) {
    let Ok(compiled) = module.serialize() else { return };
    // Parallel runs may compile the same module: each writes a file of its own and renames it, so that a reader sees a
    // whole artefact or none.
    static WRITES: AtomicU32 = AtomicU32::new(0);
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    let temporary = artefact.with_extension(format!("{}-{write}.tmp", std::process::id()));
    if write_whole(&temporary, &compiled).is_err() || std::fs::rename(&temporary, artefact).is_err() {
        let _ = std::fs::remove_file(&temporary);
        return;
    }
    remove_older(artefact);
}

fn write_whole(path: &Path, compiled: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    file.write_all(compiled)?;
    file.write_all(&Sha256::digest(compiled))
}

/// Artefacts of earlier builds of the same `.wasm` are tens of megabytes each.
fn remove_older(artefact: &Path) {
    let (Some(folder), Some(name)) = (artefact.parent(), artefact.file_name().and_then(|name| name.to_str())) else {
        return;
    };
    let Some((stem, _)) = name.rsplit_once(".wasmtime-").and_then(|(front, _)| front.rsplit_once('.')) else { return };
    let Ok(entries) = std::fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }) else {
        return;
    };
    for entry in entries.flatten() {
        let other = entry.file_name();
        let Some(other) = other.to_str() else { continue };
        let of_the_same_module = other.strip_prefix(stem).and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| {
            rest.split_once(".wasmtime-").is_some_and(|(digest, rest)| {
                digest.len() == 2 * DIGEST && !digest.contains('.') && rest.ends_with(&format!(".{EXTENSION}"))
            })
        });
        if of_the_same_module && other != name {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{load, path, store};
    use crate::module::{Module, engine};

    /// An artefact in a folder of its own.
    fn artefact(wasm: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let artefact = path(engine().unwrap(), &folder.path().join("filter.wasm"), wasm);
        store(&Module::compile(wasm).unwrap().compiled, &artefact);
        (folder, artefact)
    }

    #[test]
    fn an_artefact_is_loaded_again() {
        let (_folder, artefact) = artefact(&wat::parse_str("(module)").unwrap());
        assert!(load(engine().unwrap(), &artefact).is_some());
    }

    #[test]
    fn a_broken_artefact_is_refused() {
        let (_folder, artefact) = artefact(&wat::parse_str("(module)").unwrap());
        let mut bytes = std::fs::read(&artefact).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&artefact, &bytes).unwrap();
        assert!(load(engine().unwrap(), &artefact).is_none());

        bytes.truncate(middle);
        std::fs::write(&artefact, &bytes).unwrap();
        assert!(load(engine().unwrap(), &artefact).is_none());
    }

    #[test]
    fn a_new_build_removes_the_artefact_of_the_old_one() {
        let (folder, old) = artefact(&wat::parse_str("(module)").unwrap());
        let unrelated = folder.path().join("other.cwasm");
        std::fs::write(&unrelated, b"").unwrap();
        let wasm = wat::parse_str("(module (memory 1))").unwrap();
        let new = path(engine().unwrap(), &folder.path().join("filter.wasm"), &wasm);
        store(&Module::compile(&wasm).unwrap().compiled, &new);
        assert!(new.exists() && unrelated.exists());
        assert!(!old.exists());
    }
}
