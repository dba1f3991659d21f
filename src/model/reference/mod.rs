//! References to extensions: `registry/principal/scope:revision[@provenance]`.
//!
//! The grammar of tags and repository names is that of the OCI distribution specification, section
//! "Pulling manifests" (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md>), ASCII only.
//! A reference has one spelling: what [`Display`](std::fmt::Display) gives is what was parsed.

pub mod destination;
pub mod error;
pub mod host;
pub mod reference_or_repository;
pub mod source_name;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::reference::error::{MAX_REPOSITORY, MAX_REVISION, ReferenceError};
use crate::model::reference::host::{check_registry, looks_like_host};

use super::digest::Digest;

/// A reference to one revision of an extension in a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OciReference {
    repository: OciRepository,
    revision: String,
    provenance: Option<Digest>,
}

/// All revisions of an extension in a registry: a reference without its tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OciRepository {
    registry: String,
    principal: String,
    scope: String,
}

impl OciRepository {
    /// The registry's host, with its port if it has one: `ghcr.io`, `127.0.0.1:5000`, `[::1]:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// `principal/scope`: what the distribution API calls the repository's name.
    pub fn name(&self) -> String {
        format!("{}/{}", self.principal, self.scope)
    }

    /// The reference to one of its revisions.
    ///
    /// # Errors
    /// [`ReferenceError::Revision`] and [`ReferenceError::RevisionLength`] if that is no tag.
    pub fn at(&self, revision: &str) -> Result<OciReference, ReferenceError> {
        check_revision(revision)?;
        Ok(OciReference { repository: self.clone(), revision: revision.to_owned(), provenance: None })
    }
}

impl OciReference {
    /// The registry's host, with its port if it has one: `ghcr.io`, `127.0.0.1:5000`, `[::1]:5000`.
    pub fn registry(&self) -> &str {
        &self.repository.registry
    }

    /// The first part of the repository's name: a user or an organisation.
    pub fn principal(&self) -> &str {
        &self.repository.principal
    }

    /// The rest of the repository's name. It may hold `/`.
    pub fn repository_path(&self) -> &str {
        &self.repository.scope
    }

    /// The reference without its tag.
    pub fn without_revision(&self) -> &OciRepository {
        &self.repository
    }

    /// The tag.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The digest that the tag is pinned to, if it is.
    pub fn provenance(&self) -> Option<Digest> {
        self.provenance
    }

    /// `principal/scope`: what the distribution API calls the repository's name.
    pub fn repository(&self) -> String {
        self.repository.name()
    }

    /// The same reference without its pin.
    pub fn without_provenance(&self) -> Self {
        Self { provenance: None, ..self.clone() }
    }
}

impl FromStr for OciReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        check_form(text)?;
        let (tagged, provenance) = match text.split_once('@') {
            Some((tagged, digest)) => (tagged, Some(digest.parse().map_err(ReferenceError::Provenance)?)),
            None => (text, None),
        };
        let (repository, revision) = split(tagged)?;
        let Some(revision) = revision.filter(|revision| !revision.is_empty()) else {
            return Err(ReferenceError::NoRevision(tagged.trim_end_matches(':').to_owned()));
        };
        Ok(Self { provenance, ..repository.at(revision)? })
    }
}

impl FromStr for OciRepository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        check_form(text)?;
        match split(text.split('@').next().unwrap_or_default())? {
            (repository, None) if !text.contains('@') => Ok(repository),
            _ => Err(ReferenceError::HasRevision(text.to_owned())),
        }
    }
}

/// Refuses what is meant as something else than a reference.
fn check_form(text: &str) -> Result<(), ReferenceError> {
    if text.is_empty() {
        return Err(ReferenceError::Empty);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(ReferenceError::Scheme(format!("{scheme}://")));
    }
    let first = text.split('/').next().unwrap_or_default();
    if text.starts_with(['.', '/', '~']) || (text.ends_with(".wasm") && !looks_like_host(first)) {
        return Err(ReferenceError::File(text.to_owned()));
    }
    Ok(())
}

/// The repository, and what stands behind its `:`, unchecked.
fn split(tagged: &str) -> Result<(OciRepository, Option<&str>), ReferenceError> {
    let Some((registry, path)) = tagged.split_once('/') else {
        return Err(match check_registry(tagged) {
            Ok(()) if looks_like_host(tagged) => ReferenceError::NoPrincipal(tagged.to_owned()),
            _ => ReferenceError::NoRegistry(tagged.to_owned()),
        });
    };
    if !looks_like_host(registry) {
        return Err(ReferenceError::NoRegistry(tagged.to_owned()));
    }
    check_registry(registry).map_err(|why| ReferenceError::Registry { registry: registry.to_owned(), why })?;
    let (repository, revision) = match path.split_once(':') {
        Some((repository, revision)) => (repository, Some(revision)),
        None => (path, None),
    };
    if repository.is_empty() {
        return Err(ReferenceError::NoPrincipal(tagged.to_owned()));
    }
    check_repository(repository)?;
    let Some((principal, scope)) = repository.split_once('/') else {
        return Err(ReferenceError::NoScope(tagged.to_owned()));
    };
    let (registry, principal, scope) = (registry.to_owned(), principal.to_owned(), scope.to_owned());
    Ok((OciRepository { registry, principal, scope }, revision))
}

impl fmt::Display for OciRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.registry, self.principal, self.scope)
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.revision)?;
        match self.provenance {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for OciReference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<OciReference> for String {
    fn from(reference: OciReference) -> String {
        reference.to_string()
    }
}

/// Checks `component(/component)*`, each component `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
pub(crate) fn check_repository(repository: &str) -> Result<(), ReferenceError> {
    if repository.len() > MAX_REPOSITORY {
        return Err(ReferenceError::RepositoryLength(repository.len()));
    }
    if repository.split('/').any(str::is_empty) {
        return Err(ReferenceError::EmptyPart(repository.to_owned()));
    }
    for component in repository.split('/') {
        check_component(component)
            .map_err(|why| ReferenceError::Repository { component: component.to_owned(), why })?;
    }
    Ok(())
}

fn check_component(component: &str) -> Result<(), &'static str> {
    if component.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("write it in lower case");
    }
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !component.bytes().all(|b| letter(b) || matches!(b, b'.' | b'_' | b'-')) {
        return Err("a-z, 0-9, `.`, `_` and `-` are allowed");
    }
    let inner = component.split(|c: char| c.is_ascii_alphanumeric()).filter(|separator| !separator.is_empty());
    let edges = component.bytes().next().is_some_and(letter) && component.bytes().last().is_some_and(letter);
    let separator = |s: &str| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    if !edges || !inner.into_iter().all(separator) {
        return Err("it begins and ends with a letter or digit, with `.`, `_`, `__` or hyphens between");
    }
    Ok(())
}

/// Checks `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`, which is not empty.
fn check_revision(revision: &str) -> Result<(), ReferenceError> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if revision.len() > MAX_REVISION {
        return Err(ReferenceError::RevisionLength(revision.chars().count()));
    }
    let why = if !revision.starts_with(word) {
        "it begins with a letter, a digit or `_`"
    } else if !revision.chars().all(|c| word(c) || matches!(c, '.' | '-')) {
        "letters, digits, `_`, `.` and `-` are allowed"
    } else {
        return Ok(());
    };
    Err(ReferenceError::Revision { revision: revision.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        text.parse::<OciReference>().unwrap_err().to_string()
    }

    #[test]
    fn all_five_fields_are_read() {
        let digest = Digest::of(b"");
        let reference: OciReference = format!("ghcr.io/my-org/group/greeting:0.1.0@{digest}").parse().unwrap();
        assert_eq!(reference.registry(), "ghcr.io");
        assert_eq!(reference.principal(), "my-org");
        assert_eq!(reference.repository_path(), "group/greeting");
        assert_eq!(reference.revision(), "0.1.0");
        assert_eq!(reference.provenance(), Some(digest));
        assert_eq!(reference.repository(), "my-org/group/greeting");
    }

    #[test]
    fn what_is_displayed_is_what_was_parsed() {
        for text in [
            "127.0.0.1:5000/org/ext:1",
            "[::1]:5000/org/ext:1",
            "[2001:db8::1]/org/ext:1",
            "localhost/org/ext:_x.Y-2",
            "ghcr.io/a/b/c/d__e/f--g.h:latest",
        ] {
            assert_eq!(text.parse::<OciReference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_port_is_never_taken_for_a_revision() {
        assert!(fault("127.0.0.1:5000/org/ext").contains("has no tag"));
        assert!(fault("[::1]:5000/org/ext").contains("has no tag"));
        assert!(fault("127.0.0.1:5000").contains("only a host"));
    }

    #[test]
    fn a_shortened_digest_is_refused_with_the_number_of_its_digits() {
        let error = "ghcr.io/org/ext:1@sha256:0123abcd".parse::<OciReference>().unwrap_err();
        assert_eq!(error, ReferenceError::Provenance(crate::model::digest::DigestError::Length(8)));
    }

    #[test]
    fn each_field_is_checked() {
        assert!(fault("org/ext:1").contains("names no registry"));
        assert!(fault("ext").contains("names no registry"));
        assert!(fault("ghcr.io/ext:1").contains("two are needed"));
        assert!(fault("https://ghcr.io/org/ext:1").contains("before the host"));
        assert!(fault("./target/ext.wasm").contains("is a file"));
        assert!(fault("target/ext.wasm").contains("is a file"));
        assert!("ghcr.io/org/ext:1.wasm".parse::<OciReference>().is_ok());
        assert!(fault("GHCR.io/org/ext:1").contains("lower case"));
        assert!(fault("ghcr.io:0/org/ext:1").contains("port"));
        assert!(fault("ghcr.io:70000/org/ext:1").contains("port"));
        assert!(fault("ghcr.io:+5/org/ext:1").contains("port"));
        assert!(fault("[::zz]/org/ext:1").contains("IPv6"));
        assert!(fault("ghcr.io/Org/ext:1").contains("lower case"));
        assert!(fault("ghcr.io/org//ext:1").contains("empty part"));
        assert!(fault("ghcr.io/org/../ext:1").contains("begins and ends"));
        assert!(fault("ghcr.io/org/a___b:1").contains("begins and ends"));
        assert!(fault("ghcr.io/org/ext:").contains("has no tag"));
        assert!(fault("ghcr.io/org/ext:.1").contains("begins with"));
        assert!(fault("ghcr.io/org/ext:1:2").contains("letters, digits"));
        assert!(fault(&format!("ghcr.io/org/ext:{}", "1".repeat(129))).contains("128"));
        assert!(fault(&format!("ghcr.io/org/{}:1", "a".repeat(255))).contains("259"));
    }

    #[test]
    fn only_ascii_is_understood() {
        for text in ["ghcr.io/örg/ext:1", "ghcr.io/org/ext:١", "ghcr.iо/org/ext:1", "ghcr.io/org/ext:1@sha256:é"] {
            assert!(text.parse::<OciReference>().is_err(), "{text}");
        }
    }

    #[test]
    fn deserializing_goes_through_the_parser() {
        let text = "\"ghcr.io/org/ext:1\"";
        let reference: OciReference = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&reference).unwrap(), text);
        assert!(serde_json::from_str::<OciReference>("\"ghcr.io/org/ext\"").is_err());
    }
}
