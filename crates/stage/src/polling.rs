//! Waiting for a condition, with a bound.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

/// Asks `condition` again and again, with growing pauses, until it gives a value.
///
/// # Errors
///
/// An error of `condition` ends the wait; so does `bound`, with `what` in the message.
pub fn until<T>(
    what: &str,
    bound: Duration,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if start.elapsed() >= bound {
            bail!("waited {} s in vain for {what}", bound.as_secs());
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
