//! Warnings, and what `status`, `doctor` and `verify` find.

use crate::cli::commands::machine::{doctor, status, verify};
use crate::cli::render::active_set::set_change;
use crate::cli::render::warning::warning;
use sesame::model::capability::Capability;
use sesame::model::fault::file_problem::FileProblem;
use sesame::model::lock::Staleness;
use sesame::model::manifest::Limits;
use sesame::model::manifest::manifest_path::ManifestPath;
use sesame::model::plan::generation_problem::GenerationProblem;
use sesame::model::plan::set_change::{ExtensionChange, GrantChanges, Replacement, SetChange};
use sesame::model::plan::step::{BlobDescriptor, BlobRole, StepReason};
use sesame::model::report::maintain::verify::{FindingFact, LeftReason, Repair, RepairOutcome};
use sesame::model::report::query::doctor::{CheckFact, ManifestSearch};
use sesame::model::report::query::status::DifferenceFact;
use sesame::model::report::registry::CredentialStatus;
use sesame::model::report::warning::{CredentialsProblem, KeptGrants, Warning};

use super::verb_messages::problems;
use super::{Catalogue, digest, fault, home, name, profile};

pub(super) fn render(catalogue: &mut Catalogue) {
    warnings(catalogue);
    changes(catalogue);
    differences(catalogue);
    checks(catalogue);
    findings(catalogue);
}

fn warnings(catalogue: &mut Catalogue) {
    let (host, place) = (|| "ghcr.io".to_owned(), || "/home/me/.docker/config.json".to_owned());
    let why = || "No space left on device".to_owned();
    for problem in [
        CredentialsProblem::Unreadable { error: why() },
        CredentialsProblem::NotJson,
        CredentialsProblem::Unusable { error: "it holds no `:`".into() },
    ] {
        for registry in [None, Some(host())] {
            let ignored = Warning::CredentialsIgnored { place: place(), registry, why: problem.clone() };
            catalogue.words(&problem, &warning(&ignored), &[]);
            catalogue.words(&ignored, &warning(&ignored), &[]);
        }
    }
    for told in [
        Warning::LimitLowered { extension: name("clock"), limit: "timeout_ms", declared: 9000, allowed: 5000 },
        Warning::UnusedGrants { extension: name("clock"), capabilities: vec![Capability::ConfigRead] },
        Warning::GrantsNotNeeded { capabilities: vec![Capability::Notification] },
        Warning::UnusableFolder { extension: name("clock"), fault: fault() },
        Warning::NotNarrowed {
            profile: profile(),
            extensions: vec![KeptGrants { name: name("clock"), grants: vec!["config-read".into(), "env=TZ".into()] }],
            fault: fault(),
        },
        Warning::DamageReplaced {
            extensions: vec![name("clock")],
            reason: StepReason::Damaged { problem: FileProblem::OtherDigest { found: digest(2) } },
        },
        Warning::ActiveElsewhere { extension: name("clock"), profile: profile(), grants: Vec::new() },
        Warning::ActiveElsewhere { extension: name("clock"), profile: profile(), grants: vec!["env=TZ".into()] },
        Warning::EarlierLock { earlier: "sesame.lock".into(), lock: "work.lock".into() },
        Warning::LeftOver { fault: fault() },
        Warning::NotPruned { fault: fault() },
        Warning::FolderMadePrivate { folder: "/home/me/.cache/pds".into() },
        Warning::MirrorPassedOver { source: "mirror.example".into(), fault: fault() },
        Warning::CertificateUnchecked { host: host() },
        Warning::CredentialsHidden { host: host(), place: place() },
        Warning::CredentialsLeft { host: host(), place: place() },
        Warning::VersionsUnknown { extension: name("clock"), fault: fault() },
        Warning::FunctionsDamaged,
        Warning::FunctionsNotKept { why: why() },
        other_profile_active(true),
        other_profile_active(false),
        Warning::FunctionCacheFull { limit: 1 << 30 },
        Warning::CompilerUnconfined { why: "Function not implemented".into() },
    ] {
        catalogue.words(&told, &warning(&told), &[]);
    }
}

fn other_profile_active(is_name_free: bool) -> Warning {
    Warning::OtherProfileActive { declared: profile(), active: "home".parse().unwrap(), extensions: 3, is_name_free }
}

fn changes(catalogue: &mut Catalogue) {
    let source = || "ghcr.io/my-org/clock:1.0.0".to_owned();
    let manifest = |path: &str| ManifestPath::new(&home(path));
    let changed = ExtensionChange {
        name: name("clock"),
        source: Some(Replacement { from: source(), to: "ghcr.io/my-org/clock:1.1.0".into() }),
        component: Some(Replacement { from: digest(1), to: digest(2) }),
        provenance: None,
        lock_record: false,
        grants: GrantChanges {
            added: vec!["config-read".into()],
            removed: vec!["notification".into()],
            changed: vec![Replacement { from: "secret-read=pin,token".into(), to: "secret-read=pin".into() }],
        },
        limits: Some(Replacement {
            from: Limits::default(),
            to: Limits { timeout_ms: Some(500), max_fuel: Some(1_000_000), ..Limits::default() },
        }),
        config: true,
        locked: true,
    };
    for change in [
        SetChange::Added { name: name("clock"), source: source(), grants: vec!["config-read".into()], locked: true },
        SetChange::Removed { name: name("clock"), source: source() },
        SetChange::Changed(Box::new(changed)),
        SetChange::SharedConfig,
        SetChange::Manifest { from: manifest("old/sesame.toml"), to: manifest("dotfiles/sesame.toml") },
    ] {
        catalogue.words(&change, &set_change(&change), &[]);
    }
    for reason in [
        StepReason::NotInStore,
        StepReason::Damaged { problem: FileProblem::OtherDigest { found: digest(2) } },
        StepReason::NotCompiled,
        StepReason::EngineChanged,
        StepReason::MeteringChanged,
        StepReason::CodeDamaged { problem: FileProblem::OtherMac },
        StepReason::FirstGeneration,
        StepReason::SetChanged,
        StepReason::Requested,
        StepReason::Undeclared,
        StepReason::Superseded,
    ] {
        catalogue.words(&reason, &reason.to_string(), &[]);
    }
}

fn differences(catalogue: &mut Catalogue) {
    let reference = || "ghcr.io/my-org/clock:1.0.0".to_owned();
    let blob = BlobDescriptor { digest: digest(1), role: BlobRole::Component { size: 70_000 } };
    for fact in [
        DifferenceFact::Refused { fault: fault() },
        DifferenceFact::NoLock,
        DifferenceFact::Stale { why: Staleness::NotLocked },
        DifferenceFact::NotGranted { fault: fault() },
        DifferenceFact::Gone { fault: fault() },
        DifferenceFact::Unreachable { fault: fault() },
        DifferenceFact::TagMoved { reference: reference(), provenance: digest(2) },
        DifferenceFact::TagUnresolved { reference: reference(), fault: fault() },
        DifferenceFact::NotStored { blob, reason: StepReason::NotInStore },
        DifferenceFact::NotCompiled { reason: StepReason::NotCompiled },
        DifferenceFact::NotCompiled { reason: StepReason::CodeDamaged { problem: FileProblem::OtherMac } },
        DifferenceFact::UnknownActive { fault: fault() },
        DifferenceFact::NothingActive,
        DifferenceFact::Set { change: SetChange::SharedConfig },
    ] {
        catalogue.words(&fact, &status::fact(&fact), &[]);
    }
}

fn checks(catalogue: &mut Catalogue) {
    let path = || "/home/me/.local/share/pds".to_owned();
    let host = || "ghcr.io".to_owned();
    let protocol = || "HTTP/2.0".to_owned();
    let registry =
        |credentials, denied| CheckFact::Registry { host: host(), protocol: protocol(), credentials, denied };
    let manifest = |found| CheckFact::Manifest { path: path(), extensions: 2, found };
    let active = |made_by| CheckFact::Active { profile: profile(), generation: 7, extensions: 2, made_by };
    for fact in [
        CheckFact::Failed { extension: None, fault: fault(), problems: problems() },
        CheckFact::Program { version: "0.1.0".into(), wasmtime: "48.0.0".into(), engine_key: "ab".into() },
        CheckFact::Space { folder: path(), free: 1 << 30 },
        CheckFact::LittleSpace { folder: path(), free: 1 << 20 },
        CheckFact::CreatedLater { path: path() },
        CheckFact::Permissions { folder: path(), problem: FileProblem::WritableByOthers { mode: 0o777 } },
        CheckFact::Key { path: path() },
        CheckFact::KeyUnusable { path: path(), problem: FileProblem::NotAKey },
        CheckFact::NoPolicy,
        CheckFact::Policies { files: vec!["/etc/pds/policy.toml".into()] },
        manifest(ManifestSearch::Option),
        manifest(ManifestSearch::Variable),
        manifest(ManifestSearch::Folder),
        manifest(ManifestSearch::User),
        CheckFact::Lock { path: path() },
        CheckFact::NothingActive { profile: profile() },
        active(None),
        active(Some(ManifestPath::new(&home("work/sesame.toml")))),
        CheckFact::GrantedFolders,
        CheckFact::UnusableFolder { extension: name("clock"), fault: fault() },
        CheckFact::ProfileHeld { generation: 7 },
        CheckFact::NextSync { is_up_to_date: true },
        CheckFact::NextSync { is_up_to_date: false },
        CheckFact::NextNarrowing { changes: vec![SetChange::SharedConfig] },
        CheckFact::NotWritable { folder: path(), why: "permission denied".into(), is_own: true },
        CheckFact::NotWritable { folder: path(), why: "read-only filesystem".into(), is_own: false },
        CheckFact::NoProxies,
        CheckFact::Proxies { schemes: vec!["https".into()], none_for: Some("localhost".into()) },
        CheckFact::Layout { folder: path() },
        CheckFact::NoLayout { folder: path() },
        CheckFact::OnlyMirrors { host: host() },
        CheckFact::Offline { host: host() },
        registry(CredentialStatus::None, None),
        registry(CredentialStatus::Found { place: "/home/me/.docker/config.json".into() }, Some(fault())),
        registry(CredentialStatus::Withheld { setting: "insecure".into() }, None),
        CheckFact::CompilerConfined,
        CheckFact::CompilerUnconfined { why: "Function not implemented".into() },
        CheckFact::CompilerSilent,
        CheckFact::CompilerWarned { warnings: vec![Warning::FunctionsDamaged] },
        CheckFact::CodeRuns { folder: path() },
        CheckFact::CodeCopied { folder: path(), why: "Operation not permitted".into() },
        CheckFact::Memory,
        CheckFact::ProcMounted,
        CheckFact::ProcMissing,
    ] {
        catalogue.words(&fact, &doctor::fact(&fact), &fact.remedies());
    }
}

fn findings(catalogue: &mut Catalogue) {
    for fact in [
        FindingFact::File { problem: FileProblem::Missing },
        FindingFact::Generation { problem: GenerationProblem::NotUtf8 },
        FindingFact::Active { problem: GenerationProblem::NotANumber },
        FindingFact::Problems { problems: problems() },
        FindingFact::Failed { fault: fault() },
    ] {
        catalogue.words(&fact, &verify::fact(&fact), &[]);
    }
    for repair in [
        Repair::MadePrivate,
        Repair::Quarantined { path: "/home/me/.local/share/pds/quarantine/ab".into() },
        Repair::Removed,
        Repair::NewKey,
        Repair::FetchedAgain,
        Repair::CompiledAgain,
    ] {
        let outcome = RepairOutcome::Repaired { repair: repair.clone() };
        catalogue.words(&repair, &verify::note(&outcome).unwrap_or_default(), &[]);
    }
    for reason in [LeftReason::Failed { fault: fault() }, LeftReason::InputMissing] {
        let outcome = RepairOutcome::Left { reason: Some(reason.clone()), remedies: Vec::new() };
        catalogue.words(&reason, &verify::note(&outcome).unwrap_or_default(), &[]);
    }
}
