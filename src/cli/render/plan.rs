//! A plan and the changes that it makes, in words.

use sesame::model::report::sync::SyncReport;
use sesame::model::text::escape;

use super::active_set::set_change;

/// What changes in the live set, and the plan that gets there.
pub fn steps(report: &SyncReport) -> String {
    let changes = report.changes.iter().map(set_change);
    changes.chain(report.steps.iter().map(|step| format!("{}\n", escape(&step.step.to_string())))).collect()
}
