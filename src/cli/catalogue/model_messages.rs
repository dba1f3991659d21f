//! What is wrong with texts that people write: names, digests, references, grants.

use sesame::model::capability::Capability;
use sesame::model::capability::grant::GrantError;
use sesame::model::digest::DigestError;
use sesame::model::manifest::edit::ManifestEditError;
use sesame::model::name::NameError;
use sesame::model::reference::destination::DestinationError;
use sesame::model::reference::error::ReferenceError;
use sesame::model::registries::MirrorError;
use sesame::model::version::Requirement;

use super::Catalogue;

pub(super) fn render(catalogue: &mut Catalogue) {
    for error in [
        DigestError::Empty,
        DigestError::NoAlgorithm("abcd".into()),
        DigestError::Algorithm("md5".into()),
        DigestError::Length(12),
        DigestError::UpperCase,
        DigestError::NotHex('g'),
    ] {
        catalogue.source(error);
    }
    for error in [
        NameError::Empty,
        NameError::TooLong { found: 100 },
        NameError::Character { name: "Clock".into(), character: 'C' },
    ] {
        catalogue.source(error);
    }
    for error in [
        GrantError::Unknown { name: "secret-reed".into(), closest: Some("secret-read".into()) },
        GrantError::Unknown { name: "gpu".into(), closest: None },
        GrantError::Whole(Capability::Notification),
        GrantError::List(Capability::FsRead),
        GrantError::Unknown { name: "config-read,env".into(), closest: None },
        GrantError::Item(Capability::Env, "an item is empty"),
        GrantError::NotAnItem(Capability::ConfigRead, "true".into()),
        GrantError::WholeAndItems(Capability::ConfigRead),
    ] {
        catalogue.source(error);
    }
    for error in [
        MirrorError::Form("vendor".into()),
        MirrorError::NoFolder,
        MirrorError::Registry { registry: "-x".into(), why: "a host begins with a letter or a digit" },
        MirrorError::Prefix("A/b".into()),
    ] {
        catalogue.source(error);
    }
    references(catalogue);
    catalogue.source("latest".parse::<Requirement>().unwrap_err());
    catalogue.source(ManifestEditError::Syntax("expected a value".into()));
}

fn references(catalogue: &mut Catalogue) {
    let text = || "ghcr.io/my-org/clock".to_owned();
    for error in [
        ReferenceError::Empty,
        ReferenceError::Scheme("https://".into()),
        ReferenceError::File("clock.wasm".into()),
        ReferenceError::NoRegistry("my-org/clock:1.0.0".into()),
        ReferenceError::Registry { registry: "-x".into(), why: "a host begins with a letter or a digit" },
        ReferenceError::NoPrincipal("ghcr.io".into()),
        ReferenceError::NoScope("ghcr.io/clock".into()),
        ReferenceError::EmptyPart("ghcr.io//clock".into()),
        ReferenceError::Repository { component: "My-Org".into(), why: "it has upper-case letters" },
        ReferenceError::RepositoryLength(300),
        ReferenceError::NoRevision(text()),
        ReferenceError::HasRevision("ghcr.io/my-org/clock:1.0.0".into()),
        ReferenceError::RevisionLength(200),
        ReferenceError::Revision { revision: ".1".into(), why: "it begins with `.`" },
        ReferenceError::Provenance(DigestError::Empty),
    ] {
        catalogue.source(error);
    }
    for error in [
        DestinationError::Layout,
        DestinationError::Home,
        DestinationError::Pinned("sha256:ab".into()),
        DestinationError::NoTag(text()),
        DestinationError::Reference(ReferenceError::Empty),
    ] {
        catalogue.source(error);
    }
}
