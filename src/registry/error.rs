//! Why a source did not give, or take, what was asked. Nothing here holds a secret: what a host says is scrubbed of them
//! before it becomes part of an error.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::digest::{Digest, DigestError};
use crate::model::fault::{FaultKind, line};
use crate::model::policy::SourceRefusal;
use crate::model::reference::OciReference;
use crate::model::reference::source_name::SourceName;

use super::artifact::ArtifactRefusal;
use super::auth::credential_helper::HelperError;
use super::auth::credentials::CredentialLocation;
use super::layout::fault::LayoutFault;

/// Why a source did not give, or take, what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("{host} cannot be reached")]
    Unreachable { host: String, source: NetworkFault },
    #[error("the answer of {host} broke off")]
    BrokenOff { host: String, source: NetworkFault },
    #[error("{host} cannot be reached: it does not speak TLS")]
    NoTls { host: String },
    #[error("the TLS handshake with {host} failed: {why}")]
    Tls { host: String, why: &'static str },
    #[error("the certificate of {host} is not trusted")]
    Certificate { host: String, source: CertificateFault },
    #[error("{host} asks us to wait {seconds} s, and at most {limit} s are waited")]
    Busy { host: String, seconds: u64, limit: u64 },
    #[error("{source_name} does not have {what}{}", said(message))]
    NotFound {
        source_name: SourceName,
        what: String,
        /// Whether it was asked for by its tag, of a layout.
        by_tag: bool,
        /// The tags of the repository that are closest to the one that was asked for.
        closest: Vec<String>,
        /// The registry's own words; empty if it has none.
        message: String,
    },
    #[error("{host} has no repository to push {what} to{}", said(message))]
    NoRepository { host: String, what: String, message: String },
    #[error("{host} does not let us {doing} {what} ({status}){}", said(message))]
    Denied { host: String, doing: AccessKind, what: String, status: u16, message: String },
    #[error("{host} answered {status} when asked for {what}{}", said(message))]
    Status { host: String, what: String, status: u16, message: String },
    #[error("{host} wants credentials for {what}, and there are none")]
    NoCredentials { host: String, what: String },
    #[error("{host} wants credentials, and gets none because of `{setting}`, which a project may not set for it")]
    Withheld { host: String, setting: &'static str },
    #[error("{host} does not accept the credentials of {place}")]
    Rejected { host: String, place: CredentialLocation },
    #[error("{host} sends us to {realm} for a token, {why}")]
    Realm { host: String, realm: String, why: RealmRefusal },
    #[error("{host} has not listed all tags of {what} within {seconds} s; {pages} pages were read")]
    EndlessTags { host: String, what: String, seconds: u64, pages: usize },
    #[error("{host} gives no token")]
    Token { host: String, source: TokenFault },
    #[error("{host} sends our own credentials back in {what}")]
    CredentialsReflected { host: String, what: String },
    #[error("{source_name} gives other bytes than asked for: expected {expected}, found {found}")]
    WrongDigest { source_name: SourceName, expected: Digest, found: Digest },
    #[error("{source_name} contradicts itself: its header says {header}, its answer has {found}")]
    Header { source_name: SourceName, header: String, found: Digest },
    #[error("{host} contradicts itself: its header has the media type {header}, its answer {found}")]
    MediaType { host: String, header: String, found: String },
    #[error("{source_name} gives more than {limit} bytes for {what}")]
    TooLong { source_name: SourceName, what: String, limit: u64 },
    #[error("{host} compresses its answer ({encoding}), which nobody asked for")]
    Encoded { host: String, encoding: String },
    #[error("{reference} is no extension")]
    Refused {
        reference: OciReference,
        #[source]
        refusal: ArtifactRefusal,
    },
    #[error("{reference} is there already, with other content ({found})")]
    TagTaken { reference: String, found: Digest },
    #[error(transparent)]
    Forbidden(#[from] SourceRefusal),
    #[error("{} is not an OCI image layout", path.display())]
    NotALayout { path: PathBuf, source: LayoutFault },
    #[error("{} is not a bundle that can be used", path.display())]
    NotABundle { path: PathBuf, source: LayoutFault },
    #[error("{} is damaged: what it has as {expected} has the digest {found}", path.display())]
    DamagedBundle { path: PathBuf, expected: Digest, found: Digest },
    #[error("{} has a wrong digest", path.display())]
    LayoutDigest {
        path: PathBuf,
        #[source]
        source: DigestError,
    },
    #[error("{} has {count} different entries for {reference}", path.display())]
    Ambiguous { path: PathBuf, reference: OciReference, count: usize },
    #[error("cannot read {}", path.display())]
    Io { path: PathBuf, source: Arc<io::Error> },
    #[error("the certificates in {} cannot be used", path.display())]
    Ca { path: PathBuf, source: CaFault },
    #[error("{what} is needed, and --offline forbids asking {host}")]
    Offline { host: String, what: String },
    #[error("no source gives {what}: {}", attempts(tried))]
    All { what: String, tried: Vec<Error> },
    #[error("the transport cannot be set up")]
    Transport(#[source] Arc<reqwest::Error>),
    #[error("{url} is no URL")]
    Url { url: String, source: url::ParseError },
    #[error("the proxy `{0}` is no URL")]
    Proxy(String),
    #[error("`docker-credential-{helper}` cannot change what it keeps for {host}")]
    Keep { helper: String, host: String, source: HelperError },
    #[error("{} is no JSON object, as docker writes it", .0.display())]
    DockerFile(PathBuf),
    /// The sink took no more. It knows why.
    #[error("the bytes could not be kept")]
    Stopped,
}

/// Why a host gives no answer, or no whole one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NetworkFault {
    /// Its innermost cause alone is telling.
    #[error("{}", root(error.as_ref()))]
    Failed { error: Arc<reqwest::Error> },
    #[error("it sent nothing for {seconds} s")]
    Silent { seconds: u64 },
    #[error("it sends less than 1 KiB a second")]
    Slow,
    #[error("it stopped in the middle")]
    Incomplete,
    #[error("it redirects to what is no address")]
    RedirectToNoAddress,
    #[error("it redirects from HTTPS to HTTP")]
    RedirectToHttp,
    #[error("it redirects too often")]
    TooManyRedirects,
}

/// Why a host gives no token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenFault {
    #[error(transparent)]
    Request(Box<Error>),
    #[error("{host} answered {status}")]
    Status { host: String, status: u16 },
    #[error("it does not say how to get one")]
    NoChallenge,
    #[error("the answer is compressed, which nobody asked for")]
    Encoded,
    #[error("the answer is no JSON of a token")]
    NotJson,
    #[error("the answer holds none")]
    Missing,
    #[error("it holds characters that no header can")]
    NotAHeader,
}

/// Why the certificates of a file cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CaFault {
    #[error(transparent)]
    Io(Arc<io::Error>),
    #[error("there is no such file")]
    Missing,
    #[error("it is not in the PEM format")]
    NotPem,
    #[error("it has none in the PEM format")]
    Empty,
    #[error("one of its certificates is malformed")]
    Malformed,
}

/// What somebody does with what a registry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessKind {
    #[error("read")]
    Reading,
    #[error("write")]
    Writing,
}

/// Why an address is not asked for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RealmRefusal {
    #[error("which is no address")]
    NoAddress,
    #[error("over plain HTTP")]
    PlainHttp,
    #[error("which is inside this network")]
    Inside,
    #[error("which is not known to be its own")]
    Unknown,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
    #[error("it is not signed by a CA that this machine trusts")]
    UnknownIssuer,
    #[error("it is for another name")]
    OtherName,
    #[error("it has no subject alternative name")]
    NoName,
    #[error("it is not signed with the key of the CA that it names")]
    Signature,
    #[error("it is malformed")]
    Malformed,
    #[error("it is signed in a way that is not supported, such as SHA-1")]
    Algorithm,
    #[error("it is a CA's own, and not one of those named as `ca`")]
    CaItself,
    #[error("it is signed with a certificate that is not a CA's")]
    NotSignedByCa,
    #[error("it is an X.509 certificate of version 1 or 2")]
    OldVersion,
    #[error("it is not valid for a server")]
    Unsupported,
}

impl Error {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Unreachable { .. }
            | Self::BrokenOff { .. }
            | Self::NoTls { .. }
            | Self::Tls { .. }
            | Self::EndlessTags { .. }
            | Self::Certificate { .. }
            | Self::Busy { .. }
            | Self::NotFound { .. }
            | Self::NoRepository { .. }
            | Self::Status { .. }
            | Self::Token { .. }
            | Self::Ambiguous { .. }
            | Self::Offline { .. } => FaultKind::Unavailable,
            Self::Denied { .. }
            | Self::NoCredentials { .. }
            | Self::Withheld { .. }
            | Self::Rejected { .. }
            | Self::Realm { .. }
            | Self::TagTaken { .. }
            | Self::Forbidden(_) => FaultKind::Denied,
            Self::WrongDigest { .. }
            | Self::DamagedBundle { .. }
            | Self::Header { .. }
            | Self::TooLong { .. }
            | Self::Encoded { .. }
            | Self::CredentialsReflected { .. } => FaultKind::Integrity,
            Self::Refused { .. } | Self::MediaType { .. } | Self::NotABundle { .. } => FaultKind::Data,
            Self::NotALayout { .. }
            | Self::LayoutDigest { .. }
            | Self::Ca { .. }
            | Self::Transport(_)
            | Self::Url { .. }
            | Self::Proxy(_)
            | Self::Keep { .. }
            | Self::DockerFile(_) => FaultKind::Configuration,
            Self::Io { .. } | Self::Stopped => FaultKind::Io,
            Self::All { tried, .. } => tried.iter().map(Self::kind).min().unwrap_or(FaultKind::Unavailable),
        }
    }
}

impl Error {
    /// Whether every source that could have it was asked, and does not have it.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::NotFound { .. } => true,
            Self::All { tried, .. } => tried.iter().all(Self::is_not_found),
            _ => false,
        }
    }

    /// The same error, with the tags that may have been meant.
    #[must_use]
    pub(crate) fn with_closest(self, tags: &[String]) -> Self {
        match self {
            Self::NotFound { source_name, what, by_tag, message, .. } => {
                Self::NotFound { source_name, what, by_tag, closest: tags.to_vec(), message }
            }
            Self::All { what, tried } => {
                Self::All { what, tried: tried.into_iter().map(|error| error.with_closest(tags)).collect() }
            }
            error => error,
        }
    }
}

/// The innermost cause of an error: of a network's errors the only telling one. Without the system's number for it.
pub(crate) fn root(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => root(source),
        None => error.to_string().split(" (os error").next().unwrap_or_default().to_owned(),
    }
}

fn attempts(tried: &[Error]) -> String {
    tried.iter().map(|error| line(error)).collect::<Vec<_>>().join("; ")
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
