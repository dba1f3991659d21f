//! What extensions are tied to, drawn: as a tree of text, as DOT and Mermaid for other programs, as a picture. Everything that
//! others wrote is escaped here.
//!
//! WASI is one node: it has many interfaces, and needs no grant but for folders and variables.

mod imports;
mod picture;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::path::Path;

use clap::ValueEnum;
use petgraph::dot::{Config, Dot, RankDir};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{EdgeRef as _, IntoNodeReferences as _};

use sesame::model::report::query::graph::{GraphExtension, GraphReport, ImportAccess};
use sesame::model::text::{count, escape};

use super::lock_changes::wit_packages;
use super::style::Style;
use imports::{import_words, is_wasi};

/// How the graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A tree, for reading
    Text,
    /// For Graphviz: `dot -Tpng`
    Dot,
    /// For Markdown, in a block of the language `mermaid`
    Mermaid,
    /// A picture
    Svg,
}

impl GraphFormat {
    /// The format that the extension of a file's name stands for. `None` if it stands for another.
    pub fn of_file(path: &Path) -> Option<Self> {
        match path.extension().map(OsStr::to_str) {
            None | Some(Some("txt")) => Some(Self::Text),
            Some(Some("svg")) => Some(Self::Svg),
            Some(Some("dot" | "gv")) => Some(Self::Dot),
            Some(Some("mmd" | "mermaid")) => Some(Self::Mermaid),
            Some(_) => None,
        }
    }
}

/// The graph in a format.
pub fn render_graph(report: &GraphReport, format: GraphFormat) -> String {
    match format {
        GraphFormat::Text => tree(report),
        GraphFormat::Dot => dot(&build_graph(report)),
        GraphFormat::Mermaid => mermaid(&build_graph(report)),
        GraphFormat::Svg => picture::svg(report),
    }
}

/// What a node is.
enum Node {
    Extension { name: String, source: String },
    Interface(String),
    Export(String),
}

/// What an edge says.
struct Edge {
    words: String,
    is_refused: bool,
}

type DependencyGraph = DiGraph<Node, Edge>;

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extension { name, source } => write!(f, "{name}\n{source}"),
            Self::Interface(name) | Self::Export(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// The graph: what is exported, the extensions, what is imported; edges go to what is used.
fn build_graph(report: &GraphReport) -> DependencyGraph {
    let mut ties = DependencyGraph::new();
    let mut interfaces: BTreeMap<String, NodeIndex> = BTreeMap::new();
    for extension in &report.extensions {
        let (name, mut source) = (extension.name.to_string(), escape(&extension.source).into_owned());
        if !extension.is_locked {
            source.push_str("\nnot locked");
        }
        let from = ties.add_node(Node::Extension { name, source });
        for export in &extension.exports {
            let export = ties.add_node(Node::Export(escape(export).into_owned()));
            ties.add_edge(export, from, Edge { words: String::new(), is_refused: false });
        }
        let mut edges: BTreeMap<String, Edge> = BTreeMap::new();
        for import in extension.imports.iter().filter(|import| !is_wasi(import)) {
            let mut words = import_words(import);
            if import.access == ImportAccess::Granted {
                let _ = write!(words, "\n{}", escape(&extension.place));
            }
            let is_refused = matches!(import.access, ImportAccess::NotGranted | ImportAccess::NotOffered);
            edges.insert(escape(&import.interface).into_owned(), Edge { words, is_refused });
        }
        if extension.imports.iter().any(is_wasi) {
            let grants = escape(&extension.other_grants.join(", ")).into_owned();
            let words = if grants.is_empty() { grants } else { format!("{grants}\n{}", escape(&extension.place)) };
            edges.insert("WASI 0.2".to_owned(), Edge { words, is_refused: false });
        }
        for (interface, edge) in edges {
            let node = Node::Interface(interface.clone());
            let to = *interfaces.entry(interface).or_insert_with(|| ties.add_node(node));
            ties.add_edge(from, to, edge);
        }
    }
    ties
}

fn tree(report: &GraphReport) -> String {
    let mut text = format!("{}\n", escape(&report.manifest));
    let last = report.extensions.len().saturating_sub(1);
    for (number, extension) in report.extensions.iter().enumerate() {
        let (branch, trunk) = if number == last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let name = Style::strong(extension.name.as_str());
        let _ = writeln!(text, "{branch}{name}  {}", escape(&extension.source));
        let leaves = child_lines(extension);
        for (number, leaf) in leaves.iter().enumerate() {
            let branch = if number + 1 == leaves.len() { "└── " } else { "├── " };
            let _ = writeln!(text, "{trunk}{branch}{leaf}");
        }
    }
    text
}

fn child_lines(extension: &GraphExtension) -> Vec<String> {
    let mut leaves: Vec<String> = Vec::new();
    if !extension.is_locked {
        leaves.push("not locked as it is wanted: `sesame lock` finds out what it imports and exports".to_owned());
    }
    leaves.extend(extension.exports.iter().map(|export| format!("exports {}", escape(export))));
    let (wasi, own): (Vec<_>, Vec<_>) = extension.imports.iter().partition(|import| is_wasi(import));
    leaves.extend(own.into_iter().map(|import| {
        let interface = escape(&import.interface);
        let words = import_words(import);
        match import.access {
            ImportAccess::Free => format!("imports {interface}"),
            ImportAccess::Granted => format!("imports {interface}: {words}"),
            ImportAccess::NotGranted | ImportAccess::NotOffered => {
                format!("imports {interface}: {}", Style::error(&words))
            }
        }
    }));
    if !wasi.is_empty() {
        let packages: Vec<String> = wit_packages(wasi.iter().map(|import| &import.interface)).into_iter().collect();
        let interfaces = count(wasi.len(), "interface");
        leaves.push(format!("imports {interfaces} of {}", packages.join(", ")));
    }
    leaves.extend(extension.other_grants.iter().map(|grant| format!("is granted {}", escape(grant))));
    let unused = extension.unused_grants.iter();
    leaves.extend(unused.map(|grant| format!("is granted {}, which it does not import", escape(grant))));
    if !extension.other_grants.is_empty()
        || !extension.unused_grants.is_empty()
        || extension.imports.iter().any(|import| import.access == ImportAccess::Granted)
    {
        leaves.push(format!("declared at {}", escape(&extension.place)));
    }
    leaves
}

fn dot(ties: &DependencyGraph) -> String {
    let edge = |_, edge: petgraph::graph::EdgeReference<'_, Edge>| {
        if edge.weight().is_refused { "color = red, fontcolor = red, style = dashed" } else { "" }.to_owned()
    };
    let node = |_, (_, node): (NodeIndex, &Node)| match node {
        Node::Extension { .. } => "shape = box, style = bold".to_owned(),
        Node::Interface(_) => "shape = box, style = rounded".to_owned(),
        Node::Export(_) => "shape = plaintext".to_owned(),
    };
    Dot::with_attr_getters(ties, &[Config::RankDir(RankDir::LR)], &edge, &node).to_string()
}

fn mermaid(ties: &DependencyGraph) -> String {
    let quote = |text: &dyn fmt::Display| {
        let text =
            text.to_string().replace('#', "#35;").replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        format!("\"{}\"", text.replace('\n', "<br>"))
    };
    let mut text = "flowchart LR\n".to_owned();
    for (index, node) in ties.node_references() {
        let (open, close) = match node {
            Node::Extension { .. } => ("[", "]"),
            Node::Interface(_) => ("(", ")"),
            Node::Export(_) => (">", "]"),
        };
        let _ = writeln!(text, "    n{}{open}{}{close}", index.index(), quote(node));
    }
    for edge in ties.edge_references() {
        let arrow = if edge.weight().is_refused { "-.->" } else { "-->" };
        let words = &edge.weight().words;
        let words = if words.is_empty() { String::new() } else { format!("|{}|", quote(words)) };
        let _ = writeln!(text, "    n{} {arrow}{words} n{}", edge.source().index(), edge.target().index());
    }
    text
}
