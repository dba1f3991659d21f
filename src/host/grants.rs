//! Which imports the host serves, and which grant each needs (invariant 5: grants decide).

use std::collections::BTreeSet;

use crate::model::capability::{Capability, Grants};
use crate::model::text::nearest;

/// The package of the host's own interfaces.
const HOST: &str = "open-sesame:host";

/// Its version.
const HOST_VERSION: CompatibilityTrack = CompatibilityTrack { major: 0, minor: 1 };

/// Host interfaces that need no grant.
const ALWAYS: [&str; 1] = ["log"];

/// WASI packages that always link, with no folder, environment or socket behind them.
const WASI: [&str; 6] = ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:io", "wasi:random", "wasi:sockets"];

const WASI_VERSION: CompatibilityTrack = CompatibilityTrack { major: 0, minor: 2 };

/// Why an import is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportRefusal {
    /// The host has it, the manifest does not grant it.
    NotGranted(Capability),
    /// The host does not have it.
    NotOffered {
        import: String,
        /// The closest that the host has.
        closest: Option<String>,
    },
}

/// What of `imports` is not served under `grants`.
pub fn refused_imports<'a>(imports: impl IntoIterator<Item = &'a String>, grants: &Grants) -> Vec<ImportRefusal> {
    imports
        .into_iter()
        .filter_map(|import| match required_capability(import) {
            Some(None) => None,
            Some(Some(capability)) if grants.contains_key(&capability) => None,
            Some(Some(capability)) => Some(ImportRefusal::NotGranted(capability)),
            None => Some(ImportRefusal::NotOffered { import: import.clone(), closest: closest(import) }),
        })
        .collect()
}

/// The capability that an import needs: `Some(None)` if it needs none, `None` if the host does not have it.
pub fn required_capability(import: &str) -> Option<Option<Capability>> {
    let (path, version) = import.split_once('@')?;
    let (package, interface) = path.split_once('/')?;
    if WASI.contains(&package) {
        return CompatibilityTrack::serves(WASI_VERSION, version).then_some(None);
    }
    if package != HOST || !CompatibilityTrack::serves(HOST_VERSION, version) {
        return None;
    }
    if ALWAYS.contains(&interface) {
        return Some(None);
    }
    interface.parse().ok().filter(|capability: &Capability| capability.function().is_some()).map(Some)
}

/// What is granted although no import can use it.
pub fn unused_grants(imports: &BTreeSet<String>, grants: &Grants) -> Vec<Capability> {
    let imported = |start: &str| imports.iter().any(|import| import.starts_with(start));
    let used = |capability: Capability| match capability {
        Capability::FsRead | Capability::FsWrite => imported("wasi:filesystem/"),
        Capability::Env => imported("wasi:cli/environment@"),
        _ => imports.iter().any(|import| required_capability(import) == Some(Some(capability))),
    };
    grants.keys().copied().filter(|capability| !used(*capability)).collect()
}

/// What a set of imports needs and none of these grants has.
pub fn missing(imports: &BTreeSet<String>, grants: &[&Grants]) -> Vec<Capability> {
    let has = |capability: &Capability| grants.iter().any(|grants| grants.contains_key(capability));
    capabilities(imports).into_iter().filter(|capability| !has(capability)).collect()
}

/// The capabilities that a set of imports needs.
pub fn capabilities<'a>(imports: impl IntoIterator<Item = &'a String>) -> BTreeSet<Capability> {
    imports.into_iter().filter_map(|import| required_capability(import).flatten()).collect()
}

fn closest(import: &str) -> Option<String> {
    let CompatibilityTrack { major, minor } = HOST_VERSION;
    let full = |interface: &str| format!("{HOST}/{interface}@{major}.{minor}.0");
    let path = import.split('@').next().unwrap_or(import);
    let interface = path.rsplit('/').next().unwrap_or(path);
    let own = Capability::ALL.into_iter().filter(|capability| capability.function().is_some());
    let known = own.map(Capability::as_str).chain(ALWAYS);
    if path.starts_with("wasi:") {
        let package = path.split('/').next().unwrap_or(path);
        return nearest(package, WASI)
            .map(|package| format!("{package}@{}.{}", WASI_VERSION.major, WASI_VERSION.minor));
    }
    nearest(interface, known).map(full)
}

/// A compatibility track: versions that differ only behind it are compatible.
#[derive(Clone, Copy)]
struct CompatibilityTrack {
    major: u64,
    minor: u64,
}

impl CompatibilityTrack {
    /// Whether a host of this version serves an import of `wanted`, after the rules of semantic versioning:
    /// below 1.0 the minor must agree, from 1.0 on the major. Pre-releases are compatible with nothing.
    fn serves(self, wanted: &str) -> bool {
        let mut numbers = wanted.split('.').map(str::parse::<u64>);
        let (Some(Ok(major)), Some(Ok(minor)), Some(Ok(_)), None) =
            (numbers.next(), numbers.next(), numbers.next(), numbers.next())
        else {
            return false;
        };
        major == self.major && (major > 0 || minor == self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::capability::Scope;

    fn refusals(import: &str, grants: &[Capability]) -> Vec<ImportRefusal> {
        refused_imports(&[import.to_owned()], &grants.iter().map(|capability| (*capability, Scope::Whole)).collect())
    }

    #[test]
    fn a_grant_that_nothing_uses_is_told() {
        let imports: BTreeSet<String> =
            ["open-sesame:host/config-read@0.1.0", "wasi:filesystem/types@0.2.3"].map(str::to_owned).into();
        let granted = [Capability::ConfigRead, Capability::Env, Capability::FsRead, Capability::SecretRead];
        let grants: Grants = granted.into_iter().map(|capability| (capability, Scope::Whole)).collect();
        assert_eq!(unused_grants(&imports, &grants), [Capability::Env, Capability::SecretRead]);
    }

    #[test]
    fn a_capability_is_denied_unless_granted() {
        let import = "open-sesame:host/secret-read@0.1.0";
        assert_eq!(refusals(import, &[]), [ImportRefusal::NotGranted(Capability::SecretRead)]);
        assert_eq!(refusals(import, &[Capability::ConfigRead]), [ImportRefusal::NotGranted(Capability::SecretRead)]);
        assert_eq!(refusals(import, &[Capability::SecretRead]), []);
    }

    #[test]
    fn versions_of_one_track_are_served() {
        for served in ["open-sesame:host/log@0.1.7", "wasi:io/streams@0.2.3"] {
            assert_eq!(refusals(served, &[]), [], "{served}");
        }
        for missing in [
            "open-sesame:host/log@0.2.0",
            "open-sesame:host/log@0.1.0-rc.1",
            "open-sesame:host/log",
            "open-sesame:host/fs-read@0.1.0",
            "wasi:io/streams@0.3.0",
            "wasi:http/types@0.2.0",
            "other:host/log@0.1.0",
        ] {
            assert!(matches!(refusals(missing, &Capability::ALL)[..], [ImportRefusal::NotOffered { .. }]), "{missing}");
        }
    }

    #[test]
    fn the_closest_interface_is_named() {
        let closest = |import: &str| match &refusals(import, &[])[..] {
            [ImportRefusal::NotOffered { closest, .. }] => closest.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            closest("open-sesame:host/config-reed@0.1.0").as_deref(),
            Some("open-sesame:host/config-read@0.1.0")
        );
        assert_eq!(closest("open-sesame:host/log@2.0.0").as_deref(), Some("open-sesame:host/log@0.1.0"));
        assert_eq!(closest("acme:robots/arm@1.0.0"), None);
    }
}
