//! `sesame verify`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use sesame::model::fault::line;
use sesame::model::name::ExtensionName;
use sesame::model::report::maintain::verify::{
    Finding, FindingFact, FindingKind, LeftReason, Repair, RepairOutcome, VerifyReport,
};
use sesame::model::text::{count, escape, size};
use sesame::model::toml::problem::Problem;
use sesame::ops::maintain::verify::verify;
use sesame::ops::sync::options::WriteMode;

#[derive(Debug, Clone, Args)]
pub struct VerifyCommand {
    /// Mend what can be mended: put aside what is wrong, fetch and compile again what is needed
    #[arg(long)]
    pub repair: bool,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl VerifyCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = invocation.context_or_default(&self.resources)?;
        let mode = if self.repair { WriteMode::Write } else { WriteMode::Preview };
        let report = verify(&context, mode)?;
        invocation.print_report(Data::Verify(&report), || words(&report, self.repair));
        Ok(if report.is_wrong() { CommandOutcome::Damaged } else { CommandOutcome::Done })
    }
}

fn words(report: &VerifyReport, repair: bool) -> String {
    let mut text: String = report.findings.iter().map(finding).collect();
    let looked = report.checked;
    let what = [(looked.blobs, "blob"), (looked.code, "compiled component"), (looked.generations, "generation")];
    let what = what.into_iter().chain([(looked.locks, "lock")]).map(|(number, noun)| count(number as usize, noun));
    let looked = format!("{} ({})", what.collect::<Vec<_>>().join(", "), size(looked.bytes));
    let wrong = report.findings.iter().filter(|finding| finding.is_wrong()).count();
    let mended = report.findings.iter().filter(|finding| finding.outcome.is_repaired()).count();
    text.push_str(&match (wrong, mended) {
        (0, 0) => format!("{} nothing is wrong with {looked}\n", Style::good("done:")),
        (0, mended) => format!("{} mended {} of {looked}\n", Style::good("done:"), count(mended, "fault")),
        (wrong, 0) => format!("{}{} in {looked}\n", Style::error("error: "), count(wrong, "fault")),
        (wrong, mended) => {
            format!("{}{} in {looked}; {mended} mended\n", Style::error("error: "), count(wrong, "fault"))
        }
    });
    if wrong > 0 && !repair {
        text.push_str(&format!("  {}`sesame verify --repair` mends what can be mended\n", Style::hint("hint: ")));
    }
    text
}

fn finding(finding: &Finding) -> String {
    let outcome = match finding.outcome {
        RepairOutcome::Found if finding.is_wrong() => Style::warning("wrong"),
        RepairOutcome::Found => "note".to_owned(),
        RepairOutcome::Repaired { .. } => Style::good("mended"),
        RepairOutcome::Left { .. } => Style::error("left"),
    };
    let whose = match finding.extensions.as_slice() {
        [] => String::new(),
        names => format!(" (of {})", names.iter().map(ExtensionName::as_str).collect::<Vec<_>>().join(", ")),
    };
    let what = format!("{} {}{whose}: {}", kind(finding.kind), escape(&finding.path), escape(&fact(&finding.what)));
    let deleted = (finding.outcome == RepairOutcome::Found && !finding.is_wrong())
        .then(|| "the next sync compiles it again".to_owned());
    let note =
        note(&finding.outcome).or(deleted).map(|note| format!("\n        {}", escape(&note))).unwrap_or_default();
    format!("{outcome}  {what}{note}\n")
}

pub fn fact(fact: &FindingFact) -> String {
    match fact {
        FindingFact::File { problem } => problem.to_string(),
        FindingFact::Generation { problem } => line(problem),
        FindingFact::Active { problem } => format!("it cannot be told what is live: {}", line(problem)),
        FindingFact::Problems { problems } => {
            let place = |problem: &Problem| format!("{}:{}: {}", problem.line, problem.column, problem.message);
            problems.iter().map(place).collect::<Vec<_>>().join("; ")
        }
        FindingFact::Failed { fault } => fault.line(),
    }
}

/// How it was mended, or why it was not and what to do.
pub fn note(outcome: &RepairOutcome) -> Option<String> {
    match outcome {
        RepairOutcome::Found => None,
        RepairOutcome::Repaired { repair } => Some(match repair {
            Repair::MadePrivate => "it is this user's alone now".to_owned(),
            Repair::Quarantined { path } => format!("it was put aside, as {path}"),
            Repair::Removed => "it was removed, and is made again when it is needed".to_owned(),
            Repair::NewKey => "there is a new one, and everything is compiled again".to_owned(),
            Repair::FetchedAgain => "it was fetched again".to_owned(),
            Repair::CompiledAgain => "it was compiled again".to_owned(),
        }),
        RepairOutcome::Left { reason: None, remedies } if remedies.is_empty() => {
            Some("it cannot be mended from here".to_owned())
        }
        RepairOutcome::Left { reason, remedies } => {
            let reason = reason.iter().map(|reason| match reason {
                LeftReason::Failed { fault } => fault.line(),
                LeftReason::InputMissing => "what it needs could not be had".to_owned(),
            });
            Some(reason.chain(remedies.iter().map(ToString::to_string)).collect::<Vec<_>>().join("; "))
        }
    }
}

fn kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Folder => "folder",
        FindingKind::Key => "key",
        FindingKind::Generation => "generation",
        FindingKind::Blob => "blob",
        FindingKind::Partial => "unfinished download",
        FindingKind::Code => "compiled code",
        FindingKind::Functions => "compiled functions",
        FindingKind::Lock => "lock",
    }
}
