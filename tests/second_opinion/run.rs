//! A run: so many tokens, each put to both.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cedar_gate_scenario::Forge;

use crate::change::{self, Change};
use crate::dice::Dice;
use crate::issuer::{self, ALGORITHMS};
use crate::jose::Jose;
use crate::loose::View;
use crate::ours::Ours;
use crate::recipe::Recipe;
use crate::rule::{RULES, Rule};
use crate::verdict::Verdict;

/// A token that was made, and how.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    number: usize,
    token: String,
    algorithm: &'static str,
    signer: String,
    changes: Vec<&'static str>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Tokens that both took, and that both refused, by algorithm.
    agreed: BTreeMap<&'static str, [usize; 2]>,
    /// Both verdicts, in words.
    verdicts: BTreeMap<(String, String), usize>,
    /// Rules that explain a difference: alone, and together with others.
    rules: BTreeMap<&'static str, [usize; 2]>,
    /// Changes, and how often each was made.
    changes: BTreeMap<&'static str, usize>,
    /// Differences that nothing explains.
    unexplained: Vec<String>,
}

/// How many tokens are put to jose at once.
const BATCH: usize = 500;

/// Makes so many tokens from a seed, and asks both about each.
pub(crate) fn run(seed: u64, tokens: usize) -> Tally {
    let forge = issuer::forge();
    let (configuration, options) = (issuer::configuration(&forge), issuer::options(&forge));
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut ours, mut jose) = (Ours::start(&configuration), Jose::start(&options));
        let mut tally = Tally::default();
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            if first >= tokens {
                return tally;
            }
            let samples: Vec<_> =
                (first..tokens.min(first + BATCH)).map(|number| sample(&forge, seed, number)).collect();
            let texts: Vec<_> = samples.iter().map(|sample| sample.token.clone()).collect();
            for (sample, theirs) in samples.iter().zip(jose.of(&texts)) {
                tally.note(sample, &ours.of(&sample.token), &theirs);
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).fold(Tally::default(), Tally::merged)
    })
}

/// Makes a token. Each change comes in turn, so that all are made however short a run is; a third of the tokens are as they
/// should be, and some have two changes.
fn sample(forge: &Forge, seed: u64, number: usize) -> Sample {
    let mut dice = Dice::of(seed, number);
    let all = change::all();
    let mut changes: Vec<Change> = Vec::new();
    if !number.is_multiple_of(3) {
        changes.push(all[(number / 3 * 2 + number % 3 - 1) % all.len()]);
    }
    let fitting: Vec<_> =
        ALGORITHMS.into_iter().filter(|algorithm| changes.iter().all(|change| (change.fits)(algorithm))).collect();
    let algorithm = dice.pick(&fitting);
    let honest = Recipe::honest(algorithm, &mut dice);
    let second = dice.pick(&all);
    // A text that is in no form any more cannot be brought into another one.
    let goes_with = |first: &Change| !(first.name.starts_with("form:") && second.name.starts_with("form:"));
    if changes.iter().any(goes_with) && (second.fits)(algorithm) && dice.once_in(6) {
        changes.push(second);
    }
    // Two changes that do not go together become one.
    loop {
        let mut recipe = honest.clone();
        for change in &changes {
            (change.make)(&mut recipe, &mut dice);
        }
        let signer = recipe.how.get("sign_with").and_then(|signer| signer.as_str()).unwrap_or(recipe.key).to_owned();
        if let Some(token) = recipe.bake(forge, &mut dice) {
            let changes = changes.iter().map(|change| change.name).collect();
            return Sample { number, token, algorithm, signer, changes };
        }
        assert!(changes.pop().is_some(), "an honest token can be made: seed {seed}, token {number}");
    }
}

impl Tally {
    /// Notes what both say.
    pub(crate) fn note(&mut self, sample: &Sample, ours: &Verdict, theirs: &Verdict) {
        for change in &sample.changes {
            *self.changes.entry(change).or_default() += 1;
        }
        *self.verdicts.entry((word(ours), word(theirs))).or_default() += 1;
        let agreed = self.agreed.entry(sample.algorithm).or_default();
        match (ours, theirs) {
            (Verdict::Taken(ours), Verdict::Taken(theirs)) if ours == theirs => agreed[0] += 1,
            (Verdict::Refused(_), Verdict::Refused(_)) => agreed[1] += 1,
            _ => self.differ(sample, ours, theirs),
        }
    }

    fn differ(&mut self, sample: &Sample, ours: &Verdict, theirs: &Verdict) {
        let view = View::of(&sample.token);
        let reasons: Vec<&Rule> =
            RULES.iter().filter(|rule| rule.explains(&view, &sample.signer, ours, theirs)).collect();
        for rule in &reasons {
            self.rules.entry(rule.name).or_default()[usize::from(reasons.len() > 1)] += 1;
        }
        if reasons.is_empty() {
            let [header, claims] = view.texts.map(|text| String::from_utf8_lossy(&text).into_owned());
            let mut text = format!("token {}, {:?}: ours {ours:?}, jose {theirs:?}", sample.number, sample.changes);
            write!(text, "\n  header {header:.400}\n  claims {claims:.800}\n  {:.2000}", sample.token)
                .expect("a string");
            self.unexplained.push(text);
        }
    }

    fn merged(mut self, other: Self) -> Self {
        for (own, pairs) in [(&mut self.agreed, other.agreed), (&mut self.rules, other.rules)] {
            for (name, [one, another]) in pairs {
                let own = own.entry(name).or_default();
                own[0] += one;
                own[1] += another;
            }
        }
        add(&mut self.verdicts, other.verdicts);
        add(&mut self.changes, other.changes);
        self.unexplained.extend(other.unexplained);
        self
    }

    /// What is wrong with the run: differences that nothing explains; rules that explained nothing alone, changes that were
    /// never made, and algorithms of which no token was taken or none refused, since such a run shows less than it says.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.unexplained.clone();
        let idle = RULES.iter().filter(|rule| self.rules.get(rule.name).is_none_or(|[alone, _]| *alone == 0));
        faults.extend(idle.map(|rule| format!("the rule {} has explained nothing alone", rule.name)));
        let unmade = change::all().into_iter().filter(|change| !self.changes.contains_key(change.name));
        faults.extend(unmade.map(|change| format!("\"{}\" was never made", change.name)));
        for algorithm in ALGORITHMS {
            let [taken, refused] = self.agreed.get(algorithm).copied().unwrap_or_default();
            if taken == 0 || refused == 0 {
                faults.push(format!("of {algorithm}, both took {taken} and refused {refused}"));
            }
        }
        faults
    }

    /// The figures.
    pub(crate) fn report(&self) -> String {
        let mut report = String::new();
        let mut line = |text: String| writeln!(report, "{text}").expect("a string");
        let sum = |place: usize| self.agreed.values().map(|agreed| agreed[place]).sum::<usize>();
        line(format!("both take {:>7}, both refuse {:>7}", sum(0), sum(1)));
        let differences = self.verdicts.values().sum::<usize>() - sum(0) - sum(1);
        line(format!("they differ about {differences}, of which {} unexplained", self.unexplained.len()));
        line("the rules, and how many differences each explains, alone and together with others:".to_owned());
        for rule in RULES {
            let [alone, together] = self.rules.get(rule.name).copied().unwrap_or_default();
            line(format!("{alone:>7} {together:>7}  {}: {}", rule.name, rule.meaning));
        }
        line("by algorithm, taken and refused by both:".to_owned());
        for (algorithm, [taken, refused]) in &self.agreed {
            line(format!("{taken:>7} {refused:>7}  {algorithm}"));
        }
        line("by verdict, ours and jose's:".to_owned());
        for ((ours, theirs), count) in &self.verdicts {
            line(format!("{count:>7}  {ours:24} {theirs}"));
        }
        report
    }
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Taken(_) => "taken".to_owned(),
        Verdict::Refused(reason) => reason.clone(),
    }
}

fn add<K: Ord>(to: &mut BTreeMap<K, usize>, from: BTreeMap<K, usize>) {
    for (key, count) in from {
        *to.entry(key).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Identity;

    /// A token with padding, which jose takes.
    fn padded() -> Sample {
        let token = "e30.e30.QQ==".to_owned();
        Sample { number: 0, token, algorithm: "ES256", signer: "p384".to_owned(), changes: Vec::new() }
    }

    fn noted(ours: &Verdict, theirs: &Verdict) -> Tally {
        let mut tally = Tally::default();
        tally.note(&padded(), ours, theirs);
        tally
    }

    fn taken(client: &str) -> Verdict {
        Verdict::Taken(Identity { client: client.to_owned(), ..Identity::default() })
    }

    #[test]
    fn a_difference_that_no_rule_explains_fails_the_run() {
        let refused = |reason: &str| Verdict::Refused(reason.to_owned());
        for (ours, theirs) in [
            (taken("a"), refused("ERR_JWS_INVALID")),
            // There is padding, but that is not why.
            (refused("signature_invalid"), taken("a")),
            (taken("a"), taken("b")),
        ] {
            let tally = noted(&ours, &theirs);
            assert_eq!(tally.unexplained.len(), 1, "{ours:?}, {theirs:?}");
            assert!(tally.faults().contains(&tally.unexplained[0]));
        }
        let tally = noted(&refused("token_malformed"), &taken("a"));
        assert_eq!((tally.unexplained.len(), tally.rules.get("base64_padding")), (0, Some(&[1, 0])));
    }

    #[test]
    fn a_rule_that_explains_nothing_fails_the_run() {
        let faults = noted(&Verdict::Refused("token_malformed".to_owned()), &taken("a")).faults();
        let idle = |name: &str| faults.contains(&format!("the rule {name} has explained nothing alone"));
        assert!(!idle("base64_padding"));
        assert!(RULES.iter().filter(|rule| rule.name != "base64_padding").all(|rule| idle(rule.name)), "{faults:?}");
    }
}
