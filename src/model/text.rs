//! Small pieces of wording: escaping what others wrote, counting, guessing what was meant, sizes.

use std::borrow::Cow;
use std::time::Duration;

use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// How much of a name that others chose is shown, in characters.
pub const SHOWN_NAME: usize = 200;

/// How much of another program's explanation is shown, in characters.
const SHOWN_MESSAGE: usize = 1_000;

/// How many of many names are shown.
pub const SHOWN_NAMES: usize = 20;

/// `text` with every character written as an escape that is not seen as itself: controls, what reorders text or breaks
/// lines, and what is invisible (the general categories Cc, Cf, Zl and Zp of Unicode, and its default ignorable characters).
///
/// Everything that comes from a registry, a component, a guest or a file goes through this before it is shown.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// A name that others chose, cut where it is too long to be read.
pub fn shorten(name: &str) -> Cow<'_, str> {
    cut(name, SHOWN_NAME)
}

/// An explanation that holds names that others chose, cut where it is too long to be read.
pub fn shorten_message(message: &str) -> Cow<'_, str> {
    cut(message, SHOWN_MESSAGE)
}

/// A text of at most so many characters, and `…` where it was cut.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// The first of some names, each cut, and how many more there are: `a, b and 3 more`.
pub fn list<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    list_by(", ", names)
}

/// The same, with something else between the names.
pub fn list_by<T: AsRef<str>>(between: &str, names: impl IntoIterator<Item = T>) -> String {
    let mut names = names.into_iter();
    let mut text = String::new();
    for name in names.by_ref().take(SHOWN_NAMES) {
        if !text.is_empty() {
            text.push_str(between);
        }
        text.push_str(&shorten(name.as_ref()));
    }
    match names.count() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// `1 extension`, `2 extensions`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// A size in bytes for people: `812 B`, `22.7 KiB`, `11.4 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut scaled = bytes as f64;
    let mut unit = "";
    for next in UNITS {
        if scaled < 1023.95 {
            break;
        }
        scaled /= 1024.0;
        unit = next;
    }
    format!("{scaled:.1} {unit}")
}

/// A duration for people: `40 ms`, `2.1 s`, `3 min 5 s`.
pub fn duration(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0 => format!("{} ms", elapsed.as_millis()),
        1..60 if elapsed.subsec_millis() == 0 => format!("{} s", elapsed.as_secs()),
        1..60 => format!("{:.1} s", elapsed.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// A time in seconds since 1970-01-01 UTC: `2026-11-22T16:48:25Z`.
pub fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    time.map_or_else(|| seconds.to_string(), |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The candidate that `word` was most likely meant to be, if one is near.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    // Comparing takes time with the product of both lengths, and nobody mistypes a name that long.
    if length > SHOWN_NAME {
        return None;
    }
    let allowed = (length / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed || candidate.replace('_', "-") == word.replace('_', "-"))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Whether a character does something to a terminal, or to the order of what is shown on it.
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || CodePointSetData::new::<BidiControl>().contains(c)
}

/// Whether a character is not seen as itself.
pub fn is_unsafe(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let hides = [
        GeneralCategory::Control,
        GeneralCategory::Format,
        GeneralCategory::LineSeparator,
        GeneralCategory::ParagraphSeparator,
    ];
    hides.contains(&category) || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_are_made_visible() {
        assert_eq!(escape("plain é"), "plain é");
        assert_eq!(escape("\u{1b}[2J\u{202e}x\n"), "\\u{1b}[2J\\u{202e}x\\n");
    }

    #[test]
    fn whatever_is_not_seen_as_itself_is_made_visible() {
        // A control of ISO 6429, what Arabic numbers begin with, both line ends of Unicode, the soft hyphen, spaces and joiners
        // of no width, a tag, a variation selector, a filler of Hangul, the byte order mark.
        for c in "\u{9b}\u{61c}\u{600}\u{2028}\u{2029}\u{ad}\u{200b}\u{200d}\u{2060}\u{e0041}\u{fe0f}\u{3164}\u{feff}"
            .chars()
        {
            assert_eq!(escape(&format!("~/no{c}tes")), format!("~/no\\u{{{:x}}}tes", u32::from(c)));
        }
        for plain in ["naïve 日本語 ~/Мои заметки", "e\u{301}", "→ …", "\u{a0}"] {
            assert_eq!(escape(plain), plain);
        }
    }

    #[test]
    fn long_names_and_many_are_cut() {
        assert_eq!(list(["a", "b"]), "a, b");
        let many: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        assert!(list(&many).ends_with("18, 19 and 5 more"), "{}", list(&many));
        let long = "é".repeat(300);
        assert_eq!(shorten(&long), "é".repeat(200) + "…");
        assert_eq!(shorten("short"), "short");
        assert_eq!(nearest(&"a".repeat(201), ["a".repeat(201).as_str()]), None);
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(23_290), "22.7 KiB");
        assert_eq!(size(1_048_575), "1.0 MiB");
        assert_eq!(size(12 << 20), "12.0 MiB");
    }

    #[test]
    fn a_near_word_is_found_and_a_far_one_is_not() {
        let words = ["extensions", "config", "registries", "max_fuel"];
        assert_eq!(nearest("extention", words), Some("extensions"));
        assert_eq!(nearest("max-fuel", words), Some("max_fuel"));
        assert_eq!(nearest("zebra", words), None);
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(1_795_366_105), "2026-11-22T16:48:25Z");
        assert_eq!(time(u64::MAX), u64::MAX.to_string());
    }
}
