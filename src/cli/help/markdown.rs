//! Markdown as text for a terminal: wrapped to its width, tables as lists of terms. Knows what the README uses, and lets the rest
//! through as plain text.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use supports_hyperlinks::Stream;
use textwrap::wrap;

use crate::cli::render::style::Style;

/// Shows a Markdown text in lines of at most `width` columns; longer are only words and code that cannot be wrapped.
pub fn render_markdown(markdown: &str, width: usize) -> String {
    let mut page = MarkdownPage { width, ..MarkdownPage::default() };
    Parser::new_ext(markdown, Options::ENABLE_TABLES).for_each(|event| page.handle_event(event));
    page.text
}

/// A page under way.
#[derive(Default)]
struct MarkdownPage {
    width: usize,
    text: String,
    /// The words of the block under way.
    words: String,
    /// Where the link under way leads to, and where its words begin.
    link: Option<(String, usize)>,
    is_item: bool,
    head: Vec<String>,
    row: Vec<String>,
}

impl MarkdownPage {
    fn handle_event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => self.link = Some((dest_url.into_string(), self.words.len())),
            Event::Start(Tag::Strong) | Event::End(TagEnd::Strong) => self.words.push('\0'),
            Event::Start(Tag::Item) => self.is_item = true,
            Event::Start(Tag::List(_)) => self.end_of_item(),
            Event::Text(text) => self.words.push_str(&text),
            Event::Code(code) => self.words.extend(["`", &code, "`"]),
            Event::SoftBreak | Event::HardBreak => self.words.push(' '),
            Event::End(TagEnd::Heading(_)) => {
                let words = self.flush();
                self.block(&Style::strong(&words), "", "");
                self.text.push('\n');
            }
            Event::End(TagEnd::Paragraph) => {
                let words = self.flush();
                self.block(&words, if self.is_item { "- " } else { "" }, if self.is_item { "  " } else { "" });
                self.is_item = false;
                self.text.push('\n');
            }
            Event::End(TagEnd::Item) => self.end_of_item(),
            Event::End(TagEnd::List(_)) => self.text.push('\n'),
            Event::End(TagEnd::CodeBlock) => {
                let code = std::mem::take(&mut self.words);
                self.text.extend(code.lines().flat_map(|line| ["    ", line, "\n"]));
                self.text.push('\n');
            }
            Event::End(TagEnd::Link) => self.end_of_link(),
            Event::End(TagEnd::TableCell) => {
                let cell = self.flush();
                self.row.push(cell);
            }
            Event::End(TagEnd::TableHead) => self.head = std::mem::take(&mut self.row),
            Event::End(TagEnd::TableRow) => self.end_of_row(),
            Event::End(TagEnd::Table) => self.text.push('\n'),
            _ => {}
        }
    }

    /// The words of the block that ends, with what is strong in it.
    fn flush(&mut self) -> String {
        let words = std::mem::take(&mut self.words);
        let parts = words.split('\0').enumerate();
        parts.map(|(n, part)| if n % 2 == 1 { Style::strong(part) } else { part.to_owned() }).collect()
    }

    fn end_of_item(&mut self) {
        if self.is_item && !self.words.is_empty() {
            let words = self.flush();
            self.block(&words, "- ", "  ");
        }
        self.is_item = false;
    }

    fn end_of_link(&mut self) {
        let Some((target, start)) = self.link.take() else { return };
        if target.starts_with("http") {
            let words = self.words.split_off(start);
            let link = Style::link(Stream::Stdout, &target, &words);
            // Where it cannot be followed, it can be read.
            self.words.push_str(&if link == words { format!("{words} ({target})") } else { link });
        }
    }

    /// A row of a table: its first cell is a term, the others tell of it.
    fn end_of_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        let Some((term, cells)) = row.split_first() else { return };
        self.block(&Style::strong(term), "  ", "  ");
        for (cell, head) in cells.iter().zip(self.head.clone().iter().skip(1)) {
            let is_named = cells.len() > 1 && !head.is_empty();
            let cell = if is_named { format!("{head}: {cell}") } else { cell.clone() };
            self.block(&cell, "      ", "      ");
        }
    }

    fn block(&mut self, words: &str, first: &str, next: &str) {
        let options = textwrap::Options::new(self.width).initial_indent(first).subsequent_indent(next);
        let options = options.break_words(false).word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in wrap(words, options) {
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(markdown: &str, width: usize) -> String {
        anstream::adapter::strip_str(&render_markdown(markdown, width)).to_string()
    }

    #[test]
    fn what_the_readme_uses_is_shown() {
        let markdown = "## A heading\n\nSome **strong words** and `code`\nand a [link](#here), wrapped.\n\n```toml\na  = 1\n```\n\n\
            - one item that is long\n- two\n\n| limit | default | of |\n|---|---|---|\n| `a` | 64 | all that there is |\n\n\
            | name | |\n|---|---|\n| b | x |\n";
        let expected = "A heading\n\nSome strong words and\n`code` and a link,\nwrapped.\n\n    a  = 1\n\n- one item that is long\n- two\n\n  `a`\n      default: 64\n      of: all that there\n      is\n\n  b\n      x\n\n";
        assert_eq!(plain(markdown, 24), expected);
    }
}
