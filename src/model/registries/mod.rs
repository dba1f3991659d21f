//! How registries are reached: mirrors, transports, whom to trust. Never what they are called: nothing here enters a
//! lock.

pub(crate) mod reader;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::reference::error::ReferenceError;
use super::reference::host::{RegistryHost, check_registry};
use super::reference::{OciRepository, check_repository};

/// The `[registries]` table: settings by `host` or `host/prefix`, of which the longest wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registries(pub BTreeMap<RegistryPattern, RegistrySettings>);

/// A registry, or the part of it whose repositories begin with a prefix of whole path components.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegistryPattern {
    registry: String,
    prefix: String,
}

/// How one registry, or a part of it, is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Asked in order before the registry itself.
    pub mirrors: Vec<Mirror>,
    /// The registry itself is never asked; mirrors answer for tags too.
    pub mirrors_only: bool,
    /// Whether the registry speaks HTTP without TLS. Where it is not said, only one on this machine does.
    pub plain_http: Option<bool>,
    /// The registry's certificate is not checked.
    pub insecure: bool,
    /// A PEM file of certificates that are trusted besides the system's.
    pub ca: Option<PathBuf>,
    /// `host[:port]` of another host that may have the registry's credentials, to give tokens for it.
    pub token_host: Option<RegistryHost>,
}

/// The settings of a run: those of the project, and those of the machine, which go first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayeredRegistries {
    pub project: Registries,
    pub machine: Registries,
}

/// How one host is spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ConnectionSettings {
    pub plain_http: bool,
    pub insecure: bool,
    pub ca: Option<PathBuf>,
    pub token_host: Option<RegistryHost>,
    /// The setting of the project for which this host gets no credentials: it would show them to others, and whoever wrote
    /// the project may be a stranger.
    pub withheld: Option<&'static str>,
}

/// Another place that holds the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// A folder in the OCI image layout.
    Layout(PathBuf),
    /// A registry that serves `prefix` + the repository's whole name.
    Registry {
        /// `host[:port]`
        registry: String,
        /// Empty, or path components with a `/` at the end.
        prefix: String,
        scheme: Scheme,
    },
}

/// How a mirror's address begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    Https,
    Http,
}

/// Why a text is no mirror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    #[error("`{0}` is not a mirror; write `oci-layout:FOLDER` or `https://host`")]
    Form(String),
    #[error("`oci-layout:` names no folder; write one behind it, as in `oci-layout:./vendor`")]
    NoFolder,
    #[error("`{registry}` is not a registry host: {why}")]
    Registry { registry: String, why: &'static str },
    #[error("`{0}` is not the path of a repository")]
    Prefix(String),
}

impl Registries {
    /// The settings that apply to a repository, and the pattern that they stand under.
    pub fn settings_for(&self, repository: &OciRepository) -> Option<(&RegistryPattern, &RegistrySettings)> {
        self.longest(repository.registry(), &repository.name())
    }

    fn longest(&self, registry: &str, repository: &str) -> Option<(&RegistryPattern, &RegistrySettings)> {
        let matching = self.0.iter().filter(|(pattern, _)| pattern.matches(registry, repository));
        matching.max_by_key(|(pattern, _)| pattern.prefix.len())
    }
}

impl LayeredRegistries {
    /// How a host is spoken to for one of its repositories. What the machine says of the transport goes before what the
    /// project says; the address of a mirror, where it is one, is the project's.
    pub fn connection(&self, registry: &str, repository: &str, address: Option<Scheme>) -> ConnectionSettings {
        let find = |settings: &Registries| settings.longest(registry, repository).map(|(_, found)| found.clone());
        let (machine, mut project) = (find(&self.machine), find(&self.project).unwrap_or_default());
        let token_host = machine.as_ref().and_then(|machine| machine.token_host.clone()).or(project.token_host.take());
        let machine = machine.filter(RegistrySettings::speaks_of_transport);
        let machine_says_plain = machine.as_ref().is_some_and(|machine| machine.plain_http == Some(true));
        let is_machines = machine.is_some();
        let said = machine.unwrap_or(project);
        // A registry on this machine speaks HTTP unless something is said, as container tools have it too.
        let unsaid = || is_loopback(registry) && said.ca.is_none() && !said.insecure;
        let plain_http = match address {
            Some(scheme) => scheme == Scheme::Http,
            None => said.plain_http.unwrap_or_else(unsaid),
        };
        let withheld = match (plain_http, &said) {
            _ if is_loopback(registry) => None,
            (true, _) => (!machine_says_plain).then_some("plain-http"),
            _ if is_machines => None,
            (_, RegistrySettings { insecure: true, .. }) => Some("insecure"),
            (_, RegistrySettings { ca: Some(_), .. }) => Some("ca"),
            _ => None,
        };
        ConnectionSettings { plain_http, insecure: said.insecure, ca: said.ca, token_host, withheld }
    }
}

impl RegistrySettings {
    fn speaks_of_transport(&self) -> bool {
        self.plain_http.is_some() || self.insecure || self.ca.is_some()
    }
}

/// Whether a host, without a port, is on this machine or in its network, by its text: loopback, private, link-local, or
/// no address of anybody's.
pub fn is_internal(host: &str) -> bool {
    let inside = |address: Ipv4Addr| {
        let [first, second, ..] = address.octets();
        let shared = first == 100 && (64..128).contains(&second);
        address.is_loopback() || address.is_private() || address.is_link_local() || first == 0 || shared
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => inside(address),
        Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => inside(address),
            None => {
                let local = address.is_unique_local() || address.is_unicast_link_local();
                address.is_loopback() || address.is_unspecified() || local
            }
        },
        Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
    }
}

/// Whether `host[:port]` is this machine, by its text: `localhost`, `127.0.0.0/8` or `[::1]`.
pub fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
        Some(host) => host,
        None => registry.split(':').next().unwrap_or(registry),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl RegistryPattern {
    /// The host, with its port if it has one.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The beginning of repository names; empty where all are meant.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether the pattern names exactly this one repository.
    pub fn is_repository(&self, repository: &OciRepository) -> bool {
        self.registry == repository.registry() && self.prefix == repository.name()
    }

    /// Whether a repository of a registry belongs to it.
    pub fn matches(&self, registry: &str, repository: &str) -> bool {
        self.registry == registry && (self.prefix.is_empty() || is_within(repository, &self.prefix))
    }
}

/// Whether the name of a repository begins with a prefix of whole path components.
pub(crate) fn is_within(repository: &str, prefix: &str) -> bool {
    repository.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl FromStr for RegistryPattern {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ReferenceError::Scheme(format!("{scheme}://")));
        }
        let (registry, prefix) = text.split_once('/').unwrap_or((text, ""));
        check_registry(registry).map_err(|why| ReferenceError::Registry { registry: registry.to_owned(), why })?;
        if text.contains('/') {
            check_repository(prefix)?;
        }
        Ok(Self { registry: registry.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for RegistryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.registry)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl Mirror {
    /// Parses `oci-layout:FOLDER`, relative to `folder`, or `https://host[/prefix]`.
    ///
    /// # Errors
    /// [`MirrorError`] where the text is neither.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, MirrorError> {
        if let Some(path) = text.strip_prefix("oci-layout:") {
            return if path.is_empty() {
                Err(MirrorError::NoFolder)
            } else {
                Ok(Self::Layout(folder.join(path).components().collect()))
            };
        }
        let (rest, scheme) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (rest, Scheme::Https),
            (_, Some(rest)) => (rest, Scheme::Http),
            _ => return Err(MirrorError::Form(text.to_owned())),
        };
        let (registry, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        check_registry(registry).map_err(|why| MirrorError::Registry { registry: registry.to_owned(), why })?;
        let prefix = prefix.trim_end_matches('/');
        if prefix.is_empty() {
            return Ok(Self::Registry { registry: registry.to_owned(), prefix: String::new(), scheme });
        }
        check_repository(prefix).map_err(|_| MirrorError::Prefix(prefix.to_owned()))?;
        Ok(Self::Registry { registry: registry.to_owned(), prefix: format!("{prefix}/"), scheme })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reference::OciReference;

    #[test]
    fn the_longest_pattern_wins_and_matches_whole_components() {
        let patterns = ["ghcr.io", "ghcr.io/org", "ghcr.io/org/ext", "ghcr.io/o"];
        let registries =
            Registries(patterns.iter().map(|p| (p.parse().unwrap(), RegistrySettings::default())).collect());
        let chosen = |reference: &str| {
            let reference: OciReference = reference.parse().unwrap();
            registries.settings_for(reference.without_revision()).map(|(pattern, _)| pattern.to_string())
        };
        assert_eq!(chosen("ghcr.io/org/ext:1").as_deref(), Some("ghcr.io/org/ext"));
        assert_eq!(chosen("ghcr.io/org/ext/more:1").as_deref(), Some("ghcr.io/org/ext"));
        assert_eq!(chosen("ghcr.io/org/extra:1").as_deref(), Some("ghcr.io/org"));
        assert_eq!(chosen("ghcr.io/other/ext:1").as_deref(), Some("ghcr.io"));
        assert_eq!(chosen("quay.io/org/ext:1"), None);
    }

    #[test]
    fn only_registries_on_this_machine_are_plain_unless_said() {
        for (registry, plain) in [
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.8.9.1", true),
            ("[::1]:5000", true),
            ("ghcr.io", false),
            ("127.0.0.1.example:5000", false),
            ("localhost.example", false),
            ("10.0.0.1:5000", false),
        ] {
            assert_eq!(
                LayeredRegistries::default().connection(registry, "org/a", None).plain_http,
                plain,
                "{registry}"
            );
            let said = RegistrySettings { plain_http: Some(!plain), ..RegistrySettings::default() };
            let project = Registries([(registry.parse().unwrap(), said)].into());
            let settings = LayeredRegistries { project, ..LayeredRegistries::default() };
            assert_eq!(settings.connection(registry, "org/a", None).plain_http, !plain, "{registry}");
        }
    }

    #[test]
    fn what_exposes_credentials_withholds_them_unless_the_machine_says_it() {
        let exposing = [
            ("plain-http", RegistrySettings { plain_http: Some(true), ..RegistrySettings::default() }),
            ("insecure", RegistrySettings { insecure: true, ..RegistrySettings::default() }),
            ("ca", RegistrySettings { ca: Some("/ca.pem".into()), ..RegistrySettings::default() }),
        ];
        let of =
            |host: &str, settings: &RegistrySettings| Registries([(host.parse().unwrap(), settings.clone())].into());
        for (name, said) in exposing {
            for host in ["registry.example", "10.0.0.1:5000", "127.0.0.1.example"] {
                let project = LayeredRegistries { project: of(host, &said), ..LayeredRegistries::default() };
                assert_eq!(project.connection(host, "org/a", None).withheld, Some(name), "{host}");
                let machine = LayeredRegistries { machine: of(host, &said), ..project };
                assert_eq!(machine.connection(host, "org/a", None).withheld, None, "{host}");
            }
            let local = LayeredRegistries { project: of("127.0.0.1:5000", &said), ..LayeredRegistries::default() };
            assert_eq!(local.connection("127.0.0.1:5000", "org/a", None).withheld, None);
        }
        let mirror = LayeredRegistries::default().connection("mirror.example", "org/a", Some(Scheme::Http));
        assert_eq!((mirror.plain_http, mirror.withheld), (true, Some("plain-http")));
    }

    #[test]
    fn what_the_machine_says_of_the_transport_replaces_what_the_project_says() {
        let settings = |said: RegistrySettings| Registries([("registry.example".parse().unwrap(), said)].into());
        let machine = settings(RegistrySettings { ca: Some("/corp.pem".into()), ..RegistrySettings::default() });
        let project = settings(RegistrySettings {
            insecure: true,
            token_host: Some("auth.example".parse().unwrap()),
            ..RegistrySettings::default()
        });
        let connection = LayeredRegistries { project, machine }.connection("registry.example", "org/a", None);
        let expected = ConnectionSettings {
            ca: Some("/corp.pem".into()),
            token_host: Some("auth.example".parse().unwrap()),
            ..ConnectionSettings::default()
        };
        assert_eq!(connection, expected);
    }

    #[test]
    fn what_is_inside_a_network_is_told_from_what_is_not() {
        for inside in
            ["localhost", "a.localhost", "127.8.9.1", "10.0.0.1", "172.20.1.1", "192.168.1.1", "169.254.169.254"]
        {
            assert!(is_internal(inside), "{inside}");
        }
        for inside in ["0.0.0.0", "100.64.0.1", "::1", "[::1]", "fe80::1", "fd00::1", "::ffff:10.0.0.1"] {
            assert!(is_internal(inside), "{inside}");
        }
        for outside in ["ghcr.io", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "localhost.example"] {
            assert!(!is_internal(outside), "{outside}");
        }
    }

    #[test]
    fn mirrors_are_layouts_or_registries() {
        let parse = |text| Mirror::parse(text, Path::new("/project"));
        assert_eq!(parse("oci-layout:./vendor"), Ok(Mirror::Layout(PathBuf::from("/project/vendor"))));
        assert_eq!(
            parse("https://mirror.example:8443/ghcr/"),
            Ok(Mirror::Registry {
                registry: "mirror.example:8443".into(),
                prefix: "ghcr/".into(),
                scheme: Scheme::Https
            })
        );
        assert_eq!(parse("oci-layout:"), Err(MirrorError::NoFolder));
        assert!(matches!(parse("./vendor"), Err(MirrorError::Form(_))));
        assert!(matches!(parse("https://user@host"), Err(MirrorError::Registry { .. })));
        assert!(matches!(parse("https://host/A?b"), Err(MirrorError::Prefix(_))));
    }
}
