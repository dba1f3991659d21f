//! `sesame registry check`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use sesame::model::registries::RegistryPattern;
use sesame::model::report::registry::{CredentialStatus, RegistryAccess, RegistryReport};
use sesame::model::text::escape;
use sesame::ops::publish::login::check_registry_access;

#[derive(Debug, Clone, Args)]
pub struct CheckCommand {
    /// host[:port], or with a namespace, where credentials may be kept for that alone
    #[arg(value_name = "HOST[/NAMESPACE]")]
    pub registry: RegistryPattern,
}

impl CheckCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context_or_default(&ResourceOptions::default())?;
        let report = check_registry_access(&context, &self.registry)?;
        invocation.print_result(Data::Check(&report), || words(&report));
        Ok(if report.access == RegistryAccess::Refused { CommandOutcome::Differs } else { CommandOutcome::Done })
    }
}

/// How a registry was found to be.
fn words(report: &RegistryReport) -> String {
    let credentials = match &report.credentials {
        CredentialStatus::Found { place } => format!("found in {}", escape(place)),
        CredentialStatus::None => "none found".to_owned(),
        CredentialStatus::Withheld { setting } => format!("none sent, because the project sets `{setting}`"),
    };
    let access = match report.access {
        RegistryAccess::Open => format!("{}, anybody is", Style::good("let in")),
        RegistryAccess::Anonymous => format!("{}, without credentials", Style::good("let in")),
        RegistryAccess::In => format!("{}, with these credentials", Style::good("let in")),
        RegistryAccess::Refused => Style::error("not let in"),
    };
    let wants = report.wants.as_ref().map_or("nothing".into(), |wants| escape(wants));
    let mut rows = vec![
        ("registry", escape(&report.registry).into_owned()),
        ("reached", format!("{} over {}", escape(&report.address), escape(&report.protocol))),
        ("wants", wants.into_owned()),
        ("credentials", credentials),
        ("access", access),
    ];
    if let Some(fault) = &report.fault {
        rows.push(("reason", escape(&fault.line()).into_owned()));
        rows.extend(fault.hints.iter().map(|hint| ("hint", escape(&hint.to_string()).into_owned())));
    }
    rows.into_iter().map(|(name, value)| format!("{name:<13}{value}\n")).collect()
}
