//! The registries of a project as this machine reaches them: what the manifest says of them, and the machine's policy.

use std::sync::Arc;

use crate::model::registries::{LayeredRegistries, Registries};
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::registry::auth::secret::Credential;
use crate::registry::http::timeouts::Timeouts;
use crate::registry::source::selection::SourceSelector;

use super::checks::read_policy;

/// The registries of a project.
///
/// # Errors
/// [`PolicyError::Problems`](crate::ops::error::policy::PolicyError::Problems) if the policy cannot be read.
pub(crate) fn source_selector(context: &Context, project: &Registries) -> Result<SourceSelector, Error> {
    build_selector(context, project, None)
}

/// The same, with the one credential to use instead of those that people have.
///
/// # Errors
/// As [`source_selector`].
pub(crate) fn source_selector_with(
    context: &Context,
    project: &Registries,
    given: Credential,
) -> Result<SourceSelector, Error> {
    build_selector(context, project, Some(given))
}

fn build_selector(context: &Context, project: &Registries, given: Option<Credential>) -> Result<SourceSelector, Error> {
    let policy = read_policy(&context.user)?;
    let settings = LayeredRegistries { project: project.clone(), machine: policy.registries };
    let mut network = context.network.clone();
    network.credentials.credential_override = given;
    network.timeouts = Timeouts::new(context.clock);
    Ok(SourceSelector::new(settings, policy.sources, context.network_mode, network, Arc::clone(&context.observer)))
}
