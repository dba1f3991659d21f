//! What `add` and `install` share: the options of a new extension, and how it gets in.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::capabilities;
use crate::cli::invocation::Invocation;
use crate::cli::options::{ProfileOption, ResourceOptions};
use crate::cli::render::failure::CommandError;
use crate::cli::terminal::consent::ask_for_grants;
use crate::cli::terminal::environment::Environment;
use sesame::model::capability::grant::Grant;
use sesame::model::name::ExtensionName;
use sesame::model::reference::reference_or_repository::ReferenceOrRepository;
use sesame::model::report::extension::InstallReport;
use sesame::model::version::Requirement;
use sesame::ops::edit::consent::{Consent, ConsentRequest};
use sesame::ops::edit::install::{InstallOptions, install};
use sesame::ops::edit::install_source::{DeclaredVersions, InstallSource};
use sesame::ops::edit::manifest_files::InstallTarget;
use sesame::ops::edit::transaction::AfterEdit;
use sesame::ops::project::Project;

/// What is said of an extension that is new, wherever it is written.
#[derive(Debug, Clone, Args)]
pub struct NewExtensionOptions {
    /// What to call it [default: the last part of the reference, or the file's stem]
    #[arg(long, value_name = "NAME")]
    pub name: Option<ExtensionName>,
    /// Which versions to allow: `^1.2`, `~1.2.3`, `*` [default: those compatible with the newest release]
    #[arg(long, value_name = "REQUIREMENT", conflicts_with = "exact")]
    pub version: Option<Requirement>,
    /// Declare one tag, and not a range of versions
    #[arg(long)]
    pub exact: bool,
    /// Grant a capability, `config-read`, or a part of one, `secret-read=api-token`; may be given several times
    #[arg(long = "grant", value_name = "CAPABILITY", add = ArgValueCandidates::new(capabilities))]
    pub grants: Vec<Grant>,
    /// Grant everything that it asks for
    #[arg(long)]
    pub grant_all: bool,
    #[command(flatten)]
    pub profile: ProfileOption,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl NewExtensionOptions {
    /// Installs what is new, or takes the place of what has its name.
    pub fn install(
        &self,
        invocation: &Invocation<'_>,
        environment: Environment,
        origin: InstallSource,
        (place, then): (InstallTarget, AfterEdit),
    ) -> Result<InstallReport, CommandError> {
        let project = Project::find_or_default(&environment.search(invocation.globals.manifest.clone()))?;
        let grants = self.grants.iter().map(|grant| environment.absolute(grant)).collect();
        let context = invocation.context_of(environment.clone(), project, &self.resources)?;
        let consent = |request: &ConsentRequest<'_>| match self.grant_all && request.lost_range.is_none() {
            true => Consent::Granted(request.asked()),
            false => ask_for_grants(request, &environment, invocation.output, &context.interrupt),
        };
        let (name, profile) = (self.name.clone(), self.profile.profile.clone());
        let versions = match (&self.version, self.exact) {
            (Some(_), _) if !matches!(origin, InstallSource::Newest(_)) => return Err(CommandError::VersionOfTag),
            (Some(requirement), _) => DeclaredVersions::Requirement(requirement.clone()),
            (None, true) => DeclaredVersions::Exact,
            (None, false) => DeclaredVersions::Usual,
        };
        Ok(install(
            &context,
            &InstallOptions { origin, versions, name, grants, target: place, then, consent: &consent, profile },
        )?)
    }
}

/// Where what is named comes from.
pub fn origin(named: &ReferenceOrRepository) -> InstallSource {
    match named {
        ReferenceOrRepository::Revision(reference) => InstallSource::Registry(reference.clone()),
        ReferenceOrRepository::Repository(repository) => InstallSource::Newest(repository.clone()),
    }
}

/// What comes after the edit.
pub fn after_edit(no_sync: bool) -> AfterEdit {
    if no_sync { AfterEdit::Leave } else { AfterEdit::Sync }
}
