//! What is newer, and what was taken of it, as words for people. Everything that others wrote is escaped here.

use crate::cli::render::lock_changes::{
    Style, live_changes, live_set, lock_change, merged, name_of, summary, to_be_committed,
};
use crate::cli::render::table::headed_table;
use sesame::model::report::outdated::{Outdated, OutdatedReport};
use sesame::model::report::{LockOutcome, SyncOutcome, SyncReport};
use sesame::model::text::{count, escape};

/// Which extensions have newer versions.
pub fn outdated(report: &OutdatedReport) -> String {
    if report.extensions.is_empty() {
        let looked_at = count(report.looked_at, "extension");
        return format!("{} of {looked_at} none has a newer version\n", Style::good("up to date:"));
    }
    let head = ["name", "locked", "fits", "newest", "capabilities"];
    let rows = report.extensions.iter().map(row);
    let fits = |row: &&Outdated| row.fits.is_some() && row.fits != row.locked;
    let fitting: Vec<&str> = report.extensions.iter().filter(fits).map(|row| row.name.as_str()).collect();
    let hint = match fitting[..] {
        [] if report.extensions.iter().any(|row| row.newest.is_some()) => {
            let words = "the manifest does not allow them: change `version` there, or take a tag with `sesame add REPOSITORY:TAG`";
            format!("  {}{words}\n", Style::hint("hint: "))
        }
        [] => String::new(),
        _ => format!("  {}`sesame upgrade {}` takes what fits\n", Style::hint("hint: "), fitting.join(" ")),
    };
    let faults = report.extensions.iter().filter_map(|row| {
        let fault = row.fault.as_ref()?;
        Some(format!("{}{}: {}\n", Style::warning("warning: "), row.name, escape(&fault.message)))
    });
    format!("{}{}{hint}", headed_table(&head, rows), faults.collect::<String>())
}

fn row(row: &Outdated) -> Vec<String> {
    let tag = |tag: &Option<String>| tag.as_ref().map_or("-".to_owned(), |tag| escape(tag).into_owned());
    let added = row.wants.iter().map(|capability| Style::strong(&format!("+{capability}")));
    let removed = row.wants_no_more.iter().map(|capability| format!("-{capability}"));
    let capabilities: Vec<String> = added.chain(removed).collect();
    vec![row.name.to_string(), tag(&row.locked), tag(&row.fits), tag(&row.newest), capabilities.join(" ")]
}

/// What was upgraded.
pub fn upgrade(report: &SyncReport) -> String {
    let lock = report.lock.as_ref().filter(|lock| lock.outcome == LockOutcome::Written);
    let locked_changes = || lock.iter().flat_map(|lock| &lock.changes);
    // What is granted is said of the live set alone.
    let grants =
        |name: &str| report.changes.iter().any(|line| name_of(line) == Some(name) && line.contains("grants: "));
    let told = locked_changes().map(|change| change.name.as_str()).filter(|name| !grants(name)).collect();
    let changes = locked_changes().map(lock_change).collect::<String>() + &live_changes(report, &told);
    let locked = lock.map(to_be_committed);
    let outcome = if report.outcome == SyncOutcome::UpToDate { "up to date:" } else { "done:" };
    let merged = lock.map(merged).unwrap_or_default();
    let hint = match lock {
        Some(_) => String::new(),
        None => {
            format!("  {}`sesame outdated` tells of versions that the manifest does not allow\n", Style::hint("hint: "))
        }
    };
    format!("{merged}{changes}{}{}{hint}", locked.unwrap_or_default(), summary(&live_set(report), outcome))
}
