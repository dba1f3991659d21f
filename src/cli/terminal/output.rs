//! Where words go: results to standard output, everything else to standard error. A reader that left is no error.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::ColorChoice;
use parking_lot::Mutex;

use crate::cli::render::failure::{self, CommandError};
use crate::cli::render::json::{Data, Document, ErrorDocument, VERSION, WarningDocument};
use crate::cli::render::style::Style;
use crate::cli::render::table::columns_of;
use sesame::model::report::warning::Warning;
use sesame::model::text::{is_control, is_unsafe};
use sesame::model::toml::problem::COLUMNS;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    Quiet,
    Normal,
    Verbose,
    /// Every request too.
    Debug,
}

/// The streams of a run.
#[derive(Debug, Clone)]
pub struct Output {
    verbosity: Verbosity,
    json: bool,
    lost: Arc<AtomicBool>,
    /// Those of the run so far, for its JSON document.
    warnings: Arc<Mutex<Vec<Warning>>>,
}

impl Output {
    pub fn new(verbosity: Verbosity, color: ColorChoice, json: bool) -> Self {
        color.write_global();
        Self { verbosity, json, lost: Arc::default(), warnings: Arc::default() }
    }

    /// Streams of a run that prints JSON.
    pub fn json() -> Self {
        Self { verbosity: Verbosity::Quiet, json: true, lost: Arc::default(), warnings: Arc::default() }
    }

    /// Whether lines may be drawn over.
    pub fn can_redraw(&self) -> bool {
        self.verbosity > Verbosity::Quiet && !self.json && io::stderr().is_terminal()
    }

    /// What was done: as JSON, or in words on standard error.
    pub fn print_report(&self, command: &str, data: Data<'_>, words: impl FnOnce() -> String) {
        if self.json {
            self.data(command, data);
        } else {
            self.say(Verbosity::Normal, &words());
        }
    }

    /// What was asked for: as JSON, or in words, on standard output.
    pub fn print_result(&self, command: &str, data: Data<'_>, words: impl FnOnce() -> String) {
        if self.json {
            self.data(command, data);
        } else if self.verbosity > Verbosity::Quiet {
            self.print(&mut anstream::stdout(), &words());
        }
    }

    /// What was asked for and nothing else: as JSON, or in words, on standard output, however quiet it should be.
    pub fn print_answer(&self, command: &str, data: Data<'_>, words: impl FnOnce() -> String) {
        if self.json {
            self.data(command, data);
        } else {
            self.print(&mut anstream::stdout(), &words());
        }
    }

    /// What a called function gave: as JSON, or as it is; on a terminal escaped, but for line ends and tabs.
    pub fn print_value(&self, command: &str, data: Data<'_>, text: Option<&str>) {
        match text {
            _ if self.json => {
                self.data(command, data);
            }
            None => {}
            Some(text) => {
                let end = if text.ends_with('\n') { "" } else { "\n" };
                self.print_text(&format!("{}{end}", on_terminal(text, io::stdout().is_terminal())));
            }
        }
    }

    /// The error that a called function gave: as JSON, or on standard error.
    pub fn print_failed_value(&self, command: &str, data: Data<'_>, text: Option<&str>) {
        if self.json {
            self.data(command, data);
        } else {
            let text = on_terminal(text.unwrap_or("the function gave an error"), true);
            let words = format!("{}{}\n", Style::error("error: "), text.trim_end());
            self.say(Verbosity::Quiet, &words);
        }
    }

    /// Whether a person can be asked.
    pub fn is_interactive(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Text on standard output, as it is.
    pub fn print_text(&self, text: &str) {
        self.print(&mut io::stdout(), text);
    }

    /// Text on standard output, in colour where there is any.
    pub fn print_page(&self, text: &str) {
        self.print(&mut anstream::stdout(), text);
    }

    /// Why a command failed.
    pub fn print_failure(&self, command: &str, failure: &CommandError) {
        if self.json {
            self.document(command, None, Some(ErrorDocument::new(failure)));
        } else {
            self.say(Verbosity::Quiet, &failure::words(failure, columns_of(io::stderr()).unwrap_or(COLUMNS)));
        }
    }

    /// Keeps a warning for the JSON document.
    pub fn record_warning(&self, warning: &Warning) {
        if self.json {
            self.warnings.lock().push(warning.clone());
        }
    }

    /// Words on standard error, for those who want to hear that much.
    pub fn say(&self, verbosity: Verbosity, words: &str) {
        if self.verbosity >= verbosity {
            // Where nobody can be told, there is nobody to tell that.
            let _ = anstream::stderr().write_all(words.as_bytes());
        }
    }

    /// Whether words of this verbosity are said.
    pub fn shows(&self, verbosity: Verbosity) -> bool {
        !self.json && self.verbosity >= verbosity
    }

    /// Whether progress is told at all.
    pub fn shows_progress(&self) -> bool {
        !self.json && self.verbosity > Verbosity::Quiet
    }

    fn data(&self, command: &str, data: Data<'_>) {
        self.document(command, Some(data), None);
    }

    fn document(&self, command: &str, data: Option<Data<'_>>, error: Option<ErrorDocument<'_>>) {
        let warnings = self.warnings.lock();
        let warnings = warnings.iter().map(WarningDocument::new).collect();
        let document = Document { version: VERSION, command, warnings, data, error };
        let text = serde_json::to_string_pretty(&document)
            .unwrap_or_else(|error| format!("{{\"version\": {VERSION}, \"error\": \"{error}\"}}"));
        self.print(&mut io::stdout(), &format!("{}\n", visible(&text)));
    }

    /// Writes a result. A reader that left wanted no more of it; any other failure is said.
    fn print(&self, stream: &mut impl Write, text: &str) {
        match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.lost.store(true, Ordering::Relaxed);
                self.say(Verbosity::Quiet, &format!("error: cannot write to standard output: {error}\n"));
            }
            _ => {}
        }
    }

    /// Text that others wrote on standard output: on a terminal escaped, but for line ends and tabs.
    pub fn print_foreign_text(&self, text: &str) {
        self.print_text(&on_terminal(text, io::stdout().is_terminal()));
    }

    /// Whether a result could not be written.
    pub fn has_write_error(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

/// A JSON document in which whatever is not seen as itself is written with JSON's own escapes. It says the same.
fn visible(document: &str) -> String {
    let mut text = String::with_capacity(document.len());
    for c in document.chars() {
        if c != '\n' && is_unsafe(c) {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

/// Text that others wrote, made harmless for a terminal. What is only invisible stays, since scripts and emoji need it.
fn on_terminal(text: &str, terminal: bool) -> String {
    if !terminal {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_control(c) && !matches!(c, '\n' | '\t') {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_harmless_and_says_the_same() {
        let said = "a\u{9b}2J\u{202e}\u{e0041}\u{7f}é\n";
        let document = serde_json::to_string_pretty(&serde_json::json!({ "said": said })).unwrap();
        let shown = visible(&document);
        assert_eq!(shown, "{\n  \"said\": \"a\\u009b2J\\u202e\\udb40\\udc41\\u007fé\\n\"\n}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["said"], said);
    }

    #[test]
    fn only_a_terminal_needs_protection() {
        let text = "a\tb\n\u{1b}[2J\u{202e}c\r👩\u{200d}🌾";
        assert_eq!(on_terminal(text, false), text);
        assert_eq!(on_terminal(text, true), "a\tb\n\\u{1b}[2J\\u{202e}c\\r👩\u{200d}🌾");
    }
}
