//! Who runs next: the extension that has run the least. Pure data, without threads and without a clock.
//!
//! An extension that comes back after a rest does not make up for it: it begins where the one that has run the least is. So a
//! newcomer runs at once, many calls of one extension take no more than its share, and no one waits for ever.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// The calls that could run now, by extension.
pub(super) struct Turns<T> {
    accounts: HashMap<Arc<str>, Account<T>>,
    /// Counts every call that became ready, so that of equals the first goes first.
    arrivals: u64,
}

/// One extension.
struct Account<T> {
    /// How long its calls have run, or would have if it had always been here.
    used: Duration,
    ready: VecDeque<T>,
    /// Its calls that run now.
    running: usize,
    /// When it last became ready, in arrivals.
    arrived: u64,
}

impl<T> Turns<T> {
    pub(super) fn new() -> Self {
        Self { accounts: HashMap::new(), arrivals: 0 }
    }

    /// A call can go on, behind the others of its extension.
    pub(super) fn add(&mut self, extension: &Arc<str>, call: T) {
        let active = self.accounts.values().filter(|account| account.is_active());
        let least = active.map(|account| account.used).min();
        self.arrivals += 1;
        let account = self.accounts.entry(extension.clone()).or_insert_with(Account::new);
        if !account.is_active() {
            account.used = account.used.max(least.unwrap_or_default());
            // Before those that have run as long: it has waited for something else than its turn.
            account.arrived = 0;
        } else if account.ready.is_empty() {
            account.arrived = self.arrivals;
        }
        account.ready.push_back(call);
    }

    /// Takes the call whose turn it is.
    pub(super) fn next(&mut self) -> Option<T> {
        let ready = self.accounts.values_mut().filter(|account| !account.ready.is_empty());
        let account = ready.min_by_key(|account| (account.used, account.arrived))?;
        self.arrivals += 1;
        account.arrived = self.arrivals;
        account.running += 1;
        account.ready.pop_front()
    }

    /// A call that was taken has run for so long.
    pub(super) fn ran(&mut self, extension: &Arc<str>, time: Duration) {
        if let Some(account) = self.accounts.get_mut(extension) {
            account.running -= 1;
            account.used += time;
        }
    }

    /// Forgets a call that waits for its turn.
    pub(super) fn remove(&mut self, extension: &Arc<str>, is_it: impl Fn(&T) -> bool) {
        if let Some(account) = self.accounts.get_mut(extension) {
            account.ready.retain(|call| !is_it(call));
        }
    }

    /// Forgets extensions that have nothing to run, when there are many.
    pub(super) fn forget_idle(&mut self, keep: usize) {
        if self.accounts.len() > keep {
            self.accounts.retain(|_, account| account.is_active());
        }
    }
}

impl<T> Account<T> {
    fn new() -> Self {
        Self { used: Duration::ZERO, ready: VecDeque::new(), running: 0, arrived: 0 }
    }

    fn is_active(&self) -> bool {
        self.running > 0 || !self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE: Duration = Duration::from_millis(10);

    struct Machine {
        turns: Turns<&'static str>,
        order: Vec<&'static str>,
    }

    impl Machine {
        fn with(spinning: &[&'static str]) -> Self {
            let mut turns = Turns::new();
            for &call in spinning {
                turns.add(&extension(call), call);
            }
            Self { turns, order: Vec::new() }
        }

        /// The next call runs for some time, and wants to go on if it spins.
        fn run(&mut self, time: Duration) {
            let call = self.turns.next().unwrap();
            self.order.push(call);
            if !call.starts_with("good") {
                self.turns.add(&extension(call), call);
            }
            self.turns.ran(&extension(call), time);
        }
    }

    /// The calls `a1` and `a2` are of the extension `a`.
    fn extension(call: &str) -> Arc<str> {
        call.trim_end_matches(|end: char| end.is_ascii_digit()).into()
    }

    #[test]
    fn extensions_take_turns_however_many_calls_they_have() {
        let mut machine = Machine::with(&["a1", "a2", "a3", "b1", "c1"]);
        for _ in 0..9 {
            machine.run(SLICE);
        }
        for name in ["a", "b", "c"] {
            let turns = machine.order.iter().filter(|call| call.starts_with(name)).count();
            assert_eq!(turns, 3, "{name}: {:?}", machine.order);
        }
        let of_a: Vec<_> = machine.order.iter().filter(|call| call.starts_with('a')).collect();
        assert_eq!(of_a, [&"a1", &"a2", &"a3"], "each of its calls in turn");
    }

    #[test]
    fn a_newcomer_is_next_and_rest_is_not_saved_up() {
        let mut machine = Machine::with(&["a1", "b1"]);
        for _ in 0..100 {
            machine.run(SLICE);
        }
        machine.turns.add(&extension("good1"), "good1");
        machine.run(SLICE);
        assert_eq!(machine.order.last(), Some(&"good1"));
        // It has run as long as the others now, and more of it waits as they do.
        machine.turns.add(&extension("good2"), "good2");
        machine.order.clear();
        for _ in 0..6 {
            machine.run(SLICE);
        }
        let good = machine.order.iter().filter(|call| call.starts_with("good")).count();
        assert_eq!(good, 1, "{:?}", machine.order);
        assert!(machine.order[..3].contains(&"good2"), "{:?}", machine.order);
    }

    #[test]
    fn one_that_gives_way_early_runs_more_often() {
        let mut machine = Machine::with(&["a1", "b1"]);
        let mut used = HashMap::new();
        for _ in 0..1_000 {
            let next = machine.turns.next().unwrap();
            let time = if next == "a1" { SLICE } else { SLICE / 10 };
            *used.entry(next).or_insert(Duration::ZERO) += time;
            machine.turns.add(&extension(next), next);
            machine.turns.ran(&extension(next), time);
        }
        let difference = used["a1"].abs_diff(used["b1"]);
        assert!(difference <= SLICE, "{used:?}");
    }

    #[test]
    fn what_was_removed_does_not_run() {
        let mut machine = Machine::with(&["a1", "a2"]);
        machine.turns.remove(&extension("a1"), |call| *call == "a1");
        assert_eq!(machine.turns.next(), Some("a2"));
        machine.turns.ran(&extension("a2"), SLICE);
        assert_eq!(machine.turns.next(), None);
        machine.turns.forget_idle(0);
        assert!(machine.turns.accounts.is_empty());
    }
}
