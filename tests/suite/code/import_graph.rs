//! Which file imports which: read from the sources with `syn`, so that every way of naming an item is seen.
//!
//! A path is followed through `use` (braces, globs, renames, re-exports) to the file that defines what it ends at. Paths
//! count wherever they stand: expressions, types, patterns, attributes, and the tokens of macros. `mod x;`, `pub(in …)` and
//! links in comments import nothing.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, Macro, UseTree, VisRestricted};

/// One file naming something of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: String,
    pub to: String,
    /// Whether it stands in a `#[cfg(test)]` module.
    pub is_test: bool,
}

/// All imports among `sources`: paths below `src`, such as `model/digest.rs`, with their text. `lib.rs` is the root of the
/// library, which is called `sesame`, and `main.rs` that of the program.
pub fn imports(sources: &BTreeMap<String, String>) -> BTreeSet<Import> {
    let mut tree = Tree { sources, modules: BTreeMap::new() };
    for root in ["lib", "main"] {
        let file = format!("{root}.rs");
        if sources.contains_key(&file) {
            tree.add_file(vec![root.to_owned()], &file, "", false);
        }
    }
    let mut found = BTreeSet::new();
    for (path, module) in &tree.modules {
        for named in &module.paths {
            for to in tree.files_of(path, named) {
                if to != module.file {
                    found.insert(Import { from: module.file.clone(), to, is_test: module.is_test });
                }
            }
        }
    }
    found
}

/// A circle of imports outside of tests, as the files along it, if there is one.
pub fn circle(imports: &BTreeSet<Import>) -> Option<Vec<String>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for import in imports.iter().filter(|import| !import.is_test) {
        next.entry(&import.from).or_default().push(&import.to);
    }
    // The shortest way from each file back to itself; the shortest of all is the easiest to read.
    let circles = next.keys().filter_map(|start| {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut wave = vec![*start];
        while !before.contains_key(start) && !wave.is_empty() {
            let mut reached = Vec::new();
            for file in wave {
                for to in next.get(file).into_iter().flatten() {
                    if !before.contains_key(to) {
                        before.insert(to, file);
                        reached.push(*to);
                    }
                }
            }
            wave = reached;
        }
        let mut at = *before.get(start)?;
        let mut files = vec![(*start).to_owned()];
        while at != *start {
            files.push(at.to_owned());
            at = before[at];
        }
        files.push((*start).to_owned());
        files.reverse();
        Some(files)
    });
    circles.min_by_key(Vec::len)
}

type Path = Vec<String>;

/// What one module, a file or an inline one, has in it.
#[derive(Default)]
struct Module {
    file: String,
    is_test: bool,
    /// Names that are defined here.
    items: BTreeSet<String>,
    /// Names that a `use` brings here, with what they stand for; also from a `use` in a function.
    names: BTreeMap<String, Path>,
    globs: Vec<Path>,
    /// Every path that is named here.
    paths: BTreeSet<Path>,
}

struct Tree<'a> {
    sources: &'a BTreeMap<String, String>,
    modules: BTreeMap<Path, Module>,
}

impl Tree<'_> {
    /// Reads a file whose submodules are in `folder`: empty, or with a slash at its end.
    fn add_file(&mut self, path: Path, file: &str, folder: &str, is_test: bool) {
        let parsed = syn::parse_file(&self.sources[file]).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.add(path, file, folder, &parsed.items, is_test);
    }

    fn add(&mut self, path: Path, file: &str, folder: &str, items: &[Item], is_test: bool) {
        let mut module = Module { file: file.to_owned(), is_test, ..Module::default() };
        for item in items {
            if let Item::Mod(child) = item {
                let name = child.ident.to_string();
                let below = [path.as_slice(), std::slice::from_ref(&name)].concat();
                let is_test = is_test || child.attrs.iter().any(is_for_tests);
                match &child.content {
                    Some((_, items)) => self.add(below, file, &format!("{folder}{name}/"), items, is_test),
                    None => {
                        let files = [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")];
                        let file = files.iter().find(|file| self.sources.contains_key(*file));
                        let file = file.unwrap_or_else(|| panic!("{files:?} are not there")).clone();
                        self.add_file(below, &file, &format!("{folder}{name}/"), is_test);
                    }
                }
            } else {
                module.items.extend(name_of(item));
            }
            module.visit_item(item);
        }
        self.modules.insert(path, module);
    }

    /// The files that define what a path, as it is written in `module`, stands for.
    fn files_of(&self, module: &[String], path: &[String]) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        self.follow(module, path, 0, &mut files);
        files
    }

    /// Adds those files; whether the path leads anywhere among the sources. A chain of `use` longer than `deep` is a circle.
    fn follow(&self, module: &[String], path: &[String], deep: usize, files: &mut BTreeSet<String>) -> bool {
        let Some((first, rest)) = path.split_first().filter(|_| deep < 32) else { return false };
        let start: Path = match first.as_str() {
            "crate" => module[..1].to_vec(),
            "sesame" if module[0] == "main" => vec!["lib".to_owned()],
            "self" => module.to_vec(),
            "super" => module[..module.len() - 1].to_vec(),
            _ => return self.step(module, path, false, deep, files),
        };
        // `super::super`
        if rest.first().is_some_and(|next| next == "super") {
            return self.follow(&start, rest, deep, files);
        }
        self.step(&start, rest, true, deep, files)
    }

    /// Goes on from `module` along `path`, of which nothing is a keyword. Once a path is `known` to lead to one of our modules,
    /// a name that is not seen there, such as one that a macro makes, is taken for the module's own.
    fn step(&self, module: &[String], path: &[String], known: bool, deep: usize, files: &mut BTreeSet<String>) -> bool {
        let here = &self.modules[module];
        let Some((first, rest)) = path.split_first() else {
            files.insert(here.file.clone());
            return true;
        };
        if first == "*" {
            files.insert(here.file.clone());
            // What comes through it may come from further on.
            for path in here.names.values().chain(&here.globs) {
                self.follow(module, path, deep + 1, files);
            }
            return true;
        }
        let child = [module, std::slice::from_ref(first)].concat();
        if self.modules.contains_key(&child) {
            return self.step(&child, rest, true, deep, files);
        }
        if here.items.contains(first) {
            files.insert(here.file.clone());
            return true;
        }
        if let Some(meant) = here.names.get(first)
            && meant.first() != Some(first)
        {
            return self.follow(module, &[meant, rest].concat(), deep + 1, files);
        }
        let found = here.globs.iter().any(|glob| {
            let meant = [&glob[..glob.len() - 1], path].concat();
            self.follow(module, &meant, deep + 1, files)
        });
        if known && !found {
            files.insert(here.file.clone());
        }
        found || known
    }
}

/// The name that an item defines.
fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn is_for_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
}

impl Module {
    fn bring(&mut self, before: &[String], tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.bring(&[before, &[path.ident.to_string()]].concat(), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.bring(before, tree)),
            UseTree::Name(name) if name.ident == "self" => {
                self.bring_as(before.last().cloned().unwrap_or_default(), before.to_vec());
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.bring_as(name.clone(), [before, &[name]].concat());
            }
            UseTree::Rename(rename) => {
                let path = match rename.ident.to_string() {
                    name if name == "self" => before.to_vec(),
                    name => [before, &[name]].concat(),
                };
                self.bring_as(rename.rename.to_string(), path);
            }
            UseTree::Glob(_) => {
                let path = [before, &["*".to_owned()]].concat();
                self.paths.insert(path.clone());
                self.globs.push(path);
            }
        }
    }

    fn bring_as(&mut self, name: String, path: Path) {
        self.paths.insert(path.clone());
        if name != "_" {
            self.names.insert(name, path);
        }
    }

    /// The paths in tokens that nothing parses: names with `::` between them, also in the strings of attributes.
    fn scan(&mut self, tokens: TokenStream) {
        self.scan_behind(&Path::new(), tokens);
    }

    /// The same for what stands in braces behind `before`, as in `crate::{a, b}`.
    fn scan_behind(&mut self, before: &Path, tokens: TokenStream) {
        let mut path = before.clone();
        let mut colons = if before.is_empty() { 0 } else { 2 };
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.end(&mut path);
                        path.clone_from(before);
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Group(group) if colons == 2 && !path.is_empty() => {
                    self.scan_behind(&std::mem::take(&mut path), group.stream());
                    colons = 0;
                }
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.scan(group.stream());
                }
                TokenTree::Literal(literal) => {
                    self.end(&mut path);
                    let text = literal.to_string();
                    if let Ok(inner) = text.trim_matches('"').parse::<TokenStream>()
                        && text.contains("::")
                    {
                        self.scan(inner);
                    }
                }
                TokenTree::Punct(_) => self.end(&mut path),
            }
            if colons > 2 {
                self.end(&mut path);
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Path) {
        if path.len() > 1 {
            self.paths.insert(std::mem::take(path));
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Module {
    /// Modules have their own.
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        module.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.bring(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.paths.insert(names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast Macro) {
        self.visit_path(&mac.path);
        self.scan(mac.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        match &attribute.meta {
            syn::Meta::List(list) => self.scan(list.tokens.clone()),
            syn::Meta::NameValue(pair) => self.visit_expr(&pair.value),
            syn::Meta::Path(_) => {}
        }
        self.visit_path(attribute.path());
    }

    /// `pub(in path)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}
}
