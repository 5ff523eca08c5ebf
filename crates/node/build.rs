//! Makes a test of each scenario file. In Node there are no files to look for, so that they are compiled in.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Where scenarios lie, and what they are made of.
const FOLDERS: [&str; 2] = ["tests/scenarios", "policies"];

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut texts = String::new();
    let mut tests = String::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        for path in files(&root.join(folder))? {
            let name = path.strip_prefix(&root).unwrap_or(&path);
            let _ = writeln!(texts, "    ({name:?}, include_str!({path:?})),");
            let is_scenario = name.extension().is_some_and(|extension| extension == "yaml")
                && !name.components().any(|component| component.as_os_str() == "base");
            if is_scenario {
                let test = identifier(name.strip_prefix(folder).unwrap_or(name));
                let _ = writeln!(tests, "#[wasm_bindgen_test]\nfn {test}() {{\n    play({name:?});\n}}\n");
            }
        }
    }
    let generated = format!("/// All files, by their paths.\nconst FILES: &[(&str, &str)] = &[\n{texts}];\n\n{tests}");
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("scenarios.rs"), generated)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// `attacks/a1_a_token.yaml` is tested by `attacks__a1_a_token`.
fn identifier(path: &Path) -> String {
    let text = path.with_extension("").display().to_string().replace('/', "__");
    text.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect()
}
