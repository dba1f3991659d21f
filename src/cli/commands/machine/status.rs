//! What `status` found as words for people. Everything that others wrote is escaped here.

use crate::cli::render::lock_changes::{Style, summary};
use crate::cli::render::table::fits;
use sesame::model::report::UpToDate;
use sesame::model::report::status::{Between, Difference, StatusReport};
use sesame::model::text::escape;

pub fn status(report: &StatusReport) -> String {
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
        UpToDate { profile: report.profile.clone(), generation: report.generation, extensions: report.extensions };
    text.push_str(&summary(&live, if report.differences.is_empty() { "up to date:" } else { "differs:" }));
    text
}

fn heading(between: Between) -> &'static str {
    match between {
        Between::ManifestAndMachine => "manifest and this machine",
        Between::ManifestAndLock => "manifest and lock",
        Between::LockAndRegistry => "lock and registry",
        Between::LockAndStore => "lock and store",
        Between::StoreAndCache => "store and cache",
        Between::LockAndLive => "lock and live set",
    }
}

fn line(difference: &Difference) -> String {
    let name = difference.extension.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    let what = format!("  {name}{}", escape(&difference.what));
    let remedy = format!("{} {}", Style::hint("⇒"), escape(&difference.remedy));
    let line = format!("{what}  {remedy}\n");
    if fits(&line) { line } else { format!("{what}\n      {remedy}\n") }
}
