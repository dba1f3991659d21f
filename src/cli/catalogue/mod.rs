//! Renders every error, warning, hint and finding from values that are made for it, and compares them with
//! `fixtures/snapshots/messages.txt`: a test, and the place to read all English that people are told when something is wrong.
//!
//! A variant that is not rendered, and a hint that no value leads to, fail. `UPDATE_FIXTURES=1` writes the file.

mod engine_messages;
#[cfg(feature = "daemon")]
mod host_messages;
mod model_messages;
mod program_messages;
mod registry_messages;
mod report_messages;
mod store_messages;
mod sync_messages;
mod verb_messages;

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as StdError;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use anstream::adapter::strip_str;
use syn::visit::{self, Visit};

use crate::cli::render::failure::{self, CommandError};
use sesame::model::digest::Digest;
use sesame::model::fault::hint::Remedy;
use sesame::model::fault::{Fault, FaultKind};
use sesame::model::name::{ExtensionName, ProfileName};
use sesame::ops::error::Error;

/// How wide the terminal is taken to be.
const COLUMNS: usize = 120;

/// What is rendered, by what it is of: the path of a type, and of an enum the variant.
#[derive(Default)]
struct Catalogue(BTreeMap<String, BTreeSet<String>>);

impl Catalogue {
    /// An error of a verb, as the program prints it, with its exit status.
    fn verb<E: Debug + Into<Error>>(&mut self, error: E) {
        self.verb_under(key(&error), error);
    }

    /// The same, shown for the sake of something in it.
    fn verb_under(&mut self, key: String, error: impl Into<Error>) {
        let failure = CommandError::Verb(error.into());
        self.add(key, &format!("exit {}\n{}", failure::status(failure.kind()), failure::words(&failure, COLUMNS)));
    }

    /// An error of the program itself, the same.
    fn command(&mut self, error: CommandError) {
        self.command_under(key(&error), error);
    }

    /// The same, shown for the sake of something in it.
    fn command_under(&mut self, key: String, error: CommandError) {
        self.add(key, &format!("exit {}\n{}", failure::status(error.kind()), failure::words(&error, COLUMNS)));
    }

    /// An error that others have as their source.
    fn source<E: StdError>(&mut self, error: E) {
        let fault = Fault::new(FaultKind::Bug, &error, []);
        let causes: String = fault.causes.iter().map(|cause| format!("\ncaused by: {cause}")).collect();
        self.add(key(&error), &format!("{}{causes}", fault.message));
    }

    /// Anything else that has words, with what puts it right.
    fn words<T: Debug>(&mut self, value: &T, words: &str, remedies: &[Remedy]) {
        let remedies: String = remedies.iter().map(|remedy| format!("\nhint: {remedy}")).collect();
        self.add(key(value), &format!("{}{remedies}", words.trim_end()));
    }

    fn add(&mut self, key: String, text: &str) {
        self.0.entry(key).or_default().insert(strip_str(text.trim_end()).to_string());
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (key, messages) in &self.0 {
            text.push_str(&format!("{key}\n"));
            for message in messages {
                for line in message.lines() {
                    text.push_str(&format!("    {line}\n"));
                }
                text.push('\n');
            }
        }
        text
    }
}

/// `ops::error::lock::LockError::NoLock`
fn key<T: Debug>(value: &T) -> String {
    let path = type_name::<T>().trim_start_matches("sesame::");
    let debug = format!("{value:?}");
    let variant: String = debug.chars().take_while(|c| c.is_alphanumeric()).collect();
    match path.rsplit("::").next() {
        Some(own) if own == variant => path.to_owned(),
        _ => format!("{path}::{variant}"),
    }
}

fn name(text: &str) -> ExtensionName {
    text.parse().unwrap()
}

fn profile() -> ProfileName {
    "work".parse().unwrap()
}

fn digest(byte: u8) -> Digest {
    Digest::of(&[byte])
}

fn home(path: &str) -> PathBuf {
    Path::new("/home/me").join(path)
}

fn no_space() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOSPC)
}

fn fault() -> Fault {
    Fault::new(FaultKind::Unavailable, &registry_messages::not_found(), [])
}

fn rendered() -> Catalogue {
    let mut catalogue = Catalogue::default();
    program_messages::render(&mut catalogue);
    verb_messages::render(&mut catalogue);
    sync_messages::render(&mut catalogue);
    registry_messages::render(&mut catalogue);
    store_messages::render(&mut catalogue);
    engine_messages::render(&mut catalogue);
    #[cfg(feature = "daemon")]
    host_messages::render(&mut catalogue);
    model_messages::render(&mut catalogue);
    report_messages::render(&mut catalogue);
    catalogue
}

#[test]
fn the_catalogue_is_as_it_was_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/snapshots/messages.txt");
    let found = rendered().text();
    if env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} differs; UPDATE_FIXTURES=1 writes it", path.display());
}

#[test]
fn every_variant_is_in_the_catalogue() {
    let rendered = rendered();
    let missing: Vec<String> = sources()
        .iter()
        .flat_map(|(module, file)| variants(module, file))
        .filter(|key| !rendered.0.contains_key(key))
        .collect();
    assert!(missing.is_empty(), "not in the catalogue: {missing:#?}");
}

#[test]
fn every_hint_is_in_the_catalogue() {
    let text = rendered().text();
    let given: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("hint: ")).collect();
    let pieces = sources().into_iter().flat_map(|(_, file)| {
        let mut hints = Hints::default();
        hints.visit_file(&file);
        hints.pieces
    });
    let missing: Vec<String> = pieces.filter(|piece| !given.iter().any(|hint| hint.contains(piece.trim()))).collect();
    assert!(missing.is_empty(), "no value leads to: {missing:#?}");
}

#[test]
fn nothing_is_told_in_the_words_of_the_debugger() {
    // Fields of values, as `Debug` writes them.
    let debugged = regex::Regex::new(r#"Some\(|\bNone\b|\b[A-Z]\w+ \{ |\b[A-Z][a-z]\w*\(|\["|: ""#).unwrap();
    for (key, messages) in &rendered().0 {
        for message in messages {
            assert!(!debugged.is_match(message), "{key}: {message}");
        }
    }
}

/// The types beside errors whose variants people are told of.
const TOLD: [&str; 12] = [
    "Warning",
    "CredentialsProblem",
    "CheckFact",
    "DifferenceFact",
    "FindingFact",
    "Repair",
    "SetChange",
    "StepReason",
    "LeftReason",
    "TerminationCause",
    "Staleness",
    "ImportRefusal",
];

/// Every module of the library and the program, parsed.
fn sources() -> Vec<(String, syn::File)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir(&root).into_iter().filter(|path| !path.starts_with(root.join("cli/catalogue")));
    let parsed = files.map(|path| {
        let within = path.strip_prefix(&root).unwrap().with_extension("");
        let module = within.to_str().unwrap().replace('/', "::");
        let module = module.trim_end_matches("::mod").to_owned();
        (module, syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap())
    });
    parsed.collect()
}

fn walkdir(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => walkdir(&path),
            false if path.extension().is_some_and(|extension| extension == "rs") => vec![path],
            false => Vec::new(),
        })
        .collect()
}

/// The keys of a module's errors, and of what else people are told of.
fn variants(module: &str, file: &syn::File) -> Vec<String> {
    let is_error = |attributes: &[syn::Attribute]| {
        attributes.iter().filter(|attribute| attribute.path().is_ident("derive")).any(|attribute| {
            let tokens = match &attribute.meta {
                syn::Meta::List(list) => list.tokens.to_string(),
                _ => String::new(),
            };
            tokens.contains("thiserror :: Error")
        })
    };
    let of = |item: &syn::Item| match item {
        syn::Item::Enum(item) if is_error(&item.attrs) || TOLD.contains(&item.ident.to_string().as_str()) => {
            // What is transparent is said by what is in it.
            let own = item.variants.iter().filter(|variant| !is_transparent(&variant.attrs));
            own.map(|variant| format!("{module}::{}::{}", item.ident, variant.ident)).collect()
        }
        syn::Item::Struct(item) if is_error(&item.attrs) => vec![format!("{module}::{}", item.ident)],
        _ => Vec::new(),
    };
    file.items.iter().flat_map(of).collect()
}

/// Whether a variant has `#[error(transparent)]`.
fn is_transparent(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("error") && list.tokens.to_string() == "transparent",
        _ => false,
    })
}

/// Functions that give a part of a hint.
const PARTS_OF_HINTS: [&str; 1] = ["how_to_grant"];

/// The fixed parts of the texts in functions that give hints.
#[derive(Default)]
struct Hints {
    pieces: Vec<String>,
    is_inside: bool,
}

impl Hints {
    fn function(&mut self, signature: &syn::Signature, visit: impl FnOnce(&mut Self)) {
        let gives_hint = matches!(&signature.output, syn::ReturnType::Type(_, given) if is_hint(given))
            || PARTS_OF_HINTS.iter().any(|part| signature.ident == part);
        let outside = self.is_inside;
        self.is_inside |= gives_hint;
        visit(self);
        self.is_inside = outside;
    }

    fn literal(&mut self, text: &str) {
        let placeholder = regex::Regex::new(r"\{\{|\}\}|\{[^{}]*\}").unwrap();
        let text = placeholder.replace_all(text, |found: &regex::Captures<'_>| match &found[0] {
            "{{" => "{".to_owned(),
            "}}" => "}".to_owned(),
            _ => "\0".to_owned(),
        });
        self.pieces.extend(text.split('\0').filter(|piece| piece.trim().len() > 3).map(str::to_owned));
    }
}

/// `Hint`, or something of it; or `Remedy`, which may hold one.
fn is_hint(given: &syn::Type) -> bool {
    struct Finder(bool);
    impl Visit<'_> for Finder {
        fn visit_ident(&mut self, ident: &syn::Ident) {
            self.0 |= ident == "Hint" || ident == "Remedy";
        }
    }
    let mut finder = Finder(false);
    finder.visit_type(given);
    finder.0
}

impl Visit<'_> for Hints {
    // Comments are attributes too.
    fn visit_attribute(&mut self, _: &syn::Attribute) {}

    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.function(&item.sig, |hints| visit::visit_item_fn(hints, item));
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.function(&item.sig, |hints| visit::visit_impl_item_fn(hints, item));
    }

    fn visit_expr_lit(&mut self, item: &syn::ExprLit) {
        if let (true, syn::Lit::Str(text)) = (self.is_inside, &item.lit) {
            self.literal(&text.value());
        }
    }

    fn visit_macro(&mut self, item: &syn::Macro) {
        if self.is_inside && item.path.is_ident("format") {
            let first = item.tokens.clone().into_iter().next().map(|token| token.to_string()).unwrap_or_default();
            if let Ok(text) = syn::parse_str::<syn::LitStr>(&first) {
                self.literal(&text.value());
            }
        }
    }
}
