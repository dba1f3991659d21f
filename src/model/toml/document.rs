//! TOML files with the place of everything in them, read by hand so that every problem is reported, not the first.
//!
//! [`TomlText`] is a file's checked text, [`TableFields`] one table of it. What a table holds and is never asked for is
//! an unknown key.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::bounds::MAX_PROJECT_FILE;
use crate::model::fault::line;
use crate::model::text::nearest;

use super::problem::{Lines, Problem};

/// What to do about merge-conflict markers.
pub(crate) const FINISH_THE_MERGE: &str = "finish the merge first";

/// The text of a file, without a byte order mark.
pub(crate) struct TomlText<'a> {
    file: &'a str,
    text: &'a str,
    lines: Lines,
}

impl<'a> TomlText<'a> {
    /// Checks size and encoding.
    pub(crate) fn new(file: &'a str, bytes: &'a [u8]) -> Result<Self, Problem> {
        if bytes.len() > MAX_PROJECT_FILE {
            let message = format!("the file has more than {MAX_PROJECT_FILE} bytes, which is more than is read");
            return Err(Problem::whole(file, message).help("look whether this is the right file"));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').unwrap_or(text);
                Ok(Self { file, text, lines: Lines::of(text) })
            }
            Err(error) => {
                let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
                Err(Problem::place(file, line, column, "the file is not UTF-8").help("save it as UTF-8"))
            }
        }
    }

    /// Parses the text as TOML. Merge-conflict markers are named instead of the syntax errors that they make.
    pub(crate) fn parse(&self) -> Result<Spanned<DeTable<'a>>, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if errors.is_empty() {
            return Ok(table);
        }
        if let Some(marker) = self.conflict_marker() {
            return Err(vec![marker]);
        }
        let first = errors.iter().min_by_key(|error| error.span().map_or(0, |span| span.start));
        Err(first.map(|error| self.syntax_problem(error)).into_iter().collect())
    }

    pub(crate) fn as_str(&self) -> &'a str {
        self.text
    }

    pub(crate) fn problem(&self, span: Range<usize>, message: impl Into<String>) -> Problem {
        Problem::at(self.file, self.text, &self.lines, span, message)
    }

    /// `FILE:LINE:COLUMN` of a byte.
    pub(crate) fn place(&self, at: usize) -> String {
        let (line, start) = self.lines.find(at);
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count()) + 1;
        format!("{}:{line}:{column}", self.file)
    }

    /// The parser's words for the commonest faults, made plain. Later faults of a file often follow from the first.
    fn syntax_problem(&self, error: &toml::de::Error) -> Problem {
        let span = error.span().unwrap_or(0..0);
        let message = error.message();
        let rest_of_line = self.text.get(span.start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        if message.starts_with("duplicate key") {
            let key = self.text.get(span.clone()).unwrap_or_default();
            return self.problem(span, format!("`{key}` is set twice")).help("remove one of the two");
        }
        if message.starts_with("string values must be quoted") {
            return if rest_of_line.trim().is_empty() || rest_of_line.trim_start().starts_with('#') {
                self.problem(span, "a value is missing here")
            } else {
                self.problem(span, "this is not a value").help("a string stands in straight quotes: \"…\"")
            };
        }
        if message.starts_with("invalid basic string") && rest_of_line.trim().is_empty() {
            return self.problem(span, "the string is not closed").help("add `\"` at its end");
        }
        if message.starts_with("missing escaped value") {
            return self
                .problem(span, "this is not an escape")
                .help("write `\\\\`, or put the string in single quotes");
        }
        self.problem(span, message)
    }

    fn conflict_marker(&self) -> Option<Problem> {
        // A line of `=` alone may be anything.
        let opens = |line: &str| conflict_marker(line).is_some_and(|marker| marker.starts_with(['<', '>']));
        if !self.text.lines().any(opens) {
            return None;
        }
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            if let Some(marker) = conflict_marker(line) {
                let message = format!("`{marker}` is a merge-conflict marker");
                return Some(self.problem(at..at + line.trim_end().len(), message).help(FINISH_THE_MERGE));
            }
            at += line.len();
        }
        None
    }
}

/// The merge-conflict marker that a line begins with: seven or more of one sign (`conflict-marker-size` in
/// gitattributes(5)), alone or before a space.
pub(crate) fn conflict_marker(line: &str) -> Option<&str> {
    let sign = line.chars().next().filter(|sign| "<|=>".contains(*sign))?;
    let rest = line.trim_start_matches(sign);
    let marker = &line[..line.len() - rest.len()];
    (marker.len() >= 7 && (rest.is_empty() || rest.starts_with([' ', '\r', '\n']))).then_some(marker)
}

/// One table, whose keys are taken one by one; [`TableFields::finish`] reports what nobody took.
pub(crate) struct TableFields<'a> {
    text: &'a TomlText<'a>,
    table: &'a DeTable<'a>,
    /// Where the table stands, for what it lacks.
    pub span: Range<usize>,
    /// What the table is called in messages.
    name: String,
    known: Vec<&'static str>,
    ignored: Vec<&'static str>,
}

impl<'a> TableFields<'a> {
    pub(crate) fn new(
        text: &'a TomlText<'a>,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        name: impl Into<String>,
    ) -> Self {
        Self { text, table, span, name: name.into(), known: Vec::new(), ignored: Vec::new() }
    }

    /// The value of `key`, and its being known.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    pub(crate) fn string(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<SpannedValue<'a, &'a str>> {
        let value = self.get(key)?;
        let found = value.get_ref().as_str();
        self.typed(key, value, found, "a string", problems)
    }

    pub(crate) fn boolean(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<SpannedValue<'a, bool>> {
        let value = self.get(key)?;
        let found = value.get_ref().as_bool();
        self.typed(key, value, found, "true or false", problems)
    }

    /// A whole number within `range`.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
        problems: &mut Vec<Problem>,
    ) -> Option<SpannedValue<'a, u64>> {
        let value = self.get(key)?;
        let number =
            value.get_ref().as_integer().map(|integer| i128::from_str_radix(integer.as_str(), integer.radix()));
        let number = self.typed(key, value, number, "a whole number", problems)?;
        match number.value {
            Ok(found) if u64::try_from(found).is_ok_and(|found| range.contains(&found)) => {
                Some(SpannedValue { value: found as u64, span: number.span, text: self.text })
            }
            _ => {
                let found = number.value.map_or_else(|_| "a larger number".to_owned(), |found| found.to_string());
                let wanted = match range.end() {
                    end if *end < i64::MAX as u64 => format!("from {} to {end}", range.start()),
                    _ => format!("at least {}", range.start()),
                };
                problems.push(self.text.problem(number.span, format!("`{key}` must be {wanted}, found {found}")));
                None
            }
        }
    }

    /// The strings of an array, each with its place.
    pub(crate) fn strings(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Vec<SpannedValue<'a, &'a str>>> {
        let value = self.get(key)?;
        let array = value.get_ref().as_array();
        let array = self.typed(key, value, array, "an array of strings", problems)?;
        let mut strings = Vec::new();
        for item in array.value.iter() {
            match item.get_ref().as_str() {
                Some(string) => strings.push(SpannedValue::new(self.text, item.span(), string)),
                None => {
                    let message =
                        format!("every item of `{key}` must be a string, found {}", type_name(item.get_ref()));
                    problems.push(self.text.problem(item.span(), message));
                }
            }
        }
        Some(strings)
    }

    pub(crate) fn table(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<TableFields<'a>> {
        let value = self.get(key)?;
        let table = value.get_ref().as_table();
        let table = self.typed(key, value, table, "a table", problems)?;
        Some(TableFields::new(self.text, table.value, table.span, format!("`{key}`")))
    }

    /// Every key with its value, for tables whose keys are names that people chose.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (SpannedValue<'a, &'a str>, &'a Spanned<DeValue<'a>>)> {
        let text = self.text;
        self.table
            .iter()
            .map(move |(key, value)| (SpannedValue { value: key.get_ref().as_ref(), span: key.span(), text }, value))
    }

    /// Says nothing of these keys, whose being there has been said otherwise.
    pub(crate) fn ignore(&mut self, keys: &[&'static str]) {
        self.ignored.extend(keys);
    }

    /// A problem with the table as a whole.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        self.text.problem(self.span.clone(), message)
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(self, problems: &mut Vec<Problem>) {
        let asked = |key: &str| self.known.contains(&key) || self.ignored.contains(&key);
        for key in self.table.keys().filter(|key| !asked(key.get_ref())) {
            let message = format!("{} has no key `{}`", self.name, key.get_ref());
            let help = match nearest(key.get_ref(), self.known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("its keys are {}", list(&self.known)),
            };
            problems.push(self.text.problem(key.span(), message).help(help));
        }
    }

    fn typed<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        found: Option<T>,
        wanted: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<SpannedValue<'a, T>> {
        if found.is_none() {
            let message = format!("`{key}` must be {wanted}, found {}", type_name(value.get_ref()));
            problems.push(self.text.problem(value.span(), message));
        }
        found.map(|found| SpannedValue { value: found, span: value.span(), text: self.text })
    }
}

/// A value and where it stands.
pub(crate) struct SpannedValue<'a, T> {
    pub value: T,
    pub span: Range<usize>,
    text: &'a TomlText<'a>,
}

impl<'a, T> SpannedValue<'a, T> {
    pub(crate) fn new(text: &'a TomlText<'a>, span: Range<usize>, value: T) -> Self {
        Self { value, span, text }
    }

    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        self.text.problem(self.span.clone(), message)
    }
}

impl SpannedValue<'_, &str> {
    /// Parses the string; what goes wrong is reported at its place, causes included.
    pub(crate) fn parse<P>(&self, problems: &mut Vec<Problem>) -> Option<P>
    where
        P: std::str::FromStr<Err: std::error::Error>,
    {
        self.value.parse().map_err(|error: P::Err| problems.push(self.problem(line(&error)))).ok()
    }
}

/// The type of a value with its article, for messages.
pub(crate) fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "none".to_owned(),
    }
}
