//! What a source is called: a registry by its host, an OCI image layout by its folder.

use std::fmt;
use std::path::PathBuf;

/// Where something was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SourceName {
    /// A registry: `ghcr.io`
    Registry(String),
    /// The folder of an OCI image layout.
    Layout(PathBuf),
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(host) => f.write_str(host),
            Self::Layout(folder) => write!(f, "oci-layout:{}", folder.display()),
        }
    }
}
