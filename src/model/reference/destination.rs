//! Where a component is published: under a reference in its registry, or in a folder in the OCI image layout.

use std::path::PathBuf;
use std::str::FromStr;

use super::OciReference;
use super::error::ReferenceError;

const LAYOUT: &str = "oci-layout:";

/// A place to publish to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub reference: OciReference,
    /// The folder of a layout; where there is none, the reference's own registry is meant.
    pub layout: Option<PathBuf>,
}

/// Why a text names no place to publish to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    #[error("write `oci-layout:FOLDER:REFERENCE`, as in `oci-layout:vendor:ghcr.io/my-org/clock:1.0.0`")]
    Layout,
    #[error("a shell does not make `~` your home folder there; write the folder in full, or use `$HOME`")]
    Home,
    #[error("a digest is what publishing gives; remove `@{0}`")]
    Pinned(String),
    #[error("`{0}` has no tag; add one, as in `{0}:0.1.0`")]
    NoTag(String),
    #[error(transparent)]
    Reference(ReferenceError),
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let (layout, reference) = match text.strip_prefix(LAYOUT) {
            Some(rest) => match rest.split_once(':') {
                Some((folder, _)) if folder.starts_with('~') => return Err(DestinationError::Home),
                Some((folder, reference)) if !folder.is_empty() => (Some(PathBuf::from(folder)), reference),
                _ => return Err(DestinationError::Layout),
            },
            None if is_skopeos(text) => return Err(DestinationError::Layout),
            None => (None, text),
        };
        let reference: OciReference = reference.parse().map_err(|error| match error {
            // What a reference may do instead in a manifest is of no use here.
            ReferenceError::NoRevision(text) => DestinationError::NoTag(text),
            error => DestinationError::Reference(error),
        })?;
        match reference.provenance() {
            Some(digest) => Err(DestinationError::Pinned(digest.to_string())),
            None => Ok(Self { reference, layout }),
        }
    }
}

/// Whether a text is `oci:FOLDER:REFERENCE`, as skopeo writes it, and not a host `oci` with its port.
fn is_skopeos(text: &str) -> bool {
    text.strip_prefix("oci:").is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_a_reference_or_a_reference_in_a_layout() {
        let reference: OciReference = "ghcr.io:443/my-org/clock:1.0.0".parse().unwrap();
        let plain = "ghcr.io:443/my-org/clock:1.0.0".parse();
        assert_eq!(plain, Ok(Destination { reference: reference.clone(), layout: None }));
        let layout = "oci-layout:../vendor:ghcr.io:443/my-org/clock:1.0.0".parse();
        assert_eq!(layout, Ok(Destination { reference, layout: Some("../vendor".into()) }));
        for text in [
            "oci-layout:vendor",
            "oci-layout:",
            "oci:vendor:ghcr.io/my-org/clock:1",
            "oci-layout::ghcr.io/my-org/clock:1",
        ] {
            assert_eq!(text.parse::<Destination>(), Err(DestinationError::Layout), "{text}");
        }
        let pinned = format!("ghcr.io/my-org/clock:1@sha256:{}", "0".repeat(64));
        assert!(matches!(pinned.parse::<Destination>(), Err(DestinationError::Pinned(_))));
        let untagged = "ghcr.io/my-org/clock".parse::<Destination>();
        assert_eq!(untagged, Err(DestinationError::NoTag("ghcr.io/my-org/clock".into())));
        assert!(matches!("clock:1".parse::<Destination>(), Err(DestinationError::Reference(_))));
    }
}
