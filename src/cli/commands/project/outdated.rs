//! `sesame outdated`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::commands::extension::info::annotation_rows;
use crate::cli::completion_candidates::active_names;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::render::table::{headed_table, table};
use sesame::model::capability::Capability;
use sesame::model::name::ExtensionName;
use sesame::model::report::query::outdated::{CapabilityChange, Outdated, OutdatedReport};
use sesame::model::text::{count, escape};
use sesame::model::version::Requirement;
use sesame::ops::error::policy::{capability_list, grant_options};
use sesame::ops::query::outdated::outdated;
use sesame::ops::sync::options::UpgradeSelection;

#[derive(Debug, Clone, Args)]
pub struct OutdatedCommand {
    /// Names of extensions [default: all]
    #[arg(value_name = "NAME", add = ArgValueCandidates::new(active_names))]
    pub names: Vec<ExtensionName>,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl OutdatedCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let selection = UpgradeSelection::of_names(&self.names);
        let report = outdated(&invocation.context(&self.resources)?, &selection)?;
        invocation.print_result(Data::Outdated(&report), || words(&report));
        Ok(match report.unknown() {
            Some(kind) => CommandOutcome::Failed(kind),
            None if report.extensions.is_empty() => CommandOutcome::Done,
            None => CommandOutcome::Differs,
        })
    }
}

/// Which extensions have newer versions.
fn words(report: &OutdatedReport) -> String {
    if report.extensions.is_empty() {
        let looked_at = count(report.checked, "extension");
        return format!(
            "{} none of {looked_at} has a newer version, and no locked tag was moved\n",
            Style::good("up to date:")
        );
    }
    let head = ["name", "locked", "fits", "newest"];
    let rows = report.extensions.iter().map(row);
    let said: String = report.extensions.iter().map(said).collect();
    format!("{}{said}{}", headed_table(&head, rows), hints(report))
}

/// What the author says of the newest that there is.
fn said(row: &Outdated) -> String {
    let (tag, annotations) = match row.fits.is_some() && row.fits != row.locked {
        true => (&row.fits, &row.fits_annotations),
        false => (&row.newest, &row.newest_annotations),
    };
    let (Some(tag), false) = (tag, annotations.is_empty()) else { return String::new() };
    let rows = annotation_rows(annotations).filter(|(name, _)| *name != "version");
    let rows = rows.map(|(name, value)| vec![name.to_owned(), escape(value).into_owned()]);
    format!("{} {}\n{}", Style::strong(row.name.as_str()), escape(tag), table(rows))
}

/// Which command takes what.
fn hints(report: &OutdatedReport) -> String {
    let is_newer = |row: &Outdated| row.fits != row.locked || row.moved.is_some();
    let fits = |row: &&Outdated| row.fits.is_some() && is_newer(row) && row.fault.is_none();
    let (asking, free): (Vec<&Outdated>, Vec<&Outdated>) =
        report.extensions.iter().filter(fits).partition(|row| !row.fits_needs.is_empty());
    let free: Vec<&str> = free.iter().map(|row| row.name.as_str()).collect();
    let mut hints = Vec::new();
    if !free.is_empty() {
        hints.push(format!("`sesame upgrade {}` takes what fits", free.join(" ")));
    }
    for row in &asking {
        let name = &row.name;
        hints.push(if row.fits_denied.is_empty() {
            let grants = grant_options(&row.fits_needs);
            format!("`sesame upgrade {name} {grants}` takes what fits, and grants what it requires")
        } else {
            let denied = capability_list(&row.fits_denied);
            format!("the newest of {name} that fits requires {denied}, which the policy of this machine denies")
        });
    }
    let beyond = report.extensions.iter().filter(|row| row.newest.is_some() && row.newest != row.fits);
    hints.extend(beyond.filter_map(|row| {
        let Outdated { name, repository, newest, .. } = row;
        let range = Requirement::compatible_with(newest.as_deref()?)?;
        let change = row.newest_capabilities.as_ref();
        let added: Vec<Capability> = change.iter().flat_map(|change| &change.added).copied().collect();
        let (grants, and_grants) = match &added[..] {
            [] => (String::new(), ""),
            added => (format!(" {}", grant_options(added)), ", and grants what that requires"),
        };
        Some(format!(
            "`sesame add {repository} --name {name} --version '{range}'{grants}` allows the newest release of {name}{and_grants}"
        ))
    }));
    hints.iter().map(|hint| format!("  {}{hint}\n", Style::hint("hint: "))).collect()
}

fn row(row: &Outdated) -> Vec<String> {
    let tag = |tag: &Option<String>, change: Option<&CapabilityChange>| {
        let tag = tag.as_ref().map_or("-".to_owned(), |tag| escape(tag).into_owned());
        let added = change.into_iter().flat_map(|change| &change.added);
        let added = added.map(|capability| Style::strong(&format!("+{capability}")));
        let removed = change.into_iter().flat_map(|change| &change.removed).map(|capability| format!("-{capability}"));
        [tag].into_iter().chain(added).chain(removed).collect::<Vec<_>>().join(" ")
    };
    let (fits, newest) = (row.fits_capabilities.as_ref(), row.newest_capabilities.as_ref());
    let moved = if row.moved.is_some() { " (moved)" } else { "" };
    let locked = format!("{}{moved}", tag(&row.locked, None));
    vec![row.name.to_string(), locked, tag(&row.fits, fits), tag(&row.newest, newest)]
}
