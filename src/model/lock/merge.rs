//! Merges the two sides of a lock that git could not: its entries are independent of each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::name::ExtensionName;
use crate::model::toml::document::conflict_marker;
use crate::model::toml::problem::Problem;

use super::Lock;

/// What was done about an extension that the two sides do not have alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Choice")]
pub enum MergeChoice {
    /// Only our side has it.
    Ours,
    /// Only the other side has it.
    Theirs,
    /// Both have it, not alike; it is resolved again.
    Neither,
}

/// The two sides of a text with merge-conflict markers, ours first; none if it has no markers.
pub fn split_conflict(text: &str) -> Option<[String; 2]> {
    let [mut ours, mut theirs] = [String::new(), String::new()];
    let mut part = MergeSide::Both;
    let mut found = false;
    for line in text.split_inclusive('\n') {
        let is = |sign: char| conflict_marker(line).is_some_and(|marker| marker.starts_with(sign));
        part = match part {
            MergeSide::Both if is('<') => MergeSide::Ours,
            MergeSide::Ours if is('|') => MergeSide::Base,
            MergeSide::Ours | MergeSide::Base if is('=') => MergeSide::Theirs,
            MergeSide::Theirs if is('>') => MergeSide::Both,
            part => {
                if matches!(part, MergeSide::Both | MergeSide::Ours) {
                    ours.push_str(line);
                }
                if matches!(part, MergeSide::Both | MergeSide::Theirs) {
                    theirs.push_str(line);
                }
                continue;
            }
        };
        found = true;
    }
    (found && part == MergeSide::Both).then_some([ours, theirs])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MergeSide {
    Both,
    Ours,
    Base,
    Theirs,
}

/// A lock, and what was done about its extensions to get it.
#[derive(Debug, Clone, Default)]
pub struct LoadedLock {
    pub lock: Lock,
    /// Whether it had two sides.
    pub had_conflict: bool,
    /// Empty if it had not, or they agree.
    pub choices: BTreeMap<ExtensionName, MergeChoice>,
}

/// Reads both sides and takes what they agree on, or one of them alone has.
///
/// # Errors
/// The problems of the side that is no lock.
pub fn merge(file: &str, [ours, theirs]: &[String; 2]) -> Result<LoadedLock, Vec<Problem>> {
    let ours = Lock::parse(&format!("{file} (ours)"), ours.as_bytes())?;
    let theirs = Lock::parse(&format!("{file} (theirs)"), theirs.as_bytes())?;
    let mut merged = LoadedLock { had_conflict: true, ..LoadedLock::default() };
    let names: BTreeSet<&ExtensionName> = ours.entries.keys().chain(theirs.entries.keys()).collect();
    for name in names {
        let (entry, choice) = match (ours.entries.get(name), theirs.entries.get(name)) {
            (Some(own), Some(other)) if own == other => (Some(own), None),
            (Some(own), None) => (Some(own), Some(MergeChoice::Ours)),
            (None, Some(other)) => (Some(other), Some(MergeChoice::Theirs)),
            _ => (None, Some(MergeChoice::Neither)),
        };
        merged.lock.entries.extend(entry.map(|entry| (name.clone(), entry.clone())));
        merged.choices.extend(choice.map(|choice| (name.clone(), choice)));
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_is_read_without_the_other_and_without_the_base() {
        let text = "a\n<<<<<<< HEAD\nb\n||||||| 1234\nbase\n=======\nc\n>>>>>>> other\nd\n";
        assert_eq!(split_conflict(text).unwrap(), ["a\nb\nd\n".to_owned(), "a\nc\nd\n".to_owned()]);
        assert_eq!(split_conflict("a\r\n<<<<<<< x\r\nb\r\n=======\r\n>>>>>>> y\r\n").unwrap()[0], "a\r\nb\r\n");
        let wide = "a\n<<<<<<<<<<<<<<<< HEAD\nb\n================\nc\n>>>>>>>>>>>>>>>> other\n";
        assert_eq!(split_conflict(wide).unwrap(), ["a\nb\n".to_owned(), "a\nc\n".to_owned()]);
        for text in
            ["<<<<<< HEAD\nb\n======\nc\n>>>>>> other\n", "a\nb\n", "<<<<<<< HEAD\na\n=======\nb\n", "# <<<<<<< HEAD\n"]
        {
            assert_eq!(split_conflict(text), None, "{text}");
        }
    }
}
