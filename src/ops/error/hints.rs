//! What to do about each error: with `registry_hints` for those of a registry, and `folder` for those of a granted folder. They belong to the report, so that people, JSON
//! and users of the library are told the same.

use std::io::ErrorKind;

use crate::compiler::inspection::ComponentError;
use crate::compiler::settings::CompilerSettings;
use crate::engine::compile::CompileError;
use crate::engine::error::InspectError;
use crate::host::functions::FunctionNotFound;
use crate::host::load::LoadError;
use crate::host::termination::TerminationCause;
use crate::model::capability::Capability;
use crate::model::digest::Digest;
use crate::model::fault::FaultKind;
use crate::model::file_kind::FileKind;
use crate::model::manifest::edit::ManifestEditError;
use crate::model::name::ExtensionName;
use crate::model::plan::step::StepKind;
use crate::model::report::sync::{ExtensionStatus, SyncReport};
use crate::model::text::list;
use crate::ops::error::bundle::BundleError;
use crate::ops::error::edit::EditError;
use crate::ops::error::lock::LockError;
use crate::ops::error::policy::PolicyError;
use crate::ops::error::profile::ProfileError;
use crate::ops::error::project::ProjectError;
use crate::ops::error::run::RunError;
use crate::store::Error as Store;

use super::Error;
use super::registry_hints::registry;

impl Error {
    /// The next step, as one sentence without a period at its end.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Project(error) => return of_project(error),
            Self::Lock(error) => return of_lock(error),
            Self::Policy(error) => return of_policy(error),
            Self::Profile(error) => return of_profile(error),
            Self::Edit(error) => return of_edit(error),
            Self::Bundle(error) => return of_bundle(error),
            Self::Run(error) => return of_run(error),
            Self::Interrupted | Self::Runtime(_) => {
                return None;
            }
            Self::Incomplete(report) => incomplete(report),
            Self::Unusable(source) => unusable(source),
            Self::NoCodeFolder { .. } => "make room there, or make it a folder that you can write to".to_owned(),
            Self::NoCompiler(_) => {
                "look whether that program can be run, and whether more processes can be started".to_owned()
            }
            Self::PutBack(_) => {
                "manifest and lock are as before; run the same command again once it is mended".to_owned()
            }
            Self::Bug(_) => "please report it, with what you ran".to_owned(),
            Self::Load(LoadError::Map(_) | LoadError::Read(_) | LoadError::Refused(_)) => {
                "`sesame doctor` tries what this machine allows".to_owned()
            }
            Self::Load(LoadError::NoMemory(_)) => "close other programs, or give the container more memory".to_owned(),
            Self::Load(_) => return None,
            Self::Engine(_) => return None,
            Self::Registry(error) => return registry(error),
            Self::Store(error) => return store(error),
        };
        Some(hint)
    }
}

fn of_project(error: &ProjectError) -> Option<String> {
    let hint = match error {
        ProjectError::NoManifest { .. } => {
            "`sesame init` writes one here; `--manifest PATH` names one elsewhere".to_owned()
        }
        ProjectError::NoSuchManifest(_) => {
            "look at the path, or write one there with `sesame init --manifest PATH`".to_owned()
        }
        ProjectError::ForeignFile { manifest, .. } => {
            format!("if you trust it, name the manifest yourself: `--manifest {}`", manifest.display())
        }
        ProjectError::WitExists(_) => "remove it if it is an older one, or name another folder".to_owned(),
        ProjectError::Exists(_) => "edit it, or name another place with `--manifest PATH`".to_owned(),
        ProjectError::Problems(_) | ProjectError::Read { .. } => {
            return None;
        }
        ProjectError::MissingFile { place, .. } => format!("build or copy the file, or mend its `path` at {place}"),
        ProjectError::ComponentTooLarge { .. } => "build it without debugging information".to_owned(),
        ProjectError::NotAComponentFile { .. } => "name a built component in `path`".to_owned(),
        ProjectError::UnusableFile { source, .. } => unusable(source),
        ProjectError::NotOurFolder(path) => format!("move {} away, or have its owner give it to you", path.display()),
        ProjectError::NoSuchFile(_) | ProjectError::NotUtf8(_) => "look at the path".to_owned(),
        ProjectError::NotAComponent { kind: kind @ FileKind::CoreModule, .. } => kind.hint().to_owned(),
        ProjectError::NotAComponent { .. } => "name a built component".to_owned(),
        ProjectError::FileTooLarge { .. } => "build it without debugging information".to_owned(),
    };
    Some(hint)
}

fn of_lock(error: &LockError) -> Option<String> {
    let hint = match error {
        LockError::Extensions { .. } => {
            return None;
        }
        LockError::ChangedFile { .. } => "run `sesame lock` if the change is meant".to_owned(),
        LockError::NoLock => "run `sesame lock` and commit the file".to_owned(),
        LockError::Stale { .. } => "run `sesame lock` and commit the file".to_owned(),
        LockError::TooLarge { .. } => "leave out the extension with the many imports or exports".to_owned(),
        LockError::NotAsLocked { name, .. } => {
            format!("restore sesame.lock from git, or resolve it again: `sesame lock -P {name}`")
        }
        LockError::NoVersion { newest: Some(newest), .. } => {
            format!("write `version = \"{newest}\"`, or a range that has it")
        }
        LockError::NoVersion { .. } => {
            "pre-releases are taken only where `version` names one; other tags stand in `oci`".to_owned()
        }
        LockError::BadSize { .. } => "tell whoever published it; its manifest is broken".to_owned(),
    };
    Some(hint)
}

fn of_policy(error: &PolicyError) -> Option<String> {
    let hint = match error {
        PolicyError::NotGranted { name, remedy, .. } => format!("if you trust `{name}` with it, {remedy}"),
        PolicyError::UnreadableDependent { source, .. } => {
            let also = match **source {
                Error::Store(_) => "; `sesame verify` names what is damaged",
                _ => "",
            };
            format!("repair it, or remove the grant of `fs-write`{also}")
        }
        PolicyError::WrittenByOther { name, manifest, read, .. } => {
            format!(
                "in {manifest}, grant `{name}` a folder that neither holds {} nor lies in it, and run `sesame sync` there",
                read.display()
            )
        }
        PolicyError::Folder { source, .. } => source.hint(),
        PolicyError::Problems(_) => return None,
        PolicyError::NotOffered { .. } | PolicyError::Link { .. } => {
            "`sesame wit` prints what this host has; ask its author for a build against it, or update sesame".to_owned()
        }
        PolicyError::PolicyChanged { .. } => "run `sesame sync`".to_owned(),
    };
    Some(hint)
}

fn of_profile(error: &ProfileError) -> Option<String> {
    let hint = match error {
        ProfileError::NoExtension { closest: Some(closest), .. } => format!("did you mean `{closest}`?"),
        ProfileError::NoExtension { .. } => {
                "`sesame extension list` shows what is live; `sesame sync` makes live what the manifest wants"
                    .to_owned()
            }
        ProfileError::OtherManifest { .. } => {
                "`profile = \"NAME\"` in sesame.toml, or `--profile NAME`, makes another live set; `sesame sync --adopt` replaces what is live by this manifest's set"
                    .to_owned()
            }
        ProfileError::NoGeneration { known, .. } if known.is_empty() => "`sesame sync` makes the first".to_owned(),
        ProfileError::NoGeneration { known, .. } => {
                format!("there are {}", known.iter().map(u64::to_string).collect::<Vec<_>>().join(", "))
            }
        ProfileError::NothingActive { .. } => "`sesame sync` makes the manifest's set live; `--profile NAME` names another profile".to_owned(),
        ProfileError::Taken { .. } => "`--profile NAME` makes another live set".to_owned(),
        ProfileError::NoEarlier { .. } => "`sesame generations` lists what there is".to_owned(),
        ProfileError::IsActive { .. } => "make another live first: `sesame rollback N`, or `sesame sync`".to_owned(),
        ProfileError::InUse { .. } => "end the programs that run them, or leave it to a later sync".to_owned(),
        ProfileError::NotWhole { .. } => "`sesame verify --repair` fetches them again".to_owned(),
    };
    Some(hint)
}

fn of_edit(error: &EditError) -> Option<String> {
    let hint = match error {
        EditError::IsRange { name, .. } => format!(
            "`sesame upgrade {name}` takes the newest that fits; with a tag behind the repository, `add` pins it"
        ),
        EditError::NoName { .. } => "give it one with `--name NAME`: lower-case letters, digits and `-`".to_owned(),
        EditError::Manifest { file, source: ManifestEditError::NoPlace { line } } => {
            format!("write `{line}` among the extensions in {file} by hand and run `sesame sync`")
        }
        EditError::Manifest {
            file,
            source: ManifestEditError::Form { line: Some(line), .. } | ManifestEditError::Comment { line, .. },
        } => {
            format!("write `{line}` into its entry in {file} by hand and run `sesame sync`")
        }
        EditError::Manifest { file, source: ManifestEditError::Removal(name) } => {
            format!("take `{name}` out of {file} by hand and run `sesame sync`")
        }
        EditError::Manifest { file, .. } => format!("change {file} by hand and run `sesame sync`"),
        EditError::NoConsent { capabilities, .. } => {
            format!("if you trust it with that, add `{}`, or `--grant-all`", grant_options(capabilities))
        }
        EditError::Inherits { name, .. } => {
            format!("grant them to it with `--grant` or `--grant-all`, or first `sesame extension remove {name}`")
        }
        EditError::Declined { .. } => "nothing was changed".to_owned(),
        EditError::ChangedMeanwhile(_) => "run the command again".to_owned(),
        EditError::CopyExists { .. } => {
            "move the file away, or give the extension another name with `--name NAME`".to_owned()
        }
        EditError::NotPutBack { .. } => {
            "look at sesame.toml, extensions/ and sesame.lock, and run `sesame sync`".to_owned()
        }
    };
    Some(hint)
}

fn of_bundle(error: &BundleError) -> Option<String> {
    let hint = match error {
        BundleError::Declined => "nothing was changed".to_owned(),
        BundleError::OutsideFile { name, .. } => {
                format!("copy it below that folder, or publish it with `sesame extension push`, and mend the source of `{name}`")
            }
        BundleError::UncarriedFile { name, .. } => format!("give the file another name, and change the source of `{name}`"),
        BundleError::Path(_) => "name an archive, FILE.tar, or a folder; bundles are not compressed".to_owned(),
        BundleError::Taken(_) => "name a file or folder of its own".to_owned(),
        BundleError::ComponentExists(_) => {
                "move it away; `--replace` replaces it only where the manifest that is there names it, or the store has it too".to_owned()
            }
        BundleError::Unusable { .. } => "make it again with `sesame bundle export`".to_owned(),
        BundleError::ProjectExists { .. } => {
                "`--replace` puts the bundle's files in their place; `--manifest FOLDER` writes them into another folder"
                    .to_owned()
            }
        BundleError::NoConsent { .. } => "if you trust it with that, add `--grant-all`".to_owned(),
        BundleError::LinkInTheWay { .. } => {
                "move the link away, or name the folder that it leads to with `--manifest FOLDER`".to_owned()
            }
    };
    Some(hint)
}

fn of_run(error: &RunError) -> Option<String> {
    let hint = match error {
        RunError::UnusableExtension { source, .. } => unusable(source),
        RunError::NoCode { .. } | RunError::BadCode { .. } => "run `sesame sync`".to_owned(),
        RunError::Secrets { path, .. } => {
            format!("write `NAME = \"VALUE\"` lines into it, and `chmod 600 {}`", path.display())
        }
        RunError::NotMetered { name } => format!("set `max_fuel` in the limits of `{name}` and run `sesame sync`"),
        RunError::NoFunction { source, .. } => no_function(source),
        RunError::Arguments { function, .. } | RunError::Argument { function, .. } => {
            format!("its signature is `{function}`")
        }
        RunError::Result { .. } => "resources and streams have no text; call it from a program".to_owned(),
        RunError::Stopped { name, stop } => return stopped(name, &stop.cause),
        RunError::Call { .. } => return None,
    };
    Some(hint)
}

fn incomplete(report: &SyncReport) -> String {
    let failed = report.extensions.iter().filter(|extension| extension.status == ExtensionStatus::Failed);
    // What cannot be used will not be usable the next time either.
    let hopeless = failed.filter(|extension| extension.faults.iter().any(|fault| fault.kind == FaultKind::Data));
    let names: Vec<&str> = hopeless.map(|extension| extension.name.as_str()).collect();
    let without = match names.as_slice() {
        [] => String::new(),
        names => format!("; to go on without {0}, take {0} out of the manifest", names.join(" and ")),
    };
    let done = || report.steps.iter().filter(|step| step.is_done()).map(|step| &step.step.kind);
    let verified = done().any(|action| matches!(action, StepKind::Verify { .. }));
    let compiled = done().any(|action| matches!(action, StepKind::Compile { .. }));
    let kept = match (verified, compiled) {
        (true, true) => "; what was fetched and compiled is kept",
        (true, false) => "; what was fetched is kept",
        (false, true) => "; what was compiled is kept",
        (false, false) => "",
    };
    let live = match report.generation {
        Some(generation) => format!("generation {generation} is still live"),
        None => "run `sesame sync` again once it is mended".to_owned(),
    };
    live + kept + &without
}

fn unusable(why: &ComponentError) -> String {
    match why {
        ComponentError::Inspect(InspectError::TooMany { .. } | InspectError::LongName { .. }) => {
            "ask its author for a simpler build".to_owned()
        }
        ComponentError::Inspect(InspectError::Features { .. }) => {
            "build it without that; the README lists what this host has".to_owned()
        }
        ComponentError::Inspect(InspectError::WitPackage) => {
            "name the component that implements it; a WIT package is for those who build one".to_owned()
        }
        ComponentError::Inspect(_) => "build it again, or ask its author for a build with current tools".to_owned(),
        ComponentError::Compile(CompileError::NotAComponent(kind)) => kind.hint().to_owned(),
        ComponentError::Compile(CompileError::Failed(_)) => "ask its author for a build with current tools".to_owned(),
        ComponentError::Panicked(_) => "it may be a fault of the compiler: please report it, with the component".to_owned(),
        ComponentError::Timeout(_) => {
            let usual = CompilerSettings::TIMEOUT;
            format!("if you trust it, give it more time with `--compile-timeout SECONDS` ({usual} if not said)")
        }
        ComponentError::Memory(_) => {
            let usual = CompilerSettings::MEMORY;
            format!("if you trust it, give it more with `--compile-memory MIB` ({usual} if not said)")
        }
        ComponentError::Ended(_) => {
            "run the command again; if it ends again, look into the log of the system, or ask its author for a simpler build"
                .to_owned()
        }
        ComponentError::OtherEngine => "give the path of a `sesame` program of this version".to_owned(),
    }
}

/// The options that grant capabilities on the command line.
pub(crate) fn grant_options(capabilities: &[Capability]) -> String {
    capabilities.iter().map(|capability| format!("--grant {capability}")).collect::<Vec<_>>().join(" ")
}

fn no_function(error: &FunctionNotFound) -> String {
    let quoted = |names: &[String]| list(names.iter().map(|name| format!("`{name}`")));
    let more = if error.more == 0 { String::new() } else { format!(" and {} more", error.more) };
    let signatures: Vec<String> = error.known.iter().map(|known| known.signature.clone()).collect();
    if error.is_interface {
        return format!("it is an interface, with {}{more}", quoted(&signatures));
    }
    if !error.of_resources.is_empty() {
        return format!(
            "it exports {}, which cannot be called from here: a resource lives no longer than one call; call it from a program",
            quoted(&error.of_resources)
        );
    }
    match (&error.closest, signatures.as_slice()) {
        (Some(closest), _) => format!("did you mean `{closest}`?"),
        (None, []) => "it exports no functions".to_owned(),
        (None, known) if known.len() > 4 => {
            format!("it exports {}{more}", list(error.known.iter().map(|known| known.name.as_str())))
        }
        (None, known) => format!("it exports {}", quoted(known)),
    }
}

/// A component's file has no manifest whose limits could be raised.
fn stopped(name: &str, cause: &TerminationCause) -> Option<String> {
    let is_installed = name.parse::<ExtensionName>().is_ok();
    let limit = match cause {
        cause if !is_installed && !matches!(cause, TerminationCause::Machine(_)) => return None,
        TerminationCause::Time(_) => "timeout_ms",
        TerminationCause::Fuel(_) => "max_fuel",
        TerminationCause::Memory(..) => "max_memory_mib",
        TerminationCause::Machine(_) => {
            return Some(
                "the host sets 4 GiB of addresses aside for each memory: `ulimit -v` and the memory of the container must allow that; `sesame doctor` tries it"
                    .to_owned(),
            );
        }
        TerminationCause::Tables
        | TerminationCause::Transfer
        | TerminationCause::Trap(_)
        | TerminationCause::Exit(_)
        | TerminationCause::Other(_) => {
            return Some(format!("`sesame extension log {name}` shows what it has printed"));
        }
    };
    Some(format!(
        "if it needs more, raise `{limit}` where it is set: in its manifest, a policy, or on the command line"
    ))
}

fn store(error: &Store) -> Option<String> {
    let again = |digest: &Digest| format!("run `sesame sync`, which fetches {} again", digest.short());
    match error {
        Store::WrongSize { .. } => {
            Some("if sesame.lock is as it was committed, tell whoever published it; its manifest is wrong".to_owned())
        }
        Store::Damaged { .. } => Some("`sesame verify --repair` puts it aside and fetches it again".to_owned()),
        Store::WrongDigest { .. } => Some(
            "nothing of it was kept; a proxy or mirror between may change bytes, or the registry is damaged".to_owned(),
        ),
        Store::NotAComponent { kind, .. } => Some(kind.hint().to_owned()),
        Store::NoBlob { digest } => Some(again(digest)),
        Store::Untrusted { path, .. } => {
            Some(format!("look who changed it; if it is yours, remove {}", path.display()))
        }
        Store::BadGeneration { is_other: true, .. } => Some("update this sesame, or use the other".to_owned()),
        Store::BadGeneration { .. } => Some(
            "`sesame verify --repair` puts it aside; `sesame generations delete N` removes it".to_owned(),
        ),
        Store::UnknownActive { .. } => Some(
            "`sesame rollback N` makes another generation live, `sesame sync --adopt` the set of the manifest; `sesame generations` lists what there is"
                .to_owned(),
        ),
        Store::OwnedByOther { path, owner, user: 0 } => {
            Some(format!("run it as the user {owner}, without `sudo`; root would leave in {} what that user cannot change", path.display()))
        }
        Store::OwnedByOther { path, .. } => Some(format!(
            "have its owner give it to you, or move {} away; $XDG_DATA_HOME, $XDG_CACHE_HOME and $XDG_STATE_HOME name other places",
            path.display()
        )),
        Store::Io { source, .. } => disk(source),
        Store::Interrupted { .. } => None,
    }
}

/// What to do about a disk.
fn disk(error: &std::io::Error) -> Option<String> {
    let elsewhere = "for sesame's own folders, $XDG_DATA_HOME, $XDG_CACHE_HOME and $XDG_STATE_HOME name other places";
    Some(match error.kind() {
        ErrorKind::StorageFull => {
            "make room on that disk; `df -i` tells whether it is full of files, not of bytes".to_owned()
        }
        ErrorKind::QuotaExceeded => "make room within your quota".to_owned(),
        ErrorKind::ReadOnlyFilesystem => format!("it is mounted read-only; {elsewhere}"),
        ErrorKind::PermissionDenied => format!("look whose it is and what its mode is; {elsewhere}"),
        _ => match error.raw_os_error()? {
            libc::ENOLCK | libc::EOPNOTSUPP | libc::ENOSYS => {
                format!("that disk has no file locks, as some network disks have none; {elsewhere}")
            }
            libc::EMFILE => "too many files are open; `ulimit -n` allows more".to_owned(),
            _ => return None,
        },
    })
}
