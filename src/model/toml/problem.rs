//! One fault in a file that a person wrote: where, what is wrong, what to write instead.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use crate::model::text::escape;

/// How wide an excerpt is where there is no terminal.
pub const COLUMNS: usize = 120;

/// How much of a long line is kept on each side of a problem, in characters. What does not fit a terminal is left out when
/// it is drawn.
const EXCERPT: usize = 500;

/// A fault at `file:line:column`. `Display` adds an excerpt of the source and the help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Problem {
    /// The file as the person named it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    pub message: String,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    text: String,
    /// In bytes of the text.
    span: Range<usize>,
}

/// Where the lines of a text begin, in bytes.
#[derive(Debug)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(after).collect())
    }

    /// The line that holds the byte, counted from 1, and where it begins.
    pub(crate) fn find(&self, at: usize) -> (usize, usize) {
        let line = self.0.partition_point(|start| *start <= at).max(1);
        (line, self.0.get(line - 1).copied().unwrap_or(0))
    }
}

impl Problem {
    /// Where it is and what is wrong, in one line.
    pub fn line(&self) -> String {
        format!("{}:{}: {}", self.file, self.line, self.message)
    }

    /// `FILE:LINE:COLUMN`, without control characters.
    pub fn location(&self) -> String {
        format!("{}:{}:{}", escape(&self.file), self.line, self.column)
    }

    /// What is wrong, with an excerpt of the source that is no wider than so many columns, and the help; without control
    /// characters.
    pub fn description(&self, columns: usize) -> impl fmt::Display {
        Description { problem: self, columns }
    }

    /// A problem with `span`, a byte range of `text`, which is the whole content of `file` and has these `lines`.
    pub(crate) fn at(file: &str, text: &str, lines: &Lines, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = floor_boundary(text, span.start);
        let (line, line_start) = lines.find(start);
        let line_end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
        let end = floor_boundary(text, span.end.clamp(start, line_end.max(start)));
        Self {
            file: file.to_owned(),
            line,
            column: text[line_start..start].chars().count() + 1,
            message: message.into(),
            help: None,
            excerpt: Some(excerpt(&text[line_start..line_end.max(line_start)], start - line_start..end - line_start)),
        }
    }

    /// A problem of a whole file, shown at its first character.
    pub(crate) fn whole(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 1, column: 1, message: message.into(), help: None, excerpt: None }
    }

    /// A problem at a place in a file that is not text.
    pub(crate) fn place(file: &str, line: usize, column: usize, message: impl Into<String>) -> Self {
        Self { line, column, ..Self::whole(file, message) }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location(), self.description(COLUMNS))
    }
}

/// What is wrong, with an excerpt of the source and the help.
struct Description<'a> {
    problem: &'a Problem,
    columns: usize,
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { line, message, help, excerpt, .. } = self.problem;
        f.write_str(&escape(message))?;
        let help = help.as_ref().map(|help| escape(help));
        let Some(Excerpt { text, span }) = excerpt else {
            return help.map_or(Ok(()), |help| write!(f, "\n  = help: {help}"));
        };
        let here = AnnotationKind::Primary.span(span.clone());
        // Its title would say again what stands before it.
        let drawn = Group::with_level(Level::ERROR).element(Snippet::source(text).line_start(*line).annotation(here));
        let drawn = drawn.elements(help.map(|help| Level::HELP.message(help)));
        write!(f, "\n{}", Renderer::plain().term_width(self.columns).render(&[drawn]))
    }
}

/// The part of a line around the bytes `span` of it.
fn excerpt(line: &str, span: Range<usize>) -> Excerpt {
    let start = line[..span.start].char_indices().rev().nth(EXCERPT).map_or(0, |(at, _)| at);
    let end = line[span.start..].char_indices().nth(EXCERPT).map_or(line.len(), |(at, _)| span.start + at);
    Excerpt { text: line[start..end].to_owned(), span: span.start - start..span.end.min(end) - start }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_place() {
        let text = "a = 1\nñb = \"x\"\n";
        let problem =
            Problem::at("sesame.toml", text, &Lines::of(text), 12..15, "a string stands here").help("write 1");
        assert_eq!(
            problem.to_string(),
            "sesame.toml:2:6: a string stands here\n  |\n2 | ñb = \"x\"\n  |      ^^^\n  |\n  = help: write 1"
        );
    }

    #[test]
    fn any_span_of_any_text_can_be_shown() {
        for text in ["", "\n", "é\r\n\u{1b}x", "ab"] {
            for start in 0..=text.len() + 1 {
                for end in 0..=text.len() + 1 {
                    assert!(!Problem::at("f", text, &Lines::of(text), start..end, "m").to_string().contains('\u{1b}'));
                }
            }
        }
    }
}
