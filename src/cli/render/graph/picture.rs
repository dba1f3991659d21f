//! The graph as a picture: SVG in three columns, which are what is exported, the extensions, and what is imported and granted.
//! A row for each extension, so no lines cross, however many there are.
//!
//! Texts are measured in columns of a monospaced font, whose letters are at most [`ADVANCE`] wide whichever font a viewer has.
//! What is granted and what is refused differ in colour and in shape.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use sesame::model::report::query::graph::{GraphExtension, GraphImport, GraphReport, ImportAccess};
use sesame::model::text::{count, escape};

use super::imports::{import_words, is_wasi};

/// The size of letters, in pixels.
const FONT: usize = 13;
/// The same of what is less important.
const SMALL: usize = 11;
/// The most that a column of text is wide, in hundredths of the size of its letters.
const ADVANCE: usize = 61;
/// From one line of text to the next.
const LINE: usize = 20;
/// Around the text of a box, and around the whole.
const PADDING: usize = 10;
const MARGIN: usize = 24;
/// Between two columns, and between two rows.
const GAP: usize = 48;
const ROW_GAP: usize = 16;
/// From the line to an import to its words, with the symbol between.
const SYMBOL: usize = 18;
/// How many columns of a text are shown.
const SHOWN: usize = 60;

/// Colours, light and dark. Every class is written out, since not every viewer knows variables.
const STYLE: &str = "\
text { font: 13px ui-monospace, 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.name, .head { font-weight: bold }
.head { fill: #59636e }
.paper { fill: #ffffff }
.box { fill: #f6f8fa; stroke: #59636e }
.pending { fill: #9a6700 }
.tie { fill: none; stroke: #8c959f }
.granted { fill: #1a7f37; stroke: #1a7f37 }
.refused { fill: #ffffff; stroke: #cf222e; stroke-width: 2 }
.tie.refused { fill: none; stroke-dasharray: 4 3; stroke-width: 1 }
text.refused { fill: #cf222e; stroke: none }
.free { fill: #ffffff; stroke: #8c959f }
.unused { fill: #ffffff; stroke: #9a6700 }
text.unused { fill: #9a6700; stroke: none }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.small, .head { fill: #9198a1 }
.paper { fill: #0d1117 }
.box { fill: #151b23; stroke: #9198a1 }
.pending { fill: #d29922 }
.tie { stroke: #656c76 }
.granted { fill: #3fb950; stroke: #3fb950 }
.refused { fill: #0d1117; stroke: #f85149 }
.tie.refused { stroke: #f85149 }
text.refused { fill: #f85149 }
.free { fill: #0d1117; stroke: #656c76 }
.unused { fill: #0d1117; stroke: #d29922 }
text.unused { fill: #d29922 }
}";

/// Draws the graph.
pub fn svg(report: &GraphReport) -> String {
    let rows: Vec<Row> = report.extensions.iter().map(Row::new).collect();
    let columns = Columns::of(&rows);
    let mut body = String::new();
    let mut top = MARGIN + LINE + ROW_GAP;
    for row in &rows {
        row.draw(&columns, top, &mut body);
        top += row.height() + ROW_GAP;
    }
    let (width, height) = (columns.right + MARGIN, top + LINE + MARGIN);
    let mut drawn = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n<title>{}</title>\n<style>{STYLE}\n</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n",
        xml(&format!("extensions of {}", escape(&report.manifest)))
    );
    heads(&columns, &mut drawn);
    drawn.push_str(&body);
    legend(&columns, top + LINE, &mut drawn);
    drawn.push_str("</svg>\n");
    drawn
}

/// What a line of the right column says about a grant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Granted,
    Refused,
    /// It needs no grant.
    Free,
    /// It is granted and not imported.
    Unused,
}

impl Symbol {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Granted, "granted"),
        (Self::Refused, "refused"),
        (Self::Free, "needs no grant"),
        (Self::Unused, "granted and not imported"),
    ];

    fn class(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Free => "free",
            Self::Unused => "unused",
        }
    }

    /// A disc, a cross, a ring or a triangle around a point.
    fn draw(self, x: usize, y: usize, to: &mut String) {
        let class = self.class();
        let _ = match self {
            Self::Granted => writeln!(to, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>"),
            Self::Free => writeln!(to, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>"),
            Self::Refused => writeln!(
                to,
                "<path class=\"{class}\" d=\"M{} {} L{} {} M{} {} L{} {}\"/>",
                x - 5,
                y - 5,
                x + 5,
                y + 5,
                x - 5,
                y + 5,
                x + 5,
                y - 5
            ),
            Self::Unused => writeln!(
                to,
                "<path class=\"{class}\" d=\"M{x} {} L{} {} L{} {} Z\"/>",
                y - 5,
                x + 6,
                y + 5,
                x - 6,
                y + 5
            ),
        };
    }
}

/// An extension with what is left and right of it.
struct Row {
    exports: Vec<String>,
    /// The lines of its box, below its name.
    name: String,
    details: [String; 2],
    is_locked: bool,
    imports: Vec<(Symbol, String)>,
}

impl Row {
    fn new(extension: &GraphExtension) -> Self {
        let (wasi, own): (Vec<_>, Vec<_>) = extension.imports.iter().partition(|import| is_wasi(import));
        let mut imports: Vec<(Symbol, String)> = own.into_iter().map(import_line).collect();
        if !wasi.is_empty() {
            imports.push((Symbol::Free, format!("WASI 0.2, {}", count(wasi.len(), "interface"))));
        }
        imports.extend(extension.other_grants.iter().map(|grant| (Symbol::Granted, grant.clone())));
        imports.extend(extension.unused_grants.iter().map(|grant| (Symbol::Unused, grant.clone())));
        Self {
            exports: extension.exports.iter().map(|export| shown(export)).collect(),
            name: shown(extension.name.as_str()),
            details: [shown(&extension.source), shown(&format!("declared at {}", extension.place))],
            is_locked: extension.is_locked,
            imports: imports.into_iter().map(|(symbol, text)| (symbol, shown(&text))).collect(),
        }
    }

    fn box_height(&self) -> usize {
        let lines = 1 + self.details.len() + usize::from(!self.is_locked);
        lines * LINE + PADDING
    }

    fn height(&self) -> usize {
        self.box_height().max(self.exports.len().max(self.imports.len()) * LINE)
    }

    fn draw(&self, columns: &Columns, top: usize, to: &mut String) {
        let middle = top + self.height() / 2;
        // The first line of so many, around the middle.
        let first = |lines: usize| middle - lines * LINE / 2 + LINE / 2;
        let (left, right) = (columns.boxes, columns.boxes + columns.box_width);
        for (number, export) in self.exports.iter().enumerate() {
            let y = first(self.exports.len()) + number * LINE;
            let end = columns.boxes - GAP;
            text(to, "", end, y, export, Anchor::End);
            elbow(to, "tie", (end + 6, y), (left, middle));
        }
        for (number, (symbol, words)) in self.imports.iter().enumerate() {
            let y = first(self.imports.len()) + number * LINE;
            let class = if *symbol == Symbol::Refused { "tie refused" } else { "tie" };
            elbow(to, class, (right, middle), (columns.imports - 8, y));
            symbol.draw(columns.imports, y, to);
            let class = if matches!(symbol, Symbol::Refused | Symbol::Unused) { symbol.class() } else { "" };
            text(to, class, columns.imports + SYMBOL, y, words, Anchor::Start);
        }
        let (y, height) = (middle - self.box_height() / 2, self.box_height());
        let _ = writeln!(
            to,
            "<rect class=\"box\" x=\"{left}\" y=\"{y}\" width=\"{}\" height=\"{height}\" rx=\"6\"/>",
            columns.box_width
        );
        let mut y = y + PADDING / 2 + LINE / 2;
        text(to, "name", left + PADDING, y, &self.name, Anchor::Start);
        for detail in &self.details {
            y += LINE;
            text(to, "small", left + PADDING, y, detail, Anchor::Start);
        }
        if !self.is_locked {
            text(to, "small pending", left + PADDING, y + LINE, NOT_LOCKED, Anchor::Start);
        }
    }
}

/// What is imported, or granted instead, in a few words: a capability by its name, anything else by that of its interface.
fn import_line(import: &GraphImport) -> (Symbol, String) {
    let symbol = match import.access {
        ImportAccess::Free => Symbol::Free,
        ImportAccess::Granted => Symbol::Granted,
        ImportAccess::NotGranted | ImportAccess::NotOffered => Symbol::Refused,
    };
    let name = import.capability.map_or_else(|| import.interface.clone(), |capability| capability.to_string());
    let words = import_words(import);
    (symbol, if words.is_empty() { name } else { format!("{name}: {words}") })
}

/// Where the columns are, from the widest text in each.
struct Columns {
    boxes: usize,
    box_width: usize,
    imports: usize,
    /// Where the last text ends.
    right: usize,
}

const NOT_LOCKED: &str = "not locked";

const HEADS: [&str; 3] = ["exports", "extensions", "imports and grants"];

impl Columns {
    fn of(rows: &[Row]) -> Self {
        let widest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let exports = widest(&mut rows.iter().flat_map(|row| &row.exports).map(|text| width(text, FONT)));
        let names = rows.iter().map(|row| width(&row.name, FONT));
        let details = rows.iter().flat_map(|row| &row.details).map(|text| width(text, SMALL));
        let boxes = widest(&mut names.chain(details)).max(width(HEADS[1], FONT));
        let imports = widest(&mut rows.iter().flat_map(|row| &row.imports).map(|(_, text)| width(text, FONT)));
        let start = MARGIN + exports.max(width(HEADS[0], FONT)) + GAP;
        let box_width = boxes + 2 * PADDING;
        let symbols = start + box_width + GAP;
        let legend: usize = Symbol::ALL.iter().map(|(_, words)| legend_width(words)).sum();
        let right = (symbols + SYMBOL + imports.max(width(HEADS[2], FONT))).max(MARGIN + legend);
        Self { boxes: start, box_width, imports: symbols, right }
    }
}

fn heads(columns: &Columns, to: &mut String) {
    let y = MARGIN + LINE / 2;
    text(to, "head", columns.boxes - GAP, y, HEADS[0], Anchor::End);
    text(to, "head", columns.boxes + PADDING, y, HEADS[1], Anchor::Start);
    text(to, "head", columns.imports + SYMBOL, y, HEADS[2], Anchor::Start);
}

fn legend_width(words: &str) -> usize {
    SYMBOL + width(words, FONT) + 2 * SYMBOL
}

/// What the symbols mean.
fn legend(columns: &Columns, y: usize, to: &mut String) {
    let all: usize = Symbol::ALL.iter().map(|(_, words)| legend_width(words)).sum();
    let mut x = columns.right.saturating_sub(all) + SYMBOL / 2;
    for (symbol, words) in Symbol::ALL {
        symbol.draw(x, y, to);
        text(to, "", x + SYMBOL, y, words, Anchor::Start);
        x += legend_width(words);
    }
}

/// Which end of a text is at its point.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    End,
}

/// A text around a line's middle.
fn text(to: &mut String, class: &str, x: usize, y: usize, words: &str, anchor: Anchor) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let anchor = match anchor {
        Anchor::Start => "",
        Anchor::End => " text-anchor=\"end\"",
    };
    let _ = writeln!(to, "<text{class} x=\"{x}\" y=\"{}\"{anchor}>{}</text>", y + 4, xml(words));
}

/// A line that goes across, then down or up, then across.
fn elbow(to: &mut String, class: &str, (from_x, from_y): (usize, usize), (to_x, to_y): (usize, usize)) {
    let bend = (from_x + to_x) / 2;
    let _ = writeln!(to, "<path class=\"{class}\" d=\"M{from_x} {from_y} H{bend} V{to_y} H{to_x}\"/>");
}

/// How wide a text is at most, in pixels.
fn width(text: &str, font: usize) -> usize {
    (text.width() * font * ADVANCE).div_ceil(100)
}

/// A text as it is shown: escaped, and its middle left out if it is too long.
fn shown(text: &str) -> String {
    let text = escape(text);
    if text.width() <= SHOWN {
        return text.into_owned();
    }
    let part = |characters: &mut dyn Iterator<Item = char>| -> String {
        let mut left = SHOWN / 2;
        characters
            .take_while(|c| {
                let wide = c.to_string().width();
                let fits = wide <= left;
                left = left.saturating_sub(wide);
                fits
            })
            .collect()
    };
    let start = part(&mut text.chars());
    let end: String = part(&mut text.chars().rev()).chars().rev().collect();
    format!("{start}…{end}")
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_ends_and_fits() {
        assert_eq!(shown("open-sesame:host/log@0.1.0"), "open-sesame:host/log@0.1.0");
        let long = format!("ghcr.io/{}/clock:1.4.2", "acme/".repeat(30));
        let cut = shown(&long);
        assert!(cut.width() <= SHOWN + 1 && cut.starts_with("ghcr.io/acme") && cut.ends_with("/clock:1.4.2"), "{cut}");
        let wide = shown(&"日".repeat(100));
        assert!(wide.width() <= SHOWN + 1, "{wide}");
        assert_eq!(shown("a\u{202e}b"), "a\\u{202e}b");
    }
}
