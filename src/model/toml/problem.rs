//! One fault in a file that a person wrote: where, what is wrong, what to write instead.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::model::text::{escape, is_unsafe};

/// How wide an excerpt is where there is no terminal.
pub const COLUMNS: usize = 120;

/// How wide it is what stands before an excerpt, besides the number of its line.
const MARGIN: usize = 3;

/// How much of a long line is kept on each side of a problem, in characters. What does not fit a terminal is left out
/// when it is drawn.
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

    /// What is wrong, with an excerpt of the source that is no wider than so many columns, and the help; without
    /// control characters.
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
        let Excerpt { text, span } = fitting(text, span, self.columns.saturating_sub(MARGIN + line.to_string().len()));
        let here = AnnotationKind::Primary.span(span);
        // Its title would say again what stands before it.
        let drawn = Group::with_level(Level::ERROR).element(Snippet::source(&text).line_start(*line).annotation(here));
        let drawn = drawn.elements(help.map(|help| Level::HELP.message(help)));
        write!(f, "\n{}", Renderer::plain().term_width(self.columns).render(&[drawn]))
    }
}

/// The part of a text around a span that fits in so many columns, with `…` where something was left out. Where the span does
/// not fit, its beginning does.
fn fitting(text: &str, span: &Range<usize>, columns: usize) -> Excerpt {
    let wide = |c: char| c.width().unwrap_or(1);
    if text.width() <= columns {
        return Excerpt { text: text.to_owned(), span: span.clone() };
    }
    let mut left = columns * 2 / 3;
    let before = text[..span.start].char_indices().rev().take_while(|(_, c)| {
        let fits = wide(*c) < left;
        left = left.saturating_sub(wide(*c));
        fits
    });
    let start = before.last().map_or(span.start, |(at, _)| at);
    let cut = if start > 0 { "…" } else { "" };
    let mut left = columns.saturating_sub(text[start..span.start].width() + 2 * "…".width());
    let after = text[span.start..].char_indices().take_while(|(_, c)| {
        let fits = wide(*c) <= left;
        left = left.saturating_sub(wide(*c));
        fits
    });
    let end = after.last().map_or(span.start, |(at, c)| span.start + at + c.len_utf8());
    let rest = if end < text.len() { "…" } else { "" };
    let span = span.start - start + cut.len()..span.end.min(end) - start + cut.len();
    Excerpt { text: format!("{cut}{}{rest}", &text[start..end]), span }
}

/// A text with each character that would not be seen as itself replaced; a tab is a space.
fn shown(text: &str) -> String {
    let shown = |c| match c {
        '\t' => ' ',
        c if is_unsafe(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}

/// The part of a line around the bytes `span` of it.
fn excerpt(line: &str, span: Range<usize>) -> Excerpt {
    let start = line[..span.start].char_indices().rev().nth(EXCERPT).map_or(0, |(at, _)| at);
    let end = line[span.start..].char_indices().nth(EXCERPT).map_or(line.len(), |(at, _)| span.start + at);
    let last = span.end.min(end);
    let (before, spanned, after) =
        (shown(&line[start..span.start]), shown(&line[span.start..last]), shown(&line[last..end]));
    let span = before.len()..before.len() + spanned.len();
    Excerpt { text: before + &spanned + &after, span }
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
    fn an_excerpt_is_no_wider_than_the_terminal() {
        for line in ["x = \"".to_owned() + &"y".repeat(300), "x = \"".to_owned() + &"語".repeat(100)] {
            for columns in [20, 60, 120] {
                for start in [0, 4, line.floor_char_boundary(150), line.len()] {
                    let end = line.ceil_char_boundary((start + 30).min(line.len()));
                    let problem = Problem::at("f", &line, &Lines::of(&line), start..end, "m").help("h");
                    let shown = problem.description(columns).to_string();
                    assert!(shown.lines().all(|line| line.width() <= columns), "{columns} {start}\n{shown}");
                    assert!(shown.contains('^'), "{shown}");
                }
            }
        }
    }

    #[test]
    fn any_span_of_any_text_can_be_shown() {
        let unseen = "\u{1b}\u{9b}\u{85}\u{200b}\u{202e}\u{2028}\u{feff}\t";
        for text in ["", "\n", "é\r\n\u{1b}x", "ab", "名\t前", unseen] {
            for start in 0..=text.len() + 1 {
                for end in 0..=text.len() + 1 {
                    let shown = Problem::at("f", text, &Lines::of(text), start..end, "m").help("h").to_string();
                    assert!(shown.lines().all(|line| !line.contains(is_unsafe)), "{shown:?}");
                }
            }
        }
    }
}
