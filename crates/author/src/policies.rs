//! A folder with a policy set: `schema.cedarschema`, policies in `*.cedar`, and perhaps `entities.json`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::{AuthorError, Files, yaml};

/// The folder that `policies` names, where it names nothing else.
pub(crate) fn directory(policies: &Value) -> Option<&str> {
    let members = policies.as_object()?;
    if members.len() == 1 { members.get("directory")?.as_str() } else { None }
}

/// What lies in the folder, as the filter takes it, and the files that it came from.
pub(crate) fn inline(folder: &Path, files: &dyn Files) -> Result<(Value, Vec<PathBuf>), AuthorError> {
    let unreadable = |path: &Path, error| AuthorError::Unreadable { file: path.display().to_string(), error };
    let missing =
        |message: &str| AuthorError::Policies { folder: folder.display().to_string(), message: message.to_owned() };
    let mut read = Vec::new();
    let mut schema = None;
    let mut policies = Map::new();
    let mut entities = json!([]);
    for path in files.list(folder).map_err(|error| unreadable(folder, error))? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_policy = path.extension().is_some_and(|extension| extension == "cedar");
        if !is_policy && name != "schema.cedarschema" && name != "entities.json" {
            continue;
        }
        let text = files.read(&path).map_err(|error| unreadable(&path, error))?;
        if is_policy {
            policies.insert(name, Value::String(text));
        } else if name == "entities.json" {
            entities = yaml(&text).map_err(|error| AuthorError::Yaml { file: path.display().to_string(), error })?;
        } else {
            schema = Some(text);
        }
        read.push(path);
    }
    let schema = schema.ok_or_else(|| missing("has no schema.cedarschema"))?;
    if policies.is_empty() {
        return Err(missing("has no policies: no file ends with .cedar"));
    }
    Ok((json!({ "inline": { "schema": schema, "policies": policies, "entities": entities } }), read))
}
