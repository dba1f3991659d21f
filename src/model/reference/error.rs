//! Why a text is no reference.

use crate::model::digest::DigestError;

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("the reference is empty; write `registry/principal/scope:revision`")]
    Empty,
    #[error("`{0}` stands before the host; remove it")]
    Scheme(String),
    #[error("`{0}` is a file; a manifest names it with `path = \"{0}\"`, the command line with `--path {0}`")]
    File(String),
    #[error("`{0}` names no registry; put its host first, as in `ghcr.io/{0}`")]
    NoRegistry(String),
    #[error("`{registry}` is not a registry host: {why}")]
    Registry { registry: String, why: &'static str },
    #[error("`{0}` is only a host; write `{0}/PRINCIPAL/SCOPE:TAG`")]
    NoPrincipal(String),
    #[error("`{0}` has one name after the host, two are needed: `registry/principal/scope:tag`")]
    NoScope(String),
    #[error("`{0}` has an empty part; remove the extra `/`")]
    EmptyPart(String),
    #[error("`{component}` cannot stand in a repository name: {why}")]
    Repository { component: String, why: &'static str },
    #[error("the repository name has {0} characters, at most {MAX_REPOSITORY} are allowed")]
    RepositoryLength(usize),
    #[error("`{0}` has no tag; add one, as in `{0}:0.1.0`, or a `version`")]
    NoRevision(String),
    #[error("`{0}` has a tag or a digest; write it without")]
    HasRevision(String),
    #[error("the tag has {0} characters, at most {MAX_REVISION} are allowed")]
    RevisionLength(usize),
    #[error("`{revision}` is not a tag: {why}")]
    Revision { revision: String, why: &'static str },
    #[error("the digest after `@` cannot be used")]
    Provenance(#[source] DigestError),
}

/// The longest `principal/scope`, in characters; registries refuse longer names.
pub const MAX_REPOSITORY: usize = 255;

/// The longest tag, in characters.
pub const MAX_REVISION: usize = 128;
