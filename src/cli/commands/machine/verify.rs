//! `sesame verify`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use sesame::model::report::maintain::verify::{Finding, FindingKind, RepairOutcome, VerifyReport};
use sesame::model::text::{count, escape, size};
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
    let looked = report.looked_at;
    let what = [(looked.blobs, "blob"), (looked.code, "compiled component"), (looked.generations, "generation")];
    let what = what.into_iter().chain([(looked.locks, "lock")]).map(|(number, noun)| count(number as usize, noun));
    let looked = format!("{} ({})", what.collect::<Vec<_>>().join(", "), size(looked.bytes));
    let wrong = report.findings.iter().filter(|finding| finding.outcome != RepairOutcome::Mended).count();
    let mended = report.findings.len() - wrong;
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
        RepairOutcome::Found => Style::warning("wrong"),
        RepairOutcome::Mended => Style::good("mended"),
        RepairOutcome::Left => Style::error("left"),
    };
    let whose = match finding.extensions.as_slice() {
        [] => String::new(),
        names => format!(" (of {})", names.join(", ")),
    };
    let what = format!("{} {}{whose}: {}", kind(finding.kind), escape(&finding.path), escape(&finding.what));
    let note = finding.note.as_ref().map(|note| format!("\n        {}", escape(note))).unwrap_or_default();
    format!("{outcome}  {what}{note}\n")
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
