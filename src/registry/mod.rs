//! The network, and folders that stand for it: remote registries and OCI layouts behind one trait.
//!
//! The only room that uses `oci_client` and `reqwest`. Nothing here writes to the disk or decides what is wanted.
//! No answer is believed before its digest was checked, and none is read past its limit.
//!
//! [`mirror`] picks among the [`source`]s, [`artifact`] says what a manifest leads to.

pub mod artifact;
mod auth;
mod layout;
pub mod mirror;
mod remote;
pub mod source;
pub mod transport;

use std::path::PathBuf;

use crate::model::digest::{Digest, DigestError};
use crate::model::fault::FaultKind;
use crate::model::reference::OciReference;
use artifact::Refusal;

/// Why a source did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{host} cannot be reached: {why}")]
    Unreachable { host: String, why: String },
    #[error("{source_name} does not have {what}")]
    NotFound { source_name: String, what: String },
    #[error("{host} does not let us read {what} ({status}){}", said(message))]
    Denied { host: String, what: String, status: u16, message: String },
    #[error("{host} answered {status} when asked for {what}{}", said(message))]
    Status { host: String, what: String, status: u16, message: String },
    #[error("{host} wants credentials for {what}, which sesame does not send yet")]
    Credentials { host: String, what: String },
    #[error("{host} gives no token: {why}")]
    Token { host: String, why: String },
    #[error("{source_name} gives other bytes than asked for: expected {expected}, found {found}")]
    WrongDigest { source_name: String, expected: Digest, found: Digest },
    #[error("{source_name} contradicts itself: its header says {header}, its answer has {found}")]
    Header { source_name: String, header: String, found: Digest },
    #[error("{source_name} gives more than {limit} bytes for {what}")]
    TooLong { source_name: String, what: String, limit: u64 },
    #[error("{host} compresses its answer ({encoding}), which nobody asked for")]
    Encoded { host: String, encoding: String },
    #[error("{reference} is no extension")]
    Refused {
        reference: OciReference,
        #[source]
        refusal: Refusal,
    },
    #[error("{} is not an OCI image layout: {why}", path.display())]
    NotALayout { path: PathBuf, why: String },
    #[error("{} has a wrong digest", path.display())]
    LayoutDigest {
        path: PathBuf,
        #[source]
        source: DigestError,
    },
    #[error("{} has {count} different entries for {reference}", path.display())]
    Ambiguous { path: PathBuf, reference: OciReference, count: usize },
    #[error("cannot read {}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{what} is needed, and --offline forbids asking {host}")]
    Offline { host: String, what: String },
    #[error("no source gives {what}: {}", attempts(tried))]
    All { what: String, tried: Vec<Error> },
    #[error("the transport cannot be set up: {0}")]
    Transport(String),
    #[error("the proxy `{0}` is no URL")]
    Proxy(String),
    /// The sink took no more. It knows why.
    #[error("the bytes could not be kept")]
    Stopped,
}

impl Error {
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Unreachable { .. }
            | Self::NotFound { .. }
            | Self::Status { .. }
            | Self::Token { .. }
            | Self::Ambiguous { .. }
            | Self::Offline { .. } => FaultKind::Unavailable,
            Self::Denied { .. } | Self::Credentials { .. } => FaultKind::Denied,
            Self::WrongDigest { .. } | Self::Header { .. } | Self::TooLong { .. } | Self::Encoded { .. } => {
                FaultKind::Integrity
            }
            Self::Refused { .. } => FaultKind::Data,
            Self::NotALayout { .. } | Self::LayoutDigest { .. } | Self::Transport(_) | Self::Proxy(_) => {
                FaultKind::Configuration
            }
            Self::Io { .. } | Self::Stopped => FaultKind::Io,
            Self::All { tried, .. } => tried.iter().map(Self::kind).min().unwrap_or(FaultKind::Unavailable),
        }
    }
}

/// The whole chain of an error in one line.
fn line(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", line(source)),
        None => error.to_string(),
    }
}

/// The innermost cause of an error: of a network's errors the only telling one.
fn root(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => root(source),
        None => error.to_string(),
    }
}

fn attempts(tried: &[Error]) -> String {
    tried.iter().map(|error| line(error)).collect::<Vec<_>>().join("; ")
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
