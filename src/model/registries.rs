//! How registries are reached: mirrors, transports. Never what they are called: nothing here enters a lock.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::reference::{OciReference, ReferenceError, check_registry, check_repository};

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
        plain_http: bool,
    },
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
    /// The settings that apply to a reference, and the pattern that they stand under.
    pub fn settings_for(&self, reference: &OciReference) -> Option<(&RegistryPattern, &RegistrySettings)> {
        let repository = reference.repository();
        self.0
            .iter()
            .filter(|(pattern, _)| pattern.matches(reference.registry(), &repository))
            .max_by_key(|(pattern, _)| pattern.prefix.len())
    }
}

impl RegistrySettings {
    /// Whether a registry is asked without TLS: as its settings say, else if it is on this machine, as container tools
    /// have it too.
    pub fn is_plain(settings: Option<&Self>, registry: &str) -> bool {
        settings.and_then(|settings| settings.plain_http).unwrap_or_else(|| is_loopback(registry))
    }
}

/// Whether `host[:port]` is this machine, by its text: `localhost`, `127.0.0.0/8` or `[::1]`.
fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
        Some(host) => host,
        None => registry.split(':').next().unwrap_or(registry),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl RegistryPattern {
    /// Whether the pattern names exactly this one repository.
    pub fn is_repository(&self, reference: &OciReference) -> bool {
        self.registry == reference.registry() && self.prefix == reference.repository()
    }

    fn matches(&self, registry: &str, repository: &str) -> bool {
        let rest = repository.strip_prefix(self.prefix.as_str());
        self.registry == registry
            && (self.prefix.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
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
        let (rest, plain_http) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (rest, false),
            (_, Some(rest)) => (rest, true),
            _ => return Err(MirrorError::Form(text.to_owned())),
        };
        let (registry, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        check_registry(registry).map_err(|why| MirrorError::Registry { registry: registry.to_owned(), why })?;
        let prefix = prefix.trim_end_matches('/');
        if prefix.is_empty() {
            return Ok(Self::Registry { registry: registry.to_owned(), prefix: String::new(), plain_http });
        }
        check_repository(prefix).map_err(|_| MirrorError::Prefix(prefix.to_owned()))?;
        Ok(Self::Registry { registry: registry.to_owned(), prefix: format!("{prefix}/"), plain_http })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_wins_and_matches_whole_components() {
        let patterns = ["ghcr.io", "ghcr.io/org", "ghcr.io/org/ext", "ghcr.io/o"];
        let registries =
            Registries(patterns.iter().map(|p| (p.parse().unwrap(), RegistrySettings::default())).collect());
        let chosen = |reference: &str| {
            let reference: OciReference = reference.parse().unwrap();
            registries.settings_for(&reference).map(|(pattern, _)| pattern.to_string())
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
            assert_eq!(RegistrySettings::is_plain(None, registry), plain, "{registry}");
            let said = RegistrySettings { plain_http: Some(!plain), ..RegistrySettings::default() };
            assert_eq!(RegistrySettings::is_plain(Some(&said), registry), !plain, "{registry}");
        }
    }

    #[test]
    fn mirrors_are_layouts_or_registries() {
        let parse = |text| Mirror::parse(text, Path::new("/project"));
        assert_eq!(parse("oci-layout:./vendor"), Ok(Mirror::Layout(PathBuf::from("/project/vendor"))));
        assert_eq!(
            parse("https://mirror.example:8443/ghcr/"),
            Ok(Mirror::Registry { registry: "mirror.example:8443".into(), prefix: "ghcr/".into(), plain_http: false })
        );
        assert_eq!(parse("oci-layout:"), Err(MirrorError::NoFolder));
        assert!(matches!(parse("./vendor"), Err(MirrorError::Form(_))));
        assert!(matches!(parse("https://user@host"), Err(MirrorError::Registry { .. })));
        assert!(matches!(parse("https://host/A?b"), Err(MirrorError::Prefix(_))));
    }
}
