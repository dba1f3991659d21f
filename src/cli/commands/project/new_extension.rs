//! What `add` and `install` share: the options of a new extension, and how it gets in.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::capabilities;
use crate::cli::invocation::Invocation;
use crate::cli::options::{ProfileOption, ResourceOptions};
use crate::cli::render::consent::question;
use crate::cli::render::failure::CommandError;
use crate::cli::terminal::environment::Environment;
use crate::cli::terminal::output::{Output, Verbosity};
use crate::cli::terminal::prompt::confirm;
use sesame::model::capability::Grant;
use sesame::model::name::ExtensionName;
use sesame::model::reference::reference_or_repository::ReferenceOrRepository;
use sesame::model::report::extension::InstallReport;
use sesame::ops::context::Interrupt;
use sesame::ops::edit::consent::{Consent, ConsentRequest};
use sesame::ops::edit::install::{InstallOptions, InstallSource, install};
use sesame::ops::edit::manifest_files::InstallTarget;
use sesame::ops::edit::transaction::AfterEdit;
use sesame::ops::project::Project;

/// What is said of an extension that is new, wherever it is written.
#[derive(Debug, Clone, Args)]
pub struct NewExtensionOptions {
    /// What to call it [default: the last part of the reference, or the file's stem]
    #[arg(long, value_name = "NAME")]
    pub name: Option<ExtensionName>,
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
        let context = invocation.context_of(environment, project, &self.resources)?;
        let consent = |asks: &ConsentRequest<'_>| consent(asks, self.grant_all, invocation.output, &context.interrupt);
        let (name, profile) = (self.name.clone(), self.profile.profile.clone());
        Ok(install(
            &context,
            &InstallOptions { origin, name, grants, target: place, then, consent: &consent, profile },
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

/// Asks the person, if there is one and it was not said already.
fn consent(asked: &ConsentRequest<'_>, grant_all: bool, output: &Output, interrupt: &Interrupt) -> Consent {
    if grant_all && asked.lost_range.is_none() { Consent::Granted } else { ask(asked, output, interrupt) }
}

/// Asks the person, if there is one.
pub fn ask(asked: &ConsentRequest<'_>, output: &Output, interrupt: &Interrupt) -> Consent {
    if !output.is_interactive() {
        return Consent::NoPrompt;
    }
    output.say(Verbosity::Quiet, &question(asked));
    confirm(output, interrupt)
}
