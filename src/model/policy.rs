//! What a machine allows at most: `policy.toml`, in the user's configuration folder and in `/etc/pds`, and the table
//! `[extensions.policy]` of the host's own `config.toml`.
//!
//! If there are several, the stricter wins. A policy never grants anything to an extension; what it says of registries
//! is how to reach them, and there the first file that says something of one wins.

use std::collections::BTreeMap;
use std::path::Path;

use super::capability::{Capability, Grants};
use super::manifest::Limits;
use super::manifest::reader::read_limits;
use super::reference::check_repository;
use super::reference::host::looks_like_host;
use super::registries::reader::{RegistriesOwner, read_registries};
use super::registries::{Registries, RegistryPattern, is_within};
use super::toml::document::{TableFields, TomlText};
use super::toml::problem::Problem;

/// The maxima of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The most that any extension gets. Where `max_fuel` is set, every extension is metered.
    pub max_limits: Limits,
    /// How registries are reached. Other than a project's, these settings come from somebody who may say where credentials
    /// go.
    pub registries: Registries,
    /// Where extensions may come from.
    pub sources: SourceRules,
    /// What no extension is granted, each with the file that denies it.
    denied_capabilities: BTreeMap<Capability, String>,
}

/// Where extensions may come from. Everything is allowed that no file forbids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRules {
    /// Each list with its file; a source must stand in all of them.
    allowed: Vec<(String, Vec<RegistryPattern>)>,
    /// Each namespace with its file.
    blocked: Vec<(String, Namespace)>,
}

/// A registry, or a part of it; or a namespace, in whatever registry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Namespace {
    Of(RegistryPattern),
    Anywhere(String),
}

/// Why nothing may come from somewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceRefusal {
    #[error("`{source_name}` is not among the `allowed_registries` of {file}")]
    NotAllowed { source_name: String, file: String },
    #[error("`{namespace}` is among the `blocked_namespaces` of {file}")]
    Blocked { namespace: String, file: String },
}

impl Policy {
    /// Reads a policy file. Paths in it are relative to `folder`.
    ///
    /// # Errors
    /// Every problem of the file.
    pub fn parse(file: &str, folder: &Path, bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let text = TomlText::new(file, bytes).map_err(|problem| vec![problem])?;
        let table = text.parse()?;
        let mut problems = Vec::new();
        let mut fields = TableFields::new(&text, table.get_ref(), 0..0, "a policy");
        let most = read_limits(&mut fields, &mut problems);
        let sources = read_sources(&mut fields, file, &mut problems);
        let denied_capabilities = read_denied_capabilities(&mut fields, file, &mut problems);
        let registries = fields
            .table("registries", &mut problems)
            .map(|table| read_registries(&text, &table, RegistriesOwner::Machine, folder, &mut problems))
            .unwrap_or_default();
        fields.finish(&mut problems);
        let policy = Self { max_limits: most, registries, sources, denied_capabilities };
        if problems.is_empty() { Ok(policy) } else { Err(problems) }
    }

    /// Reads `[extensions.policy]` of the host's own configuration, and nothing else of it.
    ///
    /// # Errors
    /// Every problem of that table, or that the file is no TOML.
    pub fn parse_host(file: &str, bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let text = TomlText::new(file, bytes).map_err(|problem| vec![problem])?;
        let table = text.parse()?;
        let mut problems = Vec::new();
        let mut sources = SourceRules::default();
        let mut denied_capabilities = BTreeMap::new();
        let extensions = table.get_ref().get("extensions").and_then(|extensions| extensions.get_ref().as_table());
        if let Some(policy) = extensions.and_then(|extensions| extensions.get("policy"))
            && let Some(table) = policy.get_ref().as_table()
        {
            let mut fields = TableFields::new(&text, table, policy.span(), "`policy`");
            sources = read_sources(&mut fields, file, &mut problems);
            denied_capabilities = read_denied_capabilities(&mut fields, file, &mut problems);
        }
        let policy = Self { sources, denied_capabilities, ..Self::default() };
        if problems.is_empty() { Ok(policy) } else { Err(problems) }
    }

    /// The stricter of two, limit by limit.
    #[must_use]
    pub fn strictest(mut self, other: Self) -> Self {
        let stricter = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        self.max_limits = Limits {
            max_memory_mib: stricter(self.max_limits.max_memory_mib, other.max_limits.max_memory_mib),
            max_fuel: stricter(self.max_limits.max_fuel, other.max_limits.max_fuel),
            timeout_ms: stricter(self.max_limits.timeout_ms, other.max_limits.timeout_ms),
        };
        for (pattern, settings) in other.registries.0 {
            self.registries.0.entry(pattern).or_insert(settings);
        }
        self.sources.allowed.extend(other.sources.allowed);
        self.sources.blocked.extend(other.sources.blocked);
        for (capability, file) in other.denied_capabilities {
            self.denied_capabilities.entry(capability).or_insert(file);
        }
        self
    }

    /// The capabilities among some grants that are denied, each with the file that denies it.
    pub fn denied<'a>(&'a self, grants: &'a Grants) -> impl Iterator<Item = (Capability, &'a str)> {
        let denied = self.denied_capabilities.iter().filter(|(capability, _)| grants.contains_key(*capability));
        denied.map(|(capability, file)| (*capability, file.as_str()))
    }
}

impl SourceRules {
    /// Checks that something may come from a repository of a registry.
    ///
    /// # Errors
    /// The first rule that forbids it.
    pub fn check(&self, registry: &str, repository: &str) -> Result<(), SourceRefusal> {
        let registry = one_name(registry);
        for (file, allowed) in &self.allowed {
            if !allowed.iter().any(|pattern| pattern.matches(registry, repository)) {
                let source_name = format!("{registry}/{repository}");
                return Err(SourceRefusal::NotAllowed { source_name, file: file.clone() });
            }
        }
        for (file, namespace) in &self.blocked {
            let (hit, shown) = match namespace {
                Namespace::Of(pattern) => (pattern.matches(registry, repository), pattern.to_string()),
                Namespace::Anywhere(name) => (is_within(repository, name), name.clone()),
            };
            if hit {
                return Err(SourceRefusal::Blocked { namespace: shown, file: file.clone() });
            }
        }
        Ok(())
    }
}

/// The same server has one name in a policy: that without HTTPS's port, and Docker Hub's in references.
fn one_name(registry: &str) -> &str {
    match registry.strip_suffix(":443").unwrap_or(registry) {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    }
}

/// `allowed_registries` and `blocked_namespaces`. An empty list of allowed ones allows none.
fn read_sources(fields: &mut TableFields<'_>, file: &str, problems: &mut Vec<Problem>) -> SourceRules {
    let mut rules = SourceRules::default();
    if let Some(allowed) = fields.strings("allowed_registries", problems) {
        let patterns = allowed.iter().filter_map(|pattern| pattern.parse(problems)).collect();
        rules.allowed.push((file.to_owned(), patterns));
    }
    for namespace in fields.strings("blocked_namespaces", problems).unwrap_or_default() {
        let first = namespace.value.split('/').next().unwrap_or_default();
        let parsed = if looks_like_host(first) {
            namespace.parse(problems).map(Namespace::Of)
        } else {
            match check_repository(namespace.value) {
                Ok(()) => Some(Namespace::Anywhere(namespace.value.to_owned())),
                Err(error) => {
                    problems.push(namespace.problem(error.to_string()));
                    None
                }
            }
        };
        rules.blocked.extend(parsed.map(|namespace| (file.to_owned(), namespace)));
    }
    rules
}

/// `denied_capabilities`. `fs-write` reads as well, so where `fs-read` is denied, it is too.
fn read_denied_capabilities(
    fields: &mut TableFields<'_>,
    file: &str,
    problems: &mut Vec<Problem>,
) -> BTreeMap<Capability, String> {
    let named = fields.strings("denied_capabilities", problems).unwrap_or_default();
    let named: Vec<Capability> = named.iter().filter_map(|name| name.parse(problems)).collect();
    let implied = named.contains(&Capability::FsRead).then_some(Capability::FsWrite);
    named.into_iter().chain(implied).map(|capability| (capability, file.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::capability::all_grants;

    fn parse(text: &str) -> Policy {
        Policy::parse("policy.toml", Path::new("/etc/pds"), text.as_bytes()).unwrap()
    }

    #[test]
    fn the_stricter_of_two_policies_wins_limit_by_limit() {
        let own = parse("[limits]\nmax_memory_mib = 32\ntimeout_ms = 9000\n");
        let system = parse("[limits]\nmax_memory_mib = 128\nmax_fuel = 5\ntimeout_ms = 1000\n");
        let most = Limits { max_memory_mib: Some(32), max_fuel: Some(5), timeout_ms: Some(1000) };
        assert_eq!(own.clone().strictest(system.clone()).max_limits, most);
        assert_eq!(system.strictest(own.clone()).max_limits, most);
        assert_eq!(parse("").strictest(own.clone()), own);
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
    fn a_capability_is_denied_if_one_policy_denies_it() {
        let own = parse("denied_capabilities = [\"secret-read\"]\n");
        let system = "denied_capabilities = [\"fs-read\", \"secret-read\"]\n";
        let system = Policy::parse("/etc/pds/policy.toml", Path::new("/etc/pds"), system.as_bytes()).unwrap();
        let all = all_grants();
        let both = own.strictest(system);
        let denied: Vec<_> = both.denied(&all).collect();
        let system = "/etc/pds/policy.toml";
        assert_eq!(
            denied,
            [(Capability::FsRead, system), (Capability::FsWrite, system), (Capability::SecretRead, "policy.toml")]
        );
        assert_eq!(both.denied(&Grants::new()).count(), 0);
        let unknown = b"denied_capabilities = [\"secret-reed\"]";
        let problems = Policy::parse("policy.toml", Path::new("/"), unknown).unwrap_err();
        assert!(problems[0].message.contains("did you mean `secret-read`?"), "{}", problems[0].message);
    }

    #[test]
    fn an_unknown_limit_is_a_problem_and_so_is_a_mirror() {
        let problems = |text: &str| Policy::parse("policy.toml", Path::new("/"), text.as_bytes()).unwrap_err();
        let limit = &problems("[limits]\nmax_memory_mb = 3\n")[0];
        assert_eq!((limit.line, limit.help.as_deref()), (2, Some("did you mean `max_memory_mib`?")));
        let mirror = &problems("[registries.\"ghcr.io\"]\nmirrors = [\"https://mirror.example\"]\n")[0];
        assert!(mirror.message.contains("no key `mirrors`"), "{}", mirror.message);
    }

    #[test]
    fn a_source_must_be_on_every_list_and_in_no_blocked_namespace() {
        let host =
            "[window]\nx = 1\n[extensions.policy]\nmode = 3\nallowed_registries = [\"ghcr.io\", \"quay.io/ok\"]\n";
        let host = Policy::parse_host("config.toml", host.as_bytes()).unwrap();
        let own = parse(
            "allowed_registries = [\"ghcr.io\", \"docker.io\"]\nblocked_namespaces = [\"evil\", \"ghcr.io/bad/apple\"]\n",
        );
        let rules = host.strictest(own).sources;
        assert_eq!(rules.check("ghcr.io", "org/a"), Ok(()));
        assert!(rules.check("ghcr.io:443", "bad/apple").is_err() && rules.check("ghcr.io:443", "org/a").is_ok());
        assert_eq!(rules.check("ghcr.io", "bad/apples"), Ok(()));
        let not_allowed =
            |source: &str, file: &str| Err(SourceRefusal::NotAllowed { source_name: source.into(), file: file.into() });
        assert_eq!(rules.check("quay.io", "ok/a"), not_allowed("quay.io/ok/a", "policy.toml"));
        assert_eq!(rules.check("docker.io", "org/a"), not_allowed("docker.io/org/a", "config.toml"));
        for (repository, namespace) in
            [("evil/a", "evil"), ("bad/apple", "ghcr.io/bad/apple"), ("bad/apple/x", "ghcr.io/bad/apple")]
        {
            let blocked = SourceRefusal::Blocked { namespace: namespace.into(), file: "policy.toml".into() };
            assert_eq!(rules.check("ghcr.io", repository), Err(blocked));
        }
        assert_eq!(
            parse("allowed_registries = []").sources.check("ghcr.io", "org/a"),
            not_allowed("ghcr.io/org/a", "policy.toml")
        );
        assert!(Policy::parse_host("config.toml", b"extensions.policy.allowed_registries = 3").is_err());
        for others in ["extensions = { on = true }", "extensions = true", "extensions.policy = \"strict\""] {
            assert_eq!(Policy::parse_host("config.toml", others.as_bytes()).unwrap(), Policy::default());
        }
    }
}
