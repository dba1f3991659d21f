//! Versions in tags, and requirements of them as cargo means them
//! (<https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html>; versions are those of
//! <https://semver.org>). `1.2.3` and `v1.2.3` are the same version, and the tag `1.2.3_4` is the version `1.2.3+4`.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};

use super::text::nearest;

/// Which versions are wanted: `^1.2`, `~1.2.3`, `>=1, <3`, `*`. Pre-releases only where the requirement names one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Requirement(VersionReq);

/// Why a text is no requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a version requirement: {why}")]
pub struct RequirementError {
    text: String,
    why: String,
}

impl Requirement {
    /// Any release.
    pub fn any() -> Self {
        Self(VersionReq::STAR)
    }

    /// The versions that are compatible with the one that a tag is: `^1.2.3`. None if it is no version.
    pub fn compatible_with(tag: &str) -> Option<Self> {
        let Version { major, minor, patch, .. } = version(tag)?;
        format!("^{major}.{minor}.{patch}").parse().ok()
    }

    /// Whether a tag is a version that fits.
    pub fn fits(&self, tag: &str) -> bool {
        version(tag).is_some_and(|version| self.0.matches(&version))
    }

    /// The tag of the highest version that fits. Of two tags of one version, the one without `v`.
    pub fn highest<'a>(&self, tags: impl IntoIterator<Item = &'a String>) -> Option<&'a str> {
        let versions = tags.into_iter().filter_map(|tag| Some((version(tag)?, tag.as_str())));
        let fitting = versions.filter(|(version, _)| self.0.matches(version));
        fitting.max_by_key(|(version, tag)| (version.clone(), Reverse(tag.len()))).map(|(_, tag)| tag)
    }
}

/// The version that a tag is, if it is one. No tag can have a `+`, so build metadata stands behind a `_` in tags, as helm
/// and others write it.
pub fn version(tag: &str) -> Option<Version> {
    Version::parse(&tag.strip_prefix('v').unwrap_or(tag).replacen('_', "+", 1)).ok()
}

/// The tags that are most likely meant by one that is not there, at most three. Of a version: the same one written otherwise, and
/// those close to it, the newest first. Of anything else: the newest version that begins so, and what is spelt alike.
pub fn closest_tags<'a>(missing: &str, tags: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let tags: Vec<&String> = tags.into_iter().collect();
    let mut closest: Vec<String> = match version(missing) {
        Some(wanted) => {
            let mut versions: Vec<_> = tags.iter().filter_map(|tag| Some((version(tag)?, *tag))).collect();
            versions.sort_by_key(|(version, _)| {
                let differs = [
                    version.cmp_precedence(&wanted).is_ne(),
                    (version.major, version.minor) != (wanted.major, wanted.minor),
                    version.major != wanted.major,
                    version.pre.is_empty() != wanted.pre.is_empty(),
                ];
                (differs, Reverse(version.clone()))
            });
            versions.into_iter().map(|(_, tag)| tag.clone()).collect()
        }
        None => {
            // `1.0` means one of 1.0 more than any other of 1.
            let range = |sign: &str| format!("{sign}{}", missing.strip_prefix('v').unwrap_or(missing)).parse().ok();
            let highest = |range: Requirement| range.highest(tags.iter().copied());
            let begins = ["~", "^"].into_iter().filter_map(range).filter_map(highest);
            let alike = nearest(missing, tags.iter().map(|tag| tag.as_str()));
            let newest = Requirement::any().highest(tags.iter().copied());
            begins.chain(alike).chain(newest).map(str::to_owned).collect()
        }
    };
    let mut seen = HashSet::new();
    closest.retain(|tag| seen.insert(tag.clone()));
    closest.truncate(3);
    closest
}

/// The tags that are no versions, and so are passed over where a range is resolved.
pub fn unversioned_tags<'a>(tags: impl IntoIterator<Item = &'a String>) -> impl Iterator<Item = &'a str> {
    tags.into_iter().map(String::as_str).filter(|tag| version(tag).is_none())
}

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, RequirementError> {
        let parsed = VersionReq::parse(text.strip_prefix('v').unwrap_or(text));
        parsed.map(Self).map_err(|error| RequirementError { text: text.to_owned(), why: error.to_string() })
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn highest(requirement: &str, tags: &[&str]) -> Option<String> {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        requirement.parse::<Requirement>().unwrap().highest(&tags).map(str::to_owned)
    }

    #[test]
    fn the_highest_release_that_fits_is_taken() {
        let tags = ["latest", "1.2", "1.2.0", "v1.10.1", "1.9.9", "2.0.0", "1.11.0-rc.1", "0.3.0", "sha256-abc"];
        assert_eq!(highest("^1.2", &tags).unwrap(), "v1.10.1");
        assert_eq!(highest("1", &tags).unwrap(), "v1.10.1");
        assert_eq!(highest("~1.9", &tags).unwrap(), "1.9.9");
        assert_eq!(highest("*", &tags).unwrap(), "2.0.0");
        assert_eq!(highest("0.3", &tags).unwrap(), "0.3.0");
        assert_eq!(highest("v1.2.0", &tags).unwrap(), "v1.10.1");
        assert_eq!(highest("=1.2.0", &tags).unwrap(), "1.2.0");
        assert_eq!(highest(">=3", &tags), None);
    }

    #[test]
    fn pre_releases_are_taken_only_if_asked_for() {
        let tags = ["1.11.0-rc.1", "1.11.0-rc.2", "1.10.0"];
        assert_eq!(highest("^1", &tags).unwrap(), "1.10.0");
        assert_eq!(highest("^1.11.0-rc", &tags).unwrap(), "1.11.0-rc.2");
        assert_eq!(highest("*", &tags[..2]), None);
    }

    #[test]
    fn an_underscore_in_a_tag_is_the_plus_of_a_version() {
        let tags = ["1.0.0", "1.1.0_2026-01-14", "v1.0.5_a.b", "1.2.0-rc.1_7", "1_2", "_"];
        assert_eq!(highest("^1", &tags).unwrap(), "1.1.0_2026-01-14");
        assert_eq!(highest("~1.0", &tags).unwrap(), "v1.0.5_a.b");
        assert_eq!(highest("=1.2.0-rc.1", &tags).unwrap(), "1.2.0-rc.1_7");
        let tags = tags.map(str::to_owned);
        assert_eq!(unversioned_tags(&tags).collect::<Vec<_>>(), ["1_2", "_"]);
    }

    #[test]
    fn of_two_tags_of_one_version_the_plain_one_is_taken() {
        assert_eq!(highest("1", &["v1.0.0", "1.0.0"]).unwrap(), "1.0.0");
        assert_eq!(highest("1", &["1.0.0", "v1.0.0"]).unwrap(), "1.0.0");
    }

    #[test]
    fn the_closest_tags_are_the_ones_most_likely_meant() {
        let tags = ["latest", "v0.1.0", "0.1.1", "0.2.0", "1.0.0", "1.1.0", "1.2.0-rc.1", "nightly"].map(str::to_owned);
        for (missing, closest) in [
            ("0.1.0", &["v0.1.0", "0.1.1", "0.2.0"][..]),
            ("1.0.5", &["1.0.0", "1.1.0", "1.2.0-rc.1"]),
            ("1.2.0", &["1.2.0-rc.1", "1.1.0", "1.0.0"]),
            ("3.0.0", &["1.1.0", "1.0.0", "0.2.0"]),
            ("1", &["1.1.0"]),
            ("v0.1", &["0.1.1", "1.1.0"]),
            ("1.0", &["1.0.0", "1.1.0"]),
            ("lastest", &["latest", "1.1.0"]),
        ] {
            assert_eq!(closest_tags(missing, &tags), closest, "{missing}");
        }
        assert_eq!(closest_tags("1.0.0", &[]), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_requirement_is_told() {
        let error = "latest".parse::<Requirement>().unwrap_err().to_string();
        assert!(error.starts_with("`latest` is not a version requirement: "), "{error}");
    }
}
