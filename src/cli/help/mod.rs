//! `sesame help`: of commands, what clap says; of topics, the chapter of the README.

pub mod completions;
pub mod markdown;
pub mod nushell;
pub mod schema;

use sesame::model::text::nearest;

use super::render::failure::CommandError;
use super::render::table::terminal_columns;

const README: &str = include_str!("../../../README.md");

/// A page is not wider than this, because nobody reads longer lines.
const MAX_WIDTH: usize = 100;

/// The topics, each with the heading of its chapter and what it is about.
const TOPICS: [(&str, &str, &str); 11] = [
    ("sesame.toml", "## sesame.toml", "the manifest: which extensions, from where, with which settings"),
    ("sesame.lock", "## sesame.lock", "the lock: its fields, and how it goes through git"),
    ("capabilities", "## Capabilities and limits", "what an extension may do, and how much"),
    ("registries", "## Registries", "credentials, mirrors, certificates, policies, publishing"),
    ("calling", "## Calling", "how arguments and results are written"),
    (
        "host",
        "## The host on the desktop",
        "the service that runs extensions, with keyring, clipboard and notifications",
    ),
    ("authors", "## Write an extension", "from nothing to a published extension"),
    ("compiling", "## Compiling", "bounds of the compiler, and the function cache"),
    ("store", "## The store", "generations, rollback, verify, gc, and where files are"),
    ("bundles", "## Without a network", "carrying a set to a machine without a network"),
    ("scripts", "## In scripts", "JSON, exit statuses, variables, fleets"),
];

/// The help of a command or a topic; of nothing, that of the program with the list of topics.
///
/// # Errors
/// [`CommandError::NoTopic`] if it is neither.
pub fn help(mut command: clap::Command, names: &[String]) -> Result<String, CommandError> {
    command.build();
    let Some((first, rest)) = names.split_first() else {
        return Ok(format!("{}\n{}", command.render_long_help().ansi(), list_of_topics()));
    };
    if rest.is_empty()
        && let Some((_, heading, _)) = TOPICS.iter().find(|(topic, ..)| topic == first)
    {
        let width = terminal_columns().unwrap_or(MAX_WIDTH).min(MAX_WIDTH);
        return Ok(markdown::render_markdown(chapter(heading), width));
    }
    match find(&mut command, names) {
        Some(found) => Ok(found.render_long_help().ansi().to_string()),
        None => Err(unknown(&command, names)),
    }
}

/// Whether there is such a command.
pub fn is_command(mut command: clap::Command, names: &[&str]) -> bool {
    command.build();
    find(&mut command, names).is_some()
}

fn find<'a>(command: &'a mut clap::Command, names: &[impl AsRef<str>]) -> Option<&'a mut clap::Command> {
    names.iter().try_fold(command, |found, name| found.find_subcommand_mut(name.as_ref()))
}

/// The help of a command below another, or of what [`help`] knows.
///
/// # Errors
/// [`CommandError::NoTopic`] if it is neither.
pub fn help_below(program: clap::Command, group: &str, names: &[String]) -> Result<String, CommandError> {
    let below: Vec<String> = [group.to_owned()].into_iter().chain(names.iter().cloned()).collect();
    help(program.clone(), &below).or_else(|_| help(program, names))
}

fn unknown(program: &clap::Command, names: &[String]) -> CommandError {
    let (name, known) = (names.join(" "), known(program));
    let closest = nearest(&name, known.iter().map(String::as_str)).map(str::to_owned);
    CommandError::NoTopic { name, closest }
}

/// What there is help for: commands and topics.
pub fn known(program: &clap::Command) -> Vec<String> {
    let verbs = program.get_subcommands().filter(|verb| !verb.is_hide_set()).map(clap::Command::get_name);
    verbs.chain(TOPICS.iter().map(|(topic, ..)| *topic)).map(str::to_owned).collect()
}

fn list_of_topics() -> String {
    let width = TOPICS.iter().map(|(topic, ..)| topic.len()).max().unwrap_or(0);
    let rows = TOPICS.iter().map(|(topic, _, about)| format!("  {topic:width$}  {about}\n"));
    format!("Topics, for `sesame help TOPIC`:\n{}", rows.collect::<String>())
}

/// The chapter of the README below a heading, which is part of it.
fn chapter(heading: &str) -> &'static str {
    let start = README.find(&format!("\n{heading}\n")).map_or(README.len(), |at| at + 1);
    let text = &README[start..];
    text[heading.len().min(text.len())..].find("\n## ").map_or(text, |end| &text[..heading.len() + end + 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_is_a_chapter() {
        for (topic, heading, _) in TOPICS {
            let chapter = chapter(heading);
            assert!(chapter.starts_with(heading) && chapter.len() > 300, "{topic}");
            let rest = &README[README.find(chapter).unwrap() + chapter.len()..];
            assert!(rest.is_empty() || rest.starts_with("## "), "{topic}");
        }
    }
}
