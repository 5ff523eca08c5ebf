//! How much of a core a process has used.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// The processor time of a process so far, its threads included.
pub(crate) fn of_process(id: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).context("Envoy has ended")?;
    ticks(&stat, [UTIME, STIME]).context("/proc/…/stat has an unknown form").map(duration)
}

/// The processor time of those children of this process that have ended and been waited for.
pub(crate) fn of_children() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    ticks(&stat, [UTIME + 2, STIME + 2]).context("/proc/self/stat has an unknown form").map(duration)
}

/// Places in the line, counted from the field behind the name, as proc_pid_stat(5) numbers them less 3.
const UTIME: usize = 11;
const STIME: usize = 12;

fn ticks(stat: &str, fields: [usize; 2]) -> Option<u64> {
    // The name of the program stands in brackets, and may contain blanks and brackets.
    let (_, fields_after_name) = stat.rsplit_once(") ")?;
    let values: Vec<&str> = fields_after_name.split(' ').collect();
    fields.iter().map(|field| values.get(*field)?.parse::<u64>().ok()).sum()
}

fn duration(ticks: u64) -> Duration {
    Duration::from_micros(ticks * 1_000_000 / rustix::param::clock_ticks_per_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_moves_no_field() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 900 0 3 0 250 40 7 5 20 0 8 0 100 0 0 0";
        assert_eq!(ticks(stat, [UTIME, STIME]), Some(290));
        assert_eq!(ticks(stat, [UTIME + 2, STIME + 2]), Some(12));
    }

    #[test]
    fn work_shows_as_processor_time() {
        let before = of_process(std::process::id()).unwrap();
        let mut sum = 0_u64;
        while of_process(std::process::id()).unwrap() == before {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(1));
        }
        assert!(of_process(std::process::id()).unwrap() > before);
    }
}
