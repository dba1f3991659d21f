//! Completions for Nushell, which clap's completions do not know: it asks this program with the words of the line, and gets JSON.
//! The attribute `@complete` is described at <https://www.nushell.sh/book/custom_completions.html>.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap_complete::engine::{CompletionCandidate, complete};
use clap_complete::env::EnvCompleter;

/// Nushell, which passes the words of the line up to the cursor, the last of them under way.
pub struct Nushell;

impl EnvCompleter for Nushell {
    fn name(&self) -> &'static str {
        "nushell"
    }

    fn is(&self, name: &str) -> bool {
        matches!(name, "nushell" | "nu")
    }

    fn write_registration(
        &self,
        var: &str,
        _name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn io::Write,
    ) -> Result<(), io::Error> {
        writeln!(
            buf,
            "def \"nu-complete {bin}\" [words: list<string>] {{\n    \
             with-env {{ {var}: \"nushell\" }} {{ ^{completer} -- ...$words }} | from json\n}}\n\n\
             @complete \"nu-complete {bin}\"\nextern \"{bin}\" [...arguments: string]"
        )
    }

    fn write_complete(
        &self,
        cmd: &mut clap::Command,
        args: Vec<OsString>,
        current_dir: Option<&Path>,
        buf: &mut dyn io::Write,
    ) -> Result<(), io::Error> {
        let index = args.len().saturating_sub(1);
        let candidates: Vec<serde_json::Value> =
            complete(cmd, args, index, current_dir)?.iter().map(suggestion).collect();
        serde_json::to_writer(buf, &candidates).map_err(io::Error::from)
    }
}

fn suggestion(candidate: &CompletionCandidate) -> serde_json::Value {
    let description = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    let first = description.lines().next().unwrap_or_default();
    serde_json::json!({ "value": candidate.get_value().to_string_lossy(), "description": first })
}
