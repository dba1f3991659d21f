//! What `doctor` found as words for people. Everything that others wrote is escaped here.

use crate::cli::render::lock_changes::Style;
use sesame::model::report::doctor::{Check, DoctorReport, State};
use sesame::model::text::escape;

pub fn doctor(report: &DoctorReport) -> String {
    report.checks.iter().map(check).collect()
}

fn check(check: &Check) -> String {
    let state = match check.state {
        State::Good => Style::good("good  "),
        State::Absent => "-     ".to_owned(),
        State::Wrong => Style::error("wrong "),
    };
    let remedy = check.remedy.as_ref().map(|remedy| format!("        {}{}\n", Style::hint("hint: "), escape(remedy)));
    format!("{state}  {}: {}\n{}", escape(&check.about), escape(&check.what), remedy.unwrap_or_default())
}
