//! `sesame tags`.

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::active_names;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ResourceOptions;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::render::table::headed_table;
use sesame::model::name::ExtensionName;
use sesame::model::reference::reference_or_repository::ReferenceOrRepository;
use sesame::model::report::query::tags::{ListedTag, TagsReport};
use sesame::model::text::escape;
use sesame::ops::query::tags::{TaggedSource, tags};

#[derive(Debug, Clone, Args)]
pub struct TagsCommand {
    /// registry/principal/scope, or the name of an extension of the manifest
    #[arg(value_name = "REPO|NAME", value_parser = parse_source, add = ArgValueCandidates::new(active_names))]
    pub source: TaggedSource,
    #[command(flatten)]
    pub resources: ResourceOptions,
}

impl TagsCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let context = match &self.source {
            TaggedSource::Repository(_) => invocation.context_or_default(&self.resources)?,
            TaggedSource::Extension(_) => invocation.context(&self.resources)?,
        };
        let report = tags(&context, &self.source)?;
        invocation.print_answer(Data::Tags(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

/// Only a repository has a `/`.
fn parse_source(text: &str) -> Result<TaggedSource, String> {
    if !text.contains('/') {
        let name = text.parse::<ExtensionName>();
        return name.map(TaggedSource::Extension).map_err(|error| error.to_string());
    }
    match text.parse::<ReferenceOrRepository>().map_err(|error| error.to_string())? {
        ReferenceOrRepository::Repository(repository) => Ok(TaggedSource::Repository(repository)),
        ReferenceOrRepository::Revision(reference) => {
            Ok(TaggedSource::Repository(reference.without_revision().clone()))
        }
    }
}

/// The tags, one in a line, with the extensions that allow it or are locked to it.
fn words(report: &TagsReport) -> String {
    let names = |names: &[ExtensionName]| names.iter().map(ExtensionName::as_str).collect::<Vec<_>>().join(", ");
    let is_declared = report.tags.iter().any(|tag| !tag.fits.is_empty() || !tag.locked.is_empty());
    let kind = |tag: &ListedTag| match (&report.newest, tag.is_version) {
        (Some(newest), _) if *newest == tag.tag => "newest release",
        (_, true) => "",
        (_, false) => "not a version",
    };
    let rows = report.tags.iter().map(|tag| {
        let mut row = vec![escape(&tag.tag).into_owned()];
        if is_declared {
            row.extend([names(&tag.fits), names(&tag.locked)]);
        }
        row.push(kind(tag).to_owned());
        row
    });
    let head: &[&str] = if is_declared { &["tag", "fits", "locked", ""] } else { &["tag", ""] };
    let hint = match (&report.newest, is_declared) {
        (Some(_), false) => {
            format!("  {}`sesame add {}` takes the newest release\n", Style::hint("hint: "), report.repository)
        }
        _ => String::new(),
    };
    format!("{}{hint}", headed_table(head, rows))
}
