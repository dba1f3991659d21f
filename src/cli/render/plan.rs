//! A plan and the changes that it makes, in words.

use sesame::model::report::sync::SyncReport;
use sesame::model::text::escape;

use super::active_set::set_change;

/// What changes in the live set, and the plan that gets there.
pub fn changes_and_steps(report: &SyncReport) -> String {
    report.changes.iter().map(set_change).collect::<String>() + &steps(report)
}

/// The plan alone.
pub fn steps(report: &SyncReport) -> String {
    report.steps.iter().map(|step| format!("{}\n", escape(&step.step.to_string()))).collect()
}
