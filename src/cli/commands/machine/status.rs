//! `sesame status`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::{ProfileOption, ResourceOptions};
use crate::cli::render::active_set::{held_summary, set_change, summary};
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::render::table::fits;
use sesame::model::fault::Fault;
use sesame::model::plan::set_change::SetChange;
use sesame::model::plan::step::StepReason;
use sesame::model::report::query::status::{Difference, DifferenceBetween, DifferenceFact, StatusReport};
use sesame::model::report::sync::{Forecast, SetSummary};
use sesame::model::text::escape;
use sesame::ops::query::generations::check_profile;
use sesame::ops::query::status::{RemoteCheck, status};

#[derive(Debug, Clone, Args)]
pub struct StatusCommand {
    /// Also ask registries: for tags that moved, and for what is locked and gone
    #[arg(long)]
    pub remote: bool,
    #[command(flatten)]
    pub profile: ProfileOption,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl StatusCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context(&self.resources)?;
        let remote = if self.remote { RemoteCheck::Ask } else { RemoteCheck::Leave };
        check_profile(&context, self.profile.profile.as_ref())?;
        let report = status(&context, self.profile.profile.clone(), remote)?;
        invocation.print_result(Data::Status(&report), || words(&report));
        Ok(match &report.next_sync {
            Forecast::Refused { fault, .. } => CommandOutcome::Failed(fault.kind),
            _ if report.is_up_to_date() => CommandOutcome::Done,
            _ => CommandOutcome::Differs,
        })
    }
}

fn words(report: &StatusReport) -> String {
    let mut text = String::new();
    let mut last = None;
    for difference in &report.differences {
        if last != Some(difference.between) {
            text.push_str(&format!("{}\n", Style::strong(heading(difference.between))));
            last = Some(difference.between);
        }
        text.push_str(&line(difference));
    }
    let live =
        SetSummary { profile: report.profile.clone(), generation: report.generation, extensions: report.extensions };
    text.push_str(&match &report.next_sync {
        Forecast::Held { .. } => held_summary(&live),
        _ if report.is_up_to_date() => summary(&live, "up to date:"),
        _ => summary(&live, "differs:"),
    });
    if let Forecast::Refused { fault, narrowing } = &report.next_sync {
        text.push_str(&refused(fault, narrowing));
    }
    text
}

/// What `sync` would be refused for, and what it would remove nevertheless.
fn refused(fault: &Fault, narrowing: &[SetChange]) -> String {
    let mut text = format!("{} `sesame sync` would be refused: {}\n", Style::error("refused:"), escape(&fault.line()));
    text.extend(fault.hints.iter().map(|hint| format!("  {}{}\n", Style::hint("hint: "), escape(&hint.to_string()))));
    if !narrowing.is_empty() {
        text.push_str("  it would narrow the active set:\n");
        text.extend(narrowing.iter().map(|change| format!("    {}", set_change(change))));
    }
    text
}

fn heading(between: DifferenceBetween) -> &'static str {
    match between {
        DifferenceBetween::ManifestAndMachine => "manifest and this machine",
        DifferenceBetween::ManifestAndLock => "manifest and lock",
        DifferenceBetween::LockAndRegistry => "lock and registry",
        DifferenceBetween::LockAndStore => "lock and store",
        DifferenceBetween::StoreAndCache => "store and cache",
        DifferenceBetween::LockAndActive => "lock and live set",
    }
}

fn line(difference: &Difference) -> String {
    // A change of the set names its extension itself.
    let named = difference.extension.as_ref().filter(|_| !matches!(difference.what, DifferenceFact::Set { .. }));
    let name = named.map(|name| format!("{name}: ")).unwrap_or_default();
    let what = format!("  {name}{}", fact(&difference.what).trim_end());
    let remedies: Vec<String> = difference.remedies.iter().map(ToString::to_string).collect();
    if remedies.is_empty() {
        return format!("{what}\n");
    }
    let remedy = format!("{} {}", Style::hint("⇒"), escape(&remedies.join(", or ")));
    let line = format!("{what}  {remedy}\n");
    if fits(&line) { line } else { format!("{what}\n      {remedy}\n") }
}

pub fn fact(fact: &DifferenceFact) -> String {
    let text = match fact {
        DifferenceFact::Refused { fault } => fault.line(),
        DifferenceFact::NoLock => "there is no lock".to_owned(),
        DifferenceFact::Stale { why } => format!("it {why}"),
        DifferenceFact::NotGranted { fault } | DifferenceFact::UnknownActive { fault } => fault.line(),
        DifferenceFact::Gone { fault } => format!("what is locked: {}", fault.line()),
        DifferenceFact::Unreachable { fault } => fault.line(),
        DifferenceFact::TagMoved { reference, provenance } => {
            format!("the tag of {reference} names {} by now", provenance.short())
        }
        DifferenceFact::TagUnresolved { reference, fault } => {
            format!("the tag of {reference} cannot be resolved: {}", fault.line())
        }
        DifferenceFact::NotStored { blob, reason } => {
            format!("its {} {} is {reason}", blob.role, blob.digest.short())
        }
        DifferenceFact::NotCompiled { reason: StepReason::NotCompiled } => "it is not compiled yet".to_owned(),
        DifferenceFact::NotCompiled { reason } => format!("its compiled code is of no use: {reason}"),
        DifferenceFact::NothingActive => "nothing is live yet".to_owned(),
        DifferenceFact::Set { change } => return set_change(change),
    };
    escape(&text).into_owned()
}
