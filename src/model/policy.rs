//! What a machine allows at most: `policy.toml`, in the user's configuration folder and in `/etc/pds`.
//!
//! Where both are there, the stricter wins. A policy never gives anything.

use super::document::{Fields, Text};
use super::manifest::Limits;
use super::manifest_reader::read_limits;
use super::problem::Problem;

/// The maxima of a machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// The most that any extension gets. Where `max_fuel` is set, every extension is metered.
    pub most: Limits,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// Every problem of the file.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let text = Text::new(file, bytes).map_err(|problem| vec![problem])?;
        let table = text.parse()?;
        let mut problems = Vec::new();
        let mut fields = Fields::new(&text, table.get_ref(), 0..0, "a policy");
        let most = read_limits(&mut fields, &mut problems);
        fields.finish(&mut problems);
        if problems.is_empty() { Ok(Self { most }) } else { Err(problems) }
    }

    /// The stricter of two, limit by limit.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let stricter = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        Self {
            most: Limits {
                max_memory_mib: stricter(self.most.max_memory_mib, other.most.max_memory_mib),
                max_fuel: stricter(self.most.max_fuel, other.most.max_fuel),
                timeout_ms: stricter(self.most.timeout_ms, other.most.timeout_ms),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_of_two_policies_wins_limit_by_limit() {
        let parse = |text: &str| Policy::parse("policy.toml", text.as_bytes()).unwrap();
        let own = parse("[limits]\nmax_memory_mib = 32\ntimeout_ms = 9000\n");
        let system = parse("[limits]\nmax_memory_mib = 128\nmax_fuel = 5\ntimeout_ms = 1000\n");
        let most = Limits { max_memory_mib: Some(32), max_fuel: Some(5), timeout_ms: Some(1000) };
        assert_eq!(own.and(system), Policy { most });
        assert_eq!(system.and(own), Policy { most });
        assert_eq!(parse("").and(own), own);
    }

    #[test]
    fn a_policy_lowers_limits_and_raises_none() {
        let most = Limits { max_memory_mib: Some(32), max_fuel: Some(50), timeout_ms: Some(20_000) };
        let unset = Limits::default().at_most(&most);
        assert_eq!(unset, Limits { max_memory_mib: Some(32), max_fuel: Some(50), timeout_ms: None });
        let low = Limits { max_memory_mib: Some(16), max_fuel: Some(7), timeout_ms: Some(1) };
        assert_eq!(low.at_most(&most), low);
        assert_eq!(unset.at_most(&Limits::default()), unset);
    }

    #[test]
    fn an_unknown_limit_is_a_problem() {
        let problems = Policy::parse("policy.toml", b"[limits]\nmax_memory_mb = 3\n").unwrap_err();
        assert_eq!((problems[0].line, problems[0].help.as_deref()), (2, Some("did you mean `max_memory_mib`?")));
    }
}
