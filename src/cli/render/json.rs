//! The JSON document: `{"version": 2, "command": …, "warnings": […], "data" or "error": …}`, one a run, on standard output.

use schemars::JsonSchema;
use serde::Serialize;

use sesame::model::fault::Fault;
use sesame::model::lock::LockChange;
use sesame::model::name::ExtensionName;
use sesame::model::plan::set_change::SetChange;
use sesame::model::report::bundle::{ExportReport, ImportReport};
use sesame::model::report::extension::{
    CallReport, FunctionsReport, GrantsReport, InfoReport, InstallReport, ListReport, LogReport, RemoveReport, Removed,
    UpgradeReport,
};
#[cfg(feature = "daemon")]
use sesame::model::report::host::{
    AuditRecordsReport, AuditReport, HostLogReport, HostSecretsReport, HostSetupReport, HostStatusReport,
    HostTestReport,
};
use sesame::model::report::maintain::gc::GcReport;
use sesame::model::report::maintain::purge::PurgeReport;
use sesame::model::report::maintain::verify::VerifyReport;
use sesame::model::report::query::doctor::DoctorReport;
use sesame::model::report::query::generations::{GenerationsDiffReport, GenerationsReport, RemovedGenerationsReport};
use sesame::model::report::query::graph::GraphReport;
use sesame::model::report::query::outdated::OutdatedReport;
use sesame::model::report::query::profiles::{DeletedProfilesReport, ProfilesReport, RenamedProfileReport};
use sesame::model::report::query::status::StatusReport;
use sesame::model::report::query::tags::TagsReport;
use sesame::model::report::query::why::WhyReport;
use sesame::model::report::registry::{LoginReport, LogoutReport, PushReport, RegistryReport};
use sesame::model::report::sync::{DiffReport, LockReport, ReleaseReport, RollbackReport, SyncReport};
use sesame::model::report::warning::Warning;
use sesame::model::report::{CompletionsReport, InitReport, WitReport};
use sesame::model::toml::problem::Problem;
use sesame::ops::error::lock::LockError;
use sesame::ops::error::profile::ProfileError;
use sesame::ops::error::project::ProjectError;
use sesame::ops::error::run::RunError;
use sesame::ops::error::{Error, KeptEdit};

use super::failure::{self, CommandError};
use super::warning::warning as words;

/// The version of the document.
pub const VERSION: u32 = 2;

/// What `--json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["data"]}, {"required": ["error"]}]))]
pub struct Document<'a> {
    #[schemars(range(min = 2, max = 2))]
    pub version: u32,
    /// The command that was run, as it is typed: `extension list`.
    pub command: &'a str,
    /// What the person should know and what stopped nothing.
    pub warnings: Vec<WarningDocument<'a>>,
    /// What it did. Either this or `error` is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Data<'a>>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorDocument<'a>>,
}

/// A warning.
#[derive(Serialize, JsonSchema)]
pub struct WarningDocument<'a> {
    /// What people are told.
    pub message: String,
    #[serde(flatten)]
    pub warning: &'a Warning,
}

/// The report of a command.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Data<'a> {
    Diff(&'a DiffReport),
    Sync(&'a SyncReport),
    Rollback(&'a RollbackReport),
    Release(&'a ReleaseReport),
    Lock(&'a LockReport),
    Init(&'a InitReport),
    Install(&'a InstallReport),
    List(&'a ListReport),
    Info(&'a InfoReport),
    Upgrade(&'a UpgradeReport),
    Remove(&'a RemoveReport),
    Grants(&'a GrantsReport),
    Log(&'a LogReport),
    Call(&'a CallReport),
    #[cfg(feature = "daemon")]
    Host(HostData<'a>),
    Functions(&'a FunctionsReport),
    Wit(&'a WitReport),
    Completions(&'a CompletionsReport),
    Push(&'a PushReport),
    Login(&'a LoginReport),
    Logout(&'a LogoutReport),
    Check(&'a RegistryReport),
    Gc(&'a GcReport),
    Purge(&'a PurgeReport),
    Generations(&'a GenerationsReport),
    Profiles(&'a ProfilesReport),
    DeletedProfiles(&'a DeletedProfilesReport),
    RenamedProfile(&'a RenamedProfileReport),
    Export(&'a ExportReport),
    Import(&'a ImportReport),
    Doctor(&'a DoctorReport),
    Graph(&'a GraphReport),
    Outdated(&'a OutdatedReport),
    Tags(&'a TagsReport),
    Why(&'a WhyReport),
    GenerationsDiff(&'a GenerationsDiffReport),
    Verify(&'a VerifyReport),
    Status(&'a StatusReport),
    RemovedGenerations(&'a RemovedGenerationsReport),
}

/// The report of a command of the host.
#[cfg(feature = "daemon")]
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum HostData<'a> {
    Status(&'a HostStatusReport),
    Setup(&'a HostSetupReport),
    Test(&'a HostTestReport),
    Secrets(&'a HostSecretsReport),
    Log(&'a HostLogReport),
    Audit(&'a AuditReport),
    AuditRecords(&'a AuditRecordsReport),
}

/// A failure.
#[derive(Serialize, JsonSchema)]
pub struct ErrorDocument<'a> {
    /// The exit status.
    pub exit: u8,
    #[serde(flatten)]
    pub fault: Fault,
    /// Faults in files.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub problems: &'a [Problem],
    /// What is wrong with each extension that cannot be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<ExtensionFault<'a>>,
    /// What the lock would have changed for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<LockChange>,
    /// Where a guest was when it was stopped, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<String>,
    /// What taking over another manifest's set would change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<SetChange>,
    /// Where a manifest was looked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub searched: Vec<String>,
    /// What a sync that failed in part has done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<&'a SyncReport>,
    /// How the active set was narrowed after a sync was refused, or would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub narrowing: Option<&'a SyncReport>,
    /// The extensions that `remove` has removed before the sync after it was refused.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub removed: &'a [Removed],
    /// What that changed in the lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<&'a LockReport>,
    /// The change to an extension's grants that stays although the sync after it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<&'a GrantsReport>,
}

/// An extension that cannot be used, and why.
#[derive(Serialize, JsonSchema)]
pub struct ExtensionFault<'a> {
    pub name: &'a ExtensionName,
    #[serde(flatten)]
    pub fault: &'a Fault,
}

impl<'a> WarningDocument<'a> {
    pub fn new(warning: &'a Warning) -> Self {
        Self { message: words(warning), warning }
    }
}

impl<'a> ErrorDocument<'a> {
    pub fn new(failure: &'a CommandError) -> Self {
        let extensions = match failure.refusal() {
            Some(Error::Lock(LockError::Extensions { faults, .. })) => {
                faults.iter().map(|(name, fault)| ExtensionFault { name, fault }).collect()
            }
            _ => Vec::new(),
        };
        let kept = failure.verb().and_then(Error::kept_edit);
        let kept_removal = match kept {
            Some(KeptEdit::Removed(report)) => Some(report),
            _ => None,
        };
        Self {
            exit: failure::status(failure.kind()),
            fault: failure.fault(),
            problems: failure.problems(),
            extensions,
            changes: match failure.refusal() {
                Some(Error::Lock(LockError::Extensions { changes, .. })) => changes.clone(),
                _ => Vec::new(),
            },
            backtrace: match (failure, failure.refusal()) {
                #[cfg(feature = "daemon")]
                (CommandError::Host(failure), _) => failure.backtrace.clone(),
                (_, Some(Error::Run(RunError::Stopped { stop, .. }))) => stop.backtrace.clone(),
                _ => Vec::new(),
            },
            differences: match failure.refusal() {
                Some(Error::Profile(ProfileError::OtherManifest { differences, .. })) => differences.clone(),
                _ => Vec::new(),
            },
            searched: match failure.refusal() {
                Some(Error::Project(ProjectError::NoManifest { searched })) => {
                    searched.iter().map(|path| path.display().to_string()).collect()
                }
                _ => Vec::new(),
            },
            report: failure.report(),
            narrowing: failure.verb().and_then(Error::narrowing),
            removed: kept_removal.map(|report| report.removed.as_slice()).unwrap_or_default(),
            lock: kept_removal.map(|report| &report.lock),
            grants: match kept {
                Some(KeptEdit::Grants(report)) => Some(report),
                _ => None,
            },
        }
    }
}
