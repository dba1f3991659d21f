//! `sesame info`.

use std::fmt::Write as _;

use clap::Args;
use clap_complete::ArgValueCandidates;

use crate::cli::completion_candidates::active_names;
use crate::cli::invocation::{CommandOutcome, Invocation};
use crate::cli::options::ProfileOption;
use crate::cli::render::failure::CommandError;
use crate::cli::render::json::Data;
use crate::cli::render::style::Style;
use crate::cli::render::table::table;
use crate::cli::terminal::environment::Environment;
use sesame::model::annotations::Annotations;
use sesame::model::name::ExtensionName;
use sesame::model::report::extension::{CodeState, InfoReport};
use sesame::model::text::{escape, size};
use sesame::ops::query::list::info;

#[derive(Debug, Clone, Args)]
pub struct InfoCommand {
    /// The extension's name
    #[arg(add = ArgValueCandidates::new(active_names))]
    pub name: ExtensionName,
    #[command(flatten)]
    pub profile: ProfileOption,
}

impl InfoCommand {
    pub fn run(&self, invocation: &Invocation<'_>) -> Result<CommandOutcome, CommandError> {
        let environment = Environment::read()?;
        let profile = invocation.profile(&environment, &self.profile)?;
        let report = info(&environment.paths, &environment.user(), &profile, &self.name)?;
        invocation.print_answer(Data::Info(&report), || words(&report));
        Ok(CommandOutcome::Done)
    }
}

/// Everything about one extension.
fn words(report: &InfoReport) -> String {
    let extension = &report.extension;
    let row = |name: &str, value: String| vec![name.to_owned(), escape(&value).into_owned()];
    let mut rows = vec![row("source", extension.source.clone())];
    rows.extend(extension.provenance.map(|provenance| row("provenance", provenance.to_string())));
    rows.extend(annotation_rows(&report.annotations).map(|(name, value)| row(name, value.clone())));
    rows.push(row("component", extension.component.to_string()));
    rows.push(row("size", size(extension.size)));
    let bytes = extension.code_size.map(size).unwrap_or_default();
    rows.push(row(
        "code",
        match extension.state {
            CodeState::Ready => format!("ready, {bytes}"),
            CodeState::NotCompiled => "not compiled; run `sesame sync`".to_owned(),
            CodeState::Denied => "denied; `sesame status` has the reason".to_owned(),
        },
    ));
    rows.push(row("live", format!("generation {} of profile `{}`", report.generation, report.profile)));
    rows.push(row("manifest", report.manifest.to_string()));
    rows.push(row("memory", format!("at most {} MiB", report.memory_mib)));
    rows.push(row("time", format!("at most {} a call", exact(report.timeout_ms))));
    rows.push(row(
        "fuel",
        report.fuel.map_or_else(|| "not limited".to_owned(), |fuel| format!("at most {fuel} a call")),
    ));
    rows.extend(report.config.iter().map(|(key, value)| row("config", format!("{key} = {value}"))));
    let mut text = format!("{}\n{}", Style::strong(extension.name.as_str()), table(rows.into_iter()));
    text.push_str(&format!("{}\n", Style::strong("grants")));
    let grants = extension.capabilities.iter().map(|grant| vec![escape(grant).into_owned()]);
    text.push_str(&if extension.capabilities.is_empty() { "  none\n".to_owned() } else { table(grants) });
    text.push_str(&format!("{}\n", Style::strong("imports")));
    let imports = report.imports.iter().map(|import| {
        let grant = match (&import.needs, import.granted) {
            (None, _) => "needs no grant".to_owned(),
            (Some(needs), true) => format!("granted by {needs}"),
            (Some(needs), false) => format!("{needs} is not granted"),
        };
        vec![escape(&import.interface).into_owned(), grant]
    });
    text.push_str(&if report.imports.is_empty() { "  none\n".to_owned() } else { table(imports) });
    text.push_str(&format!("{}\n", Style::strong("world")));
    for line in report.world.lines() {
        let _ = writeln!(text, "{}", if line.is_empty() { String::new() } else { format!("  {}", escape(line)) });
    }
    text
}

/// What its author says of an extension.
pub fn annotation_rows(annotations: &Annotations) -> impl Iterator<Item = (&'static str, &String)> {
    let Annotations { version, description, licenses, source, documentation } = annotations;
    let all = [
        ("version", version),
        ("description", description),
        ("licence", licenses),
        ("source code", source),
        ("documentation", documentation),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
}

/// A limit of time, not rounded.
fn exact(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1000) { format!("{} s", milliseconds / 1000) } else { format!("{milliseconds} ms") }
}
