//! The few styles of words.

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style as Ansi};
use supports_hyperlinks::Stream;

/// The few styles. They are written always; the stream drops them where no colour is wanted.
pub struct Style;

impl Style {
    pub fn error(text: &str) -> String {
        paint(AnsiColor::Red.on_default().bold(), text)
    }

    pub fn warning(text: &str) -> String {
        paint(AnsiColor::Yellow.on_default().bold(), text)
    }

    pub fn hint(text: &str) -> String {
        paint(AnsiColor::Cyan.on_default().bold(), text)
    }

    pub fn good(text: &str) -> String {
        paint(AnsiColor::Green.on_default().bold(), text)
    }

    pub fn added(text: &str) -> String {
        paint(AnsiColor::Green.on_default(), text)
    }

    pub fn removed(text: &str) -> String {
        paint(AnsiColor::Red.on_default(), text)
    }

    pub fn strong(text: &str) -> String {
        paint(Ansi::new().bold(), text)
    }

    /// A text that leads to a URL, where the terminal that a stream is shows such links (OSC 8).
    pub fn link(stream: Stream, url: &str, text: &str) -> String {
        let choice = match stream {
            Stream::Stdout => AutoStream::choice(&std::io::stdout()),
            Stream::Stderr => AutoStream::choice(&std::io::stderr()),
        };
        if choice != ColorChoice::Never && supports_hyperlinks::on(stream) {
            format!("\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\")
        } else {
            text.to_owned()
        }
    }
}

fn paint(style: Ansi, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
