//! Which core Envoy runs on, and which one `wrk`.

use std::fs;

use anyhow::{Context, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two cores, by their numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cores {
    /// Envoy's, all of its threads: the worker, but also those that write logs.
    pub(crate) gateway: usize,
    /// Of `wrk` and of this program, which sleeps meanwhile.
    pub(crate) client: usize,
}

impl Cores {
    /// Two of those that this process may use.
    ///
    /// # Errors
    ///
    /// When it may use one only: client and gateway would take turns, and nothing would be measured.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let allowed = sched_getaffinity(None).context("the cores of this process are not known")?;
        let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        let siblings = |core| {
            let list = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
            fs::read_to_string(list).map(|list| numbers(&list)).unwrap_or_default()
        };
        match Self::of(&allowed, siblings) {
            Some(cores) => Ok(cores),
            None => bail!("two cores are needed, one for Envoy and one for wrk; this process may use {allowed:?} only"),
        }
    }

    /// The first core, and the next one that is not the same core under another name (simultaneous multithreading), if
    /// there is one.
    fn of(allowed: &[usize], siblings: impl Fn(usize) -> Vec<usize>) -> Option<Self> {
        let (gateway, others) = allowed.split_first()?;
        let siblings = siblings(*gateway);
        let apart = others.iter().find(|core| !siblings.contains(core));
        Some(Self { gateway: *gateway, client: *apart.or(others.first())? })
    }

    /// Keeps this thread, and all processes that it starts from now on, on one core.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
        let mut only = CpuSet::new();
        only.set(core);
        sched_setaffinity(None, &only).with_context(|| format!("core {core} cannot be had"))
    }
}

/// `0-1,4` is 0, 1 and 4.
fn numbers(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    };
    list.trim().split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_threads_of_one_core_are_not_taken_where_there_is_another_core() {
        let siblings = |core: usize| if core < 2 { vec![0, 1] } else { vec![2, 3] };
        assert_eq!(Cores::of(&[0, 1, 2, 3], siblings), Some(Cores { gateway: 0, client: 2 }));
        assert_eq!(Cores::of(&[0, 1], siblings), Some(Cores { gateway: 0, client: 1 }));
    }

    #[test]
    fn one_core_is_not_enough() {
        assert_eq!(Cores::of(&[3], |_| vec![3]), None);
    }

    #[test]
    fn lists_of_cores_have_ranges_and_single_numbers() {
        assert_eq!(numbers("0-1,4\n"), [0, 1, 4]);
        assert!(numbers("").is_empty());
    }
}
