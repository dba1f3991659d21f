//! One fault in a file that a person wrote: where, what is wrong, what to write instead.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::model::text::escape;

/// How much of a long line an excerpt shows, in characters.
const EXCERPT: usize = 100;

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
    offset: usize,
    width: usize,
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

    /// What is wrong, with an excerpt of the source and the help, without control characters.
    pub fn description(&self) -> impl fmt::Display {
        Description(self)
    }

    /// A problem with `span`, a byte range of `text`, which is the whole content of `file` and has these `lines`.
    pub(crate) fn at(file: &str, text: &str, lines: &Lines, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = floor_boundary(text, span.start);
        let (line, line_start) = lines.find(start);
        let line_end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
        let before = text[line_start..start].chars().count();
        let spanned = text[start..floor_boundary(text, span.end.clamp(start, line_end.max(start)))].chars().count();
        Self {
            file: file.to_owned(),
            line,
            column: before + 1,
            message: message.into(),
            help: None,
            excerpt: Some(excerpt(&text[line_start..line_end.max(line_start)], before, spanned.max(1))),
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
        write!(f, "{}: {}", self.location(), self.description())
    }
}

/// What is wrong, with an excerpt of the source and the help.
struct Description<'a>(&'a Problem);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { line, message, help, excerpt, .. } = self.0;
        f.write_str(&escape(message))?;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        if let Some(Excerpt { text, offset, width }) = excerpt {
            write!(f, "\n {margin} |\n {number} | {text}\n {margin} | {}{}", " ".repeat(*offset), "^".repeat(*width))?;
        }
        if let Some(help) = help {
            write!(f, "\n {margin} = help: {}", escape(help))?;
        }
        Ok(())
    }
}

/// The part of `line` around `before`, each character shown as one column.
fn excerpt(line: &str, before: usize, spanned: usize) -> Excerpt {
    let shown = |c: char| match escape(c.encode_utf8(&mut [0; 4])) {
        std::borrow::Cow::Borrowed(_) => c,
        std::borrow::Cow::Owned(_) if c == '\t' => ' ',
        std::borrow::Cow::Owned(_) => '\u{fffd}',
    };
    let first = before.saturating_sub(EXCERPT * 2 / 3);
    let mut text: String = line.chars().skip(first).take(EXCERPT).map(shown).collect();
    let length = text.chars().count();
    let offset = before - first;
    text.truncate(text.trim_end().len());
    if first > 0 {
        text = text.chars().enumerate().map(|(at, c)| if at == 0 { '…' } else { c }).collect();
    }
    if line.chars().count() > first + EXCERPT {
        text.push('…');
    }
    Excerpt { text, offset, width: spanned.min(length.saturating_sub(offset)).max(1) }
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
            "sesame.toml:2:6: a string stands here\n   |\n 2 | ñb = \"x\"\n   |      ^^^\n   = help: write 1"
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
