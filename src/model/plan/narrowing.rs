//! Narrowing: what stays of an active set when the set that its manifest declares by now cannot be activated. Nothing is
//! ever added: components stay as they are, and what the manifest no longer declares or grants goes.

use std::collections::BTreeSet;

use crate::model::capability::{Capability, Grants, Scope, add};
use crate::model::manifest::{ComponentSource, Extension, Limits, Manifest};

use super::generation::{ActiveExtension, Generation, VERSION};

/// The part of an active set that its manifest still declares: without extensions that are no longer declared, and with no
/// grant or limit that is wider than declared. `None` if nothing shrinks.
///
/// An extension is the same if it has the same name and comes from the same repository, of whatever version, or from a file as
/// before. Code cannot start to count fuel without being compiled again, so a declared `max_fuel`
/// lowers one that is active, and does not make one.
pub fn narrowed(active: &Generation, declared: &Manifest) -> Option<Generation> {
    let still_declared = |extension: &ActiveExtension| {
        let declared = declared.extensions.get(&extension.name).filter(|declared| is_same(extension, declared))?;
        Some(narrowed_extension(extension, declared))
    };
    with_extensions(active, active.extensions.iter().filter_map(still_declared).collect())
}

/// A set with other extensions; none if they are the same.
fn with_extensions(active: &Generation, extensions: Vec<ActiveExtension>) -> Option<Generation> {
    (extensions != active.extensions).then(|| Generation {
        version: VERSION,
        number: None,
        extensions,
        ..active.clone()
    })
}

/// An active set in which each extension keeps what `left` gives of its grants, and is removed if that is `None`. Grants that it did not have
/// are not added. `None` if nothing changes.
pub fn shrunk(active: &Generation, left: impl Fn(&ActiveExtension) -> Option<Grants>) -> Option<Generation> {
    let kept = |extension: &ActiveExtension| {
        let left = left(extension)?;
        let is_same = left == extension.capabilities;
        let capabilities = if is_same { left } else { common_grants(&extension.capabilities, &left) };
        Some(with_grants(extension, capabilities))
    };
    with_extensions(active, active.extensions.iter().filter_map(kept).collect())
}

fn is_same(active: &ActiveExtension, declared: &Extension) -> bool {
    match (&declared.source, &active.reference) {
        (ComponentSource::Path(_), None) => true,
        (source, Some(reference)) => source.repository() == Some(reference.without_revision()),
        (_, None) => false,
    }
}

fn narrowed_extension(active: &ActiveExtension, declared: &Extension) -> ActiveExtension {
    let limits = lower_limits(active.limits, declared.limits);
    ActiveExtension { limits, ..with_grants(active, common_grants(&active.capabilities, &declared.capabilities)) }
}

/// An extension that is granted less, with a note of what it was granted before.
fn with_grants(active: &ActiveExtension, capabilities: Grants) -> ActiveExtension {
    let mut withdrawn = active.withdrawn.clone();
    for (capability, scope) in &active.capabilities {
        if let Some(lost) = scope.minus(capabilities.get(capability)) {
            add(&mut withdrawn, *capability, lost);
        }
    }
    ActiveExtension { capabilities, withdrawn, ..active.clone() }
}

/// What both grant.
fn common_grants(active: &Grants, declared: &Grants) -> Grants {
    let others = active.iter().filter(|(capability, _)| !Capability::FOLDERS.contains(capability));
    let mut common: Grants = others
        .filter_map(|(capability, scope)| {
            Some((*capability, common_scope(*capability, scope, declared.get(capability)?)?))
        })
        .collect();
    let folders = |grants: &Grants, capability: Capability| -> BTreeSet<String> {
        grants.get(&capability).into_iter().flat_map(Scope::items).map(str::to_owned).collect()
    };
    let [read, write] =
        Capability::FOLDERS.map(|capability| (folders(active, capability), folders(declared, capability)));
    let written = &write.0 & &write.1;
    // Who may write to a folder may read it, too.
    let readable = &read.0 | &(&write.0 - &written);
    let read = &readable & &(&read.1 | &write.1);
    for (capability, folders) in Capability::FOLDERS.into_iter().zip([read, written]) {
        common.extend(Scope::only(folders).map(|scope| (capability, scope)));
    }
    common
}

/// What is declared of an active scope. Of keys of the configuration, one may lie below the other; other items are the same
/// if they are written the same.
fn common_scope(capability: Capability, active: &Scope, declared: &Scope) -> Option<Scope> {
    let (items, others) = match (active, declared) {
        (Scope::Whole, scope) | (scope, Scope::Whole) => return Some(scope.clone()),
        (Scope::Only(items), Scope::Only(others)) => (items, others),
    };
    if capability != Capability::ConfigRead {
        return Scope::only(items & others);
    }
    let below = |key: &String| {
        let key = Scope::only([key.clone()]);
        others.iter().filter(|other| key.as_ref().is_some_and(|key| key.contains_key(other))).cloned().collect()
    };
    let kept = |key: &String| if declared.contains_key(key) { vec![key.clone()] } else { below(key) };
    Scope::only(items.iter().flat_map(kept))
}

fn lower_limits(active: Limits, declared: Limits) -> Limits {
    active.at_most(&Limits {
        max_memory_mib: Some(declared.memory_mib()),
        max_fuel: active.max_fuel.and(declared.max_fuel),
        timeout_ms: Some(declared.time_ms()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::capability::grant::{Grant, format_grants};

    fn grants(texts: &[&str]) -> Grants {
        let mut grants = Grants::new();
        for text in texts {
            let Grant { capability, scope } = text.parse().unwrap();
            add(&mut grants, capability, scope);
        }
        grants
    }

    #[test]
    fn grants_are_narrowed_item_by_item_and_never_widened() {
        for (active, declared, common) in [
            (&["config-read", "notification"][..], &["config-read"][..], &["config-read"][..]),
            (&["notification"], &["config-read", "notification"], &["notification"]),
            (&["secret-read"], &["secret-read=a,b"], &["secret-read=a,b"]),
            (&["secret-read=a,b"], &["secret-read"], &["secret-read=a,b"]),
            (&["secret-read=a,b"], &["secret-read=b,c"], &["secret-read=b"]),
            (&["secret-read=a"], &["secret-read=b"], &[]),
            (&["config-read=ui"], &["config-read=ui.theme,net"], &["config-read=ui.theme"]),
            (&["config-read=ui.theme,net"], &["config-read=ui"], &["config-read=ui.theme"]),
            (&["config-read=ui"], &["config-read=ui,ui.theme"], &["config-read=ui"]),
            (&["env=A,B"], &["env=B"], &["env=B"]),
            (&["fs-read=~/a,~/b"], &["fs-read=~/b"], &["fs-read=~/b"]),
            // A folder in a granted one may be a link to anywhere.
            (&["fs-read=~/a"], &["fs-read=~/a/b"], &[]),
            (&["fs-write=~/a"], &["fs-read=~/a"], &["fs-read=~/a"]),
            (&["fs-read=~/a"], &["fs-write=~/a"], &["fs-read=~/a"]),
            (&["fs-read=~/a", "fs-write=~/a"], &["fs-read=~/a", "fs-write=~/a"], &["fs-read=~/a", "fs-write=~/a"]),
            (&["fs-write=~/a,~/b"], &["fs-write=~/a"], &["fs-write=~/a"]),
        ] {
            assert_eq!(
                format_grants(&common_grants(&grants(active), &grants(declared))),
                common,
                "{active:?} {declared:?}"
            );
        }
    }

    #[test]
    fn what_is_common_is_a_part_of_what_is_active() {
        let scopes =
            ["config-read", "config-read=a", "config-read=a.b,c", "config-read=a,a.b,a.b.c", "config-read=c.d"];
        let keys = ["a", "a.b", "a.b.c", "a.x", "c", "c.d", "e"];
        for (active, declared) in scopes.iter().flat_map(|active| scopes.map(|declared| (*active, declared))) {
            let (active, declared) = (grants(&[active]), grants(&[declared]));
            let common = common_grants(&active, &declared);
            let may = |grants: &Grants, key: &str| {
                grants.get(&Capability::ConfigRead).is_some_and(|scope| scope.contains_key(key))
            };
            let is_less = keys.iter().any(|key| may(&active, key) && !may(&declared, key));
            for key in keys {
                assert_eq!(
                    may(&common, key),
                    may(&active, key) && may(&declared, key),
                    "{key}: {active:?}, {declared:?}"
                );
            }
            assert!(is_less || common == active, "nothing is lost: {active:?}, {declared:?}");
        }
    }

    #[test]
    fn limits_are_lowered_and_metering_stays() {
        let limits = |memory, fuel, time| Limits { max_memory_mib: memory, max_fuel: fuel, timeout_ms: time };
        for (active, declared, lower) in [
            (limits(Some(32), None, None), limits(Some(16), None, None), limits(Some(16), None, None)),
            (limits(Some(16), None, None), limits(Some(32), None, None), limits(Some(16), None, None)),
            // Without a limit the default holds.
            (limits(Some(1024), None, Some(60_000)), limits(None, None, None), limits(Some(64), None, Some(10_000))),
            (limits(None, None, None), limits(None, Some(5), Some(20_000)), limits(None, None, None)),
            (limits(None, Some(9), None), limits(None, Some(5), None), limits(None, Some(5), None)),
            (limits(None, Some(9), None), limits(None, None, None), limits(None, Some(9), None)),
        ] {
            assert_eq!(lower_limits(active, declared), lower, "{active:?} {declared:?}");
            assert_eq!(lower.metering(), active.metering());
        }
    }
}
