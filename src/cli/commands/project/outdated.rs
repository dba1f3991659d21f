//! `sesame outdated`.

use clap::Args;

use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::render::table::headed_table;
use sesame::model::report::query::outdated::{Outdated, OutdatedReport};
use sesame::model::text::{count, escape};
use sesame::ops::query::outdated::outdated;

#[derive(Debug, Clone, Args)]
pub struct OutdatedCommand {
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl OutdatedCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let report = outdated(&invocation.context(&self.resources)?)?;
        invocation.print_result(Data::Outdated(&report), || words(&report));
        Ok(match report.unknown() {
            Some(kind) => CommandOutcome::Unknown(kind),
            None if report.extensions.is_empty() => CommandOutcome::Done,
            None => CommandOutcome::Differs,
        })
    }
}

/// Which extensions have newer versions.
fn words(report: &OutdatedReport) -> String {
    if report.extensions.is_empty() {
        let looked_at = count(report.checked, "extension");
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
    format!("{}{hint}", headed_table(&head, rows))
}

fn row(row: &Outdated) -> Vec<String> {
    let tag = |tag: &Option<String>| tag.as_ref().map_or("-".to_owned(), |tag| escape(tag).into_owned());
    let added = row.wants.iter().map(|capability| Style::strong(&format!("+{capability}")));
    let removed = row.wants_no_more.iter().map(|capability| format!("-{capability}"));
    let capabilities: Vec<String> = added.chain(removed).collect();
    vec![row.name.to_string(), tag(&row.locked), tag(&row.fits), tag(&row.newest), capabilities.join(" ")]
}
