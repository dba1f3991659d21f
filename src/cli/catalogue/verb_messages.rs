//! Errors of verbs, domain by domain.

use std::io;

use sesame::engine::error::InspectError;
use sesame::host::grants::ImportRefusal;
use sesame::host::linker::LinkError;
use sesame::model::capability::Capability;
use sesame::model::capability::grant::GrantError;
use sesame::model::digest::Digest;
use sesame::model::file_kind::FileKind;
use sesame::model::lock::Staleness;
use sesame::model::manifest::edit::ManifestEditError;
use sesame::model::manifest::manifest_path::ManifestPath;
use sesame::model::manifest::{Manifest, ManifestSource, OciRange};
use sesame::model::name::NameError;
use sesame::model::toml::problem::Problem;
use sesame::ops::error::Error;
use sesame::ops::error::bundle::{BundleError, BundleFault};
use sesame::ops::error::edit::{ConfirmedAction, EditError};
use sesame::ops::error::folder::{FolderError, ReadAs, Writer};
use sesame::ops::error::lock::{Direction, LockError, LockMismatch};
use sesame::ops::error::policy::{GrantPlace, PolicyError};
use sesame::ops::error::profile::ProfileError;
use sesame::ops::error::project::{ProjectError, UntrustedOwnership};
use sesame::registry::artifact::ArtifactRefusal;
use sesame::store;

use super::{Catalogue, digest, fault, home, name, no_space, profile};

pub(super) fn render(catalogue: &mut Catalogue) {
    project(catalogue);
    lock(catalogue);
    policy(catalogue);
    folders(catalogue);
    profiles(catalogue);
    edit(catalogue);
    bundle(catalogue);
}

pub(super) fn problems() -> Vec<Problem> {
    let bytes = b"[extensions]\nclock = { oci = \"ghcr.io/o/clock:1\", grant = true }\n".to_vec();
    let source = ManifestSource { file: "sesame.toml".into(), folder: home("dotfiles"), bytes };
    Manifest::parse(&source, &[]).unwrap_err()
}

pub(super) fn no_lock() -> LockError {
    LockError::NoLock { lock: "sesame.lock".into(), usual: None, is_earlier: false }
}

pub(super) fn manifest() -> ManifestPath {
    ManifestPath::new(&home("dotfiles/sesame.toml"))
}

fn project(catalogue: &mut Catalogue) {
    let path = || home("dotfiles/extensions/clock.wasm");
    for why in [UntrustedOwnership::Owner(1001), UntrustedOwnership::WorldWritable] {
        catalogue.source(why);
    }
    let ownership = UntrustedOwnership::WorldWritable;
    let place = || "sesame.toml:3:1".to_owned();
    for error in [
        ProjectError::NoManifest { searched: vec![home("dotfiles/sesame.toml"), home(".config/pds/sesame.toml")] },
        ProjectError::NoSuchManifest(home("dotfiles/sesame.toml")),
        ProjectError::NotAManifest { path: home("dotfiles/sesame.conf") },
        ProjectError::ForeignFile { path: path(), why: ownership, manifest: home("dotfiles/sesame.toml") },
        ProjectError::Exists(home("dotfiles/sesame.toml")),
        ProjectError::Read { path: path(), source: io::Error::from(io::ErrorKind::PermissionDenied) },
        ProjectError::Problems(problems()),
        ProjectError::MissingFile { name: name("clock"), place: place(), path: path() },
        ProjectError::NotAComponentFile { name: name("clock"), path: path(), kind: FileKind::CoreModule },
        ProjectError::ComponentTooLarge { name: name("clock"), path: path(), size: 300_000_000 },
        ProjectError::NotFromRegistry { name: name("clock"), path: "extensions/clock.wasm".into() },
        ProjectError::NotUtf8(path()),
        ProjectError::WitExists(home("wit/world.wit")),
        ProjectError::CompletionsExist(home(".local/share/bash-completion/completions/sesame")),
        ProjectError::NoSuchFile(path()),
        ProjectError::NotAComponent { path: path(), kind: FileKind::CoreModule },
        ProjectError::NotAComponent { path: path(), kind: FileKind::Text },
        ProjectError::FileTooLarge { path: path() },
        ProjectError::UnusableFile { path: path(), source: InspectError::WitPackage.into() },
        ProjectError::NotOurFolder(home(".cache/pds")),
    ] {
        catalogue.verb(error);
    }
}

fn lock(catalogue: &mut Catalogue) {
    let interface = || "wasi:http/outgoing-handler@0.2.0".to_owned();
    for mismatch in [
        LockMismatch::Artifact(ArtifactRefusal::NoLayers),
        LockMismatch::Manifest { locked: digest(1) },
        LockMismatch::Component { locked: digest(1) },
        LockMismatch::Size { locked: 70_000, found: 70_001 },
        LockMismatch::More { direction: Direction::Import, interface: interface() },
        LockMismatch::Less { direction: Direction::Export, interface: interface() },
    ] {
        catalogue.source(mismatch);
    }
    let stale = [
        Staleness::NotLocked,
        Staleness::NotWanted,
        Staleness::SourceChanged { locked: "ghcr.io/o/clock:1".into(), wanted: "ghcr.io/o/clock:2".into() },
        Staleness::FileChanged { path: "extensions/clock.wasm".into() },
    ];
    for why in &stale {
        catalogue.words(why, &why.to_string(), &[]);
    }
    let not_granted = PolicyError::NotGranted {
        name: "clock".into(),
        place: GrantPlace::Nowhere,
        capabilities: vec![Capability::ConfigRead],
    };
    let faults = vec![(name("clock"), Error::from(not_granted).fault()), (name("notes"), fault())];
    let range = || {
        let range = OciRange {
            repository: "ghcr.io/o/clock".parse().expect("a repository"),
            requirement: "^2".parse().expect("a requirement"),
        };
        Box::new(range)
    };
    for error in [
        LockError::ChangedFile { name: name("clock"), expected: digest(1), found: digest(2) },
        no_lock(),
        LockError::NoLock { lock: "work.lock".into(), usual: Some("sesame.lock".into()), is_earlier: false },
        LockError::NoLock { lock: "work.lock".into(), usual: Some("sesame.lock".into()), is_earlier: true },
        LockError::Stale {
            lock: "sesame.lock".into(),
            stale: stale.into_iter().map(|why| (name("clock"), why)).collect(),
        },
        LockError::Extensions { faults, changes: Vec::new() },
        LockError::NoVersion { name: name("clock"), range: range(), newest: Some("1.4.0".into()) },
        LockError::NoVersion { name: name("clock"), range: range(), newest: None },
        LockError::BadSize { name: name("clock"), stated: 70_000, found: 70_001 },
        LockError::NotAsLocked { name: name("clock"), source: LockMismatch::Size { locked: 70_000, found: 70_001 } },
        LockError::TooLarge { size: 5_000_000 },
    ] {
        catalogue.verb(error);
    }
}

fn policy(catalogue: &mut Catalogue) {
    let clock = || "clock".to_owned();
    for place in [
        GrantPlace::Nowhere,
        GrantPlace::CommandLine,
        GrantPlace::Generation,
        GrantPlace::Entry { declared_at: "sesame.toml:3:1".into() },
    ] {
        let capabilities = vec![Capability::ConfigRead, Capability::SecretRead];
        catalogue.verb(PolicyError::NotGranted { name: clock(), place, capabilities });
    }
    let refusals = [
        ImportRefusal::NotOffered { import: "wasi:http/types@0.3.0".into(), closest: Some("wasi:http/types".into()) },
        ImportRefusal::NotOffered { import: "acme:gpu/api".into(), closest: None },
        ImportRefusal::NotGranted(Capability::ConfigRead),
    ];
    for refusal in refusals {
        let error = PolicyError::NotOffered { name: clock(), refusals: vec![refusal.clone()] };
        catalogue.words(&refusal, &error.to_string(), &[]);
        catalogue.verb(error);
    }
    for error in [
        PolicyError::Link { name: clock(), source: LinkError::Type("a string was wanted".into()) },
        PolicyError::WrittenByOther {
            profile: profile(),
            name: name("notes"),
            manifest: manifest(),
            folder: home("notes"),
            read: home("notes/sesame.toml"),
            what: ReadAs::Manifest,
            by: home("notes/sesame.toml"),
        },
        PolicyError::Folder { name: clock(), source: FolderError::NoProc(home("notes")) },
        PolicyError::Denied {
            name: clock(),
            capabilities: vec![Capability::SecretRead],
            file: "/etc/pds/policy.toml".into(),
        },
        PolicyError::Problems(problems()),
        PolicyError::PolicyChanged { name: name("clock") },
    ] {
        catalogue.verb(error);
    }
}

fn folders(catalogue: &mut Catalogue) {
    let path = || home("notes");
    let missing = |kind| FolderError::Missing { path: path(), source: io::Error::from(kind) };
    let folders = [
        missing(io::ErrorKind::NotFound),
        missing(io::ErrorKind::NotADirectory),
        missing(io::ErrorKind::PermissionDenied),
        missing(io::ErrorKind::Other),
        FolderError::SesameFolder { path: path(), own: home(".local/share/pds") },
        FolderError::HoldsProtectedPath {
            path: path(),
            read: home("notes/sesame.toml"),
            what: ReadAs::Manifest,
            by: home("notes/sesame.toml"),
        },
        FolderError::NoProc(path()),
        FolderError::System { path: "/usr/lib".into(), system: "/usr".into() },
        FolderError::Holds {
            path: path(),
            inner: home("notes/work"),
            name: name("notes"),
            profile: profile(),
            manifest: manifest(),
        },
        FolderError::Nested { path: path(), outer: "/home".into(), writer: Writer::SameSet },
        FolderError::NoHome("~/notes".into()),
    ];
    for source in folders {
        let key = super::key(&source);
        let error = PolicyError::Folder { name: "notes".into(), source };
        catalogue.verb_under(key, error);
    }
}

fn profiles(catalogue: &mut Catalogue) {
    let profile = || super::profile();
    let known = |numbers: &[u64]| numbers.iter().copied().collect();
    let no_extension = |closest: Option<&str>, known: &[&str]| ProfileError::NoExtension {
        name: name("clok"),
        place: "the profile `work`".into(),
        closest: closest.map(str::to_owned),
        known: known.iter().map(|&name| name.to_owned()).collect(),
    };
    let other_manifest = |is_gone| ProfileError::OtherManifest {
        profile: profile(),
        made_by: manifest(),
        is_gone,
        differences: Vec::new(),
    };
    for error in [
        no_extension(Some("clock"), &["clock"]),
        no_extension(None, &["notes", "greeting"]),
        no_extension(None, &[]),
        ProfileError::SameName { profile: profile() },
        ProfileError::Running { profile: profile() },
        ProfileError::NoProfile { profile: profile(), closest: Some("home".into()) },
        ProfileError::NoProfile { profile: profile(), closest: None },
        ProfileError::ProfileExists { profile: profile() },
        ProfileError::Taken { profile: profile(), made_by: manifest() },
        other_manifest(false),
        other_manifest(true),
        ProfileError::NoGeneration { profile: profile(), number: 9, known: known(&[7, 8]) },
        ProfileError::NoGeneration { profile: profile(), number: 9, known: known(&[]) },
        ProfileError::NoEarlier { profile: profile() },
        ProfileError::NothingActive { profile: profile() },
        ProfileError::IsActive { profile: profile(), number: 7 },
        ProfileError::InUse { profile: profile(), number: 7 },
        ProfileError::NotWhole { number: 7, lost: vec![name("clock"), name("notes")] },
    ] {
        catalogue.verb(error);
    }
}

fn edit(catalogue: &mut Catalogue) {
    let loses_range = |is_pin| EditError::LosesRange {
        name: name("clock"),
        range: "^1".into(),
        reference: "ghcr.io/my-org/clock:2.0.0".into(),
        is_pin,
    };
    let line = || "clock = \"ghcr.io/my-org/clock:1.0.0\"".to_owned();
    let clock = || "clock".to_owned();
    let capabilities = || vec![Capability::ConfigRead, Capability::SecretRead];
    let manifest_errors = [
        ManifestEditError::Syntax("expected a value".into()),
        ManifestEditError::Form { name: clock(), line: Some(line()) },
        ManifestEditError::Form { name: clock(), line: None },
        ManifestEditError::Removal(clock()),
        ManifestEditError::Revocation(clock()),
        ManifestEditError::Comment { comment: "# pinned: 1.1 breaks alarms".into(), line: line() },
        ManifestEditError::NoPlace { line: line() },
    ];
    for source in manifest_errors {
        let key = super::key(&source);
        catalogue.verb_under(key, EditError::Manifest { file: "sesame.toml".into(), source });
    }
    let from = || "ghcr.io/other/clock:1.0.0".to_owned();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let not_granted = |items: &[&str], granted: &[&str]| EditError::NotGranted {
        name: name("clock"),
        capability: Capability::SecretRead,
        items: texts(items),
        granted: texts(granted),
    };
    for error in [
        loses_range(false),
        loses_range(true),
        EditError::GrantForSeveral { names: vec![name("clock"), name("notes")] },
        EditError::IsRange { name: name("clock"), range: "^1".into() },
        EditError::NoName { text: "Clock".into(), source: NameError::Empty },
        EditError::Manifest { file: "sesame.toml".into(), source: ManifestEditError::Removal(clock()) },
        EditError::NoConsent { name: name("clock"), capabilities: capabilities() },
        EditError::Inherits { name: name("clock"), from: from(), capabilities: capabilities() },
        EditError::Declined { name: name("clock") },
        EditError::Unconfirmed { action: ConfirmedAction::ChangeGrants(name("clock")) },
        EditError::Unconfirmed { action: ConfirmedAction::DeleteProfiles(vec![profile()]) },
        EditError::ActionDeclined { action: ConfirmedAction::Purge },
        EditError::ActionDeclined { action: ConfirmedAction::ReplaceRange { name: name("clock"), range: "^1".into() } },
        EditError::Covered {
            name: name("clock"),
            capability: Capability::ConfigRead,
            item: "ui.theme".into(),
            by: "ui".into(),
        },
        EditError::Grants(GrantError::WholeAndItems(Capability::SecretRead)),
        not_granted(&["pin"], &["secret-read=token"]),
        not_granted(&[], &[]),
        EditError::GrantedAsWhole { name: name("clock"), capability: Capability::SecretRead },
        EditError::ChangedMeanwhile(home("dotfiles/sesame.toml")),
        EditError::CopyExists { path: home("dotfiles/extensions/clock.wasm") },
    ] {
        catalogue.verb(error);
    }
}

fn bundle(catalogue: &mut Catalogue) {
    let blob: Digest = digest(1);
    let (file, path) = (|| "extensions/clock.wasm".to_owned(), || home("set.tar"));
    for fault in [
        BundleFault::NoFile { name: "sesame.lock" },
        BundleFault::StrangeFile { name: ".bashrc".into() },
        BundleFault::OutsideFile { name: name("clock"), path: "../clock.wasm".into() },
        BundleFault::TwoComponents { path: file() },
        BundleFault::OtherLock { name: name("clock") },
        BundleFault::OtherSize { digest: blob, expected: 70_000, found: 70_001 },
        BundleFault::NoBlob { digest: blob, name: name("clock") },
        BundleFault::NotAComponent { digest: blob, kind: FileKind::CoreModule },
    ] {
        catalogue.source(fault);
    }
    let files = || vec!["sesame.toml".to_owned(), "sesame.lock".to_owned()];
    for error in [
        BundleError::OutsideFile { name: name("clock"), path: home("clock.wasm") },
        BundleError::UncarriedFile { name: name("clock"), path: home("dotfiles/.build/clock.wasm") },
        BundleError::Path(home("set.zip")),
        BundleError::ComponentExists(home("dotfiles/extensions/clock.wasm")),
        BundleError::Taken(home("vendor")),
        BundleError::Unusable { path: path(), source: BundleFault::NoFile { name: "sesame.lock" } },
        BundleError::ProjectExists { files: files() },
        BundleError::NoConsent {
            files: files(),
            removed: vec!["extensions/notes.toml".into()],
            grants: vec!["config-read to `clock`".into()],
        },
        BundleError::LinkInTheWay { link: home("dotfiles/extensions"), folder: home("dotfiles") },
        BundleError::DropIns { manifest: "work.toml".into() },
        BundleError::Declined,
    ] {
        catalogue.verb(error);
    }
    catalogue.verb(store::Error::Io { action: "write", path: path(), source: no_space() });
}
