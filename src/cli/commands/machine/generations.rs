//! Reports about generations as words for people. Everything that others wrote is escaped here.

use crate::cli::render::lock_changes::{Style, active_change, live_set, summary};
use sesame::model::report::generations::{GenerationReport, GenerationsReport, RemovedGenerationsReport};
use sesame::model::report::{SyncOutcome, SyncReport};
use sesame::model::text::{count, escape, time};

/// The generations of a profile, each with what it changed.
pub fn list(report: &GenerationsReport) -> String {
    if report.generations.is_empty() {
        return format!("there are no generations in profile `{}`\n", report.profile);
    }
    report.generations.iter().map(generation).collect()
}

fn generation(generation: &GenerationReport) -> String {
    let live = if generation.live { format!("  {}", Style::good("live")) } else { String::new() };
    let number = Style::strong(&generation.number.to_string());
    if let Some(damage) = &generation.damage {
        return format!("{number}{live}  {} {}\n", Style::error("damaged:"), escape(damage));
    }
    let when = generation.activated.map(time).unwrap_or_default();
    let extensions = count(generation.extensions.len(), "extension");
    let changes = generation.changes.iter().map(|change| format!("    {}", active_change(change)));
    format!("{number}  {when}  {extensions}{live}\n{}", changes.collect::<String>())
}

/// What a rollback did.
pub fn rollback(report: &SyncReport) -> String {
    let changes: String = report.changes.iter().map(|change| active_change(change)).collect();
    let outcome = if report.outcome == SyncOutcome::UpToDate { "up to date:" } else { "done:" };
    format!("{changes}{}", summary(&live_set(report), outcome))
}

/// What was removed.
pub fn removed(report: &RemovedGenerationsReport) -> String {
    let numbers: Vec<String> = report.removed.iter().map(u64::to_string).collect();
    format!("{} generation {} of profile `{}`\n", Style::good("removed"), numbers.join(", "), report.profile)
}
