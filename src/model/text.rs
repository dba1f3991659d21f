//! Small pieces of wording: escaping what others wrote, counting, guessing what was meant, sizes.

use std::borrow::Cow;
use std::time::Duration;

/// `text` with control characters (also those that reorder text on a terminal) written as escapes.
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

/// `1 extension`, `2 extensions`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// How a reference or path becomes another: `ghcr.io/acme/clock:1.0.0 → 1.1.0` where only the tag is another.
pub fn source_change(from: &str, to: &str) -> String {
    match (from.rsplit_once(':'), to.rsplit_once(':')) {
        _ if from == to => to.to_owned(),
        (Some((before, _)), Some((after, tag))) if before == after && !tag.contains('/') => format!("{from} → {tag}"),
        _ => format!("{from} → {to}"),
    }
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
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= allowed || candidate.replace('_', "-") == word.replace('_', "-"))
        .min()
        .map(|(_, candidate)| candidate)
}

fn is_unsafe(c: char) -> bool {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || c == '\u{feff}'
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
