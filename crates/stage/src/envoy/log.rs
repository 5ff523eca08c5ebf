//! Envoy's log, and the lines of the filter in it.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The format that [`Entry::of`] reads.
pub(super) const FORMAT: &str = "[%Y-%m-%d %T.%e][%t][%l][%n] %v";

/// A place in a file that only grows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark(u64);

impl Mark {
    /// The end of `file` as it is now; its beginning, where there is no file yet.
    pub(super) fn end_of(file: &Path) -> std::io::Result<Self> {
        match file.metadata() {
            Ok(metadata) => Ok(Self(metadata.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self(0)),
            Err(error) => Err(error),
        }
    }

    /// The whole lines after the mark. A line without its end is still being written.
    pub(super) fn lines_after(self, file: &Path) -> std::io::Result<Vec<String>> {
        let mut mark = self;
        mark.advance(file)
    }

    /// The whole lines after the mark, which is moved behind them.
    pub(super) fn advance(&mut self, file: &Path) -> std::io::Result<Vec<String>> {
        let mut file = match File::open(file) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(self.0))?;
        file.read_to_end(&mut text)?;
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        self.0 += text.len() as u64;
        // A filter may log what a client sent, which need not be UTF-8.
        Ok(String::from_utf8_lossy(&text).lines().map(ToOwned::to_owned).collect())
    }
}

#[derive(Debug)]
pub(super) struct Log {
    file: PathBuf,
}

impl Log {
    pub(super) fn at(file: PathBuf) -> Self {
        Self { file }
    }

    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    pub(super) fn mark(&self) -> std::io::Result<Mark> {
        Mark::end_of(&self.file)
    }

    pub(super) fn since(&self, mark: Mark) -> std::io::Result<Vec<Entry>> {
        let mut mark = mark;
        self.advance(&mut mark)
    }

    /// The entries after the mark, which is moved behind them.
    pub(super) fn advance(&self, mark: &mut Mark) -> std::io::Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        for line in mark.advance(&self.file)? {
            match (Entry::of(&line), entries.last_mut()) {
                (Some(entry), _) => entries.push(entry),
                // A message of several lines.
                (None, Some(last)) => {
                    last.message.push('\n');
                    last.message.push_str(&line);
                }
                // What a crash writes, or the rest of a message from before the mark.
                (None, None) => {}
            }
        }
        Ok(entries)
    }

    /// The last lines as they are, to explain why Envoy ended.
    pub(super) fn tail(&self) -> String {
        let lines = Mark::default().lines_after(&self.file).unwrap_or_default();
        let skipped = lines.len().saturating_sub(20);
        lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
    }
}

/// One entry of Envoy's log.
#[derive(Debug)]
pub(super) struct Entry {
    level: String,
    component: String,
    pub(super) message: String,
}

impl Entry {
    fn of(line: &str) -> Option<Self> {
        let (head, message) = line.strip_prefix('[')?.split_once("] ")?;
        let [_time, _thread, level, component] = head.split("][").collect::<Vec<_>>().try_into().ok()?;
        Some(Self { level: level.to_owned(), component: component.to_owned(), message: message.to_owned() })
    }

    pub(super) fn is_warning(&self) -> bool {
        matches!(self.level.as_str(), "warning" | "error" | "critical")
    }
}

/// A line that the filter logged.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// The name of the listener, which is the name of the plugin too.
    pub listener: String,
    /// The level in Envoy's words: `info`, `warning`, `error` and so on.
    pub level: String,
    /// What the filter said.
    pub message: String,
}

impl LogLine {
    /// `wasm log <plugin> <root id> <vm id>: <message>` in a request and `wasm log <root id> <vm id>: <message>` outside of
    /// one, where plugin and root id are both the listener's name.
    pub(super) fn of(entry: Entry) -> Option<Self> {
        if entry.component != "wasm" {
            return None;
        }
        let (whose, message) = entry.message.strip_prefix("wasm log ")?.split_once(": ")?;
        let (listener, _) = whose.split_once(' ')?;
        Some(Self { listener: listener.to_owned(), level: entry.level, message: message.to_owned() })
    }

    /// The audit record that the line is, if it is one.
    pub fn audit_record(&self) -> Option<Value> {
        let record: Value = serde_json::from_str(&self.message).ok()?;
        (record.get("cedar_gate").and_then(Value::as_str) == Some("audit")).then_some(record)
    }
}
