//! Reads the tables of `sesame.lock` into a [`Lock`], noting every problem on the way.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::bounds::MAX_COMPONENT;
use crate::model::digest::Digest;
use crate::model::manifest::file_path::normalize;
use crate::model::name::ExtensionName;
use crate::model::reference::OciReference;
use crate::model::toml::document::{FINISH_THE_MERGE, TableFields, TomlText};
use crate::model::toml::problem::Problem;

use super::merge::split_conflict;
use super::{Lock, LockEntry, LockedSource, VERSION};

/// What to do about a lock that cannot be read.
const RESTORE: &str = "restore the file from git, or delete it and run `sesame lock`";

/// What to do about the markers that git leaves.
const MERGE: &str = "`sesame lock` merges the two sides; finish the merge of sesame.toml first";

impl Lock {
    /// Reads a lock; `file` is what it is called in messages.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        read(file, bytes).map_err(|mut problems| {
            problems.sort_by_key(|problem| (problem.line, problem.column));
            for problem in &mut problems {
                problem.help.get_or_insert_with(|| RESTORE.to_owned());
            }
            problems
        })
    }
}

/// Reads a lock, and notes every problem on the way.
fn read(file: &str, bytes: &[u8]) -> Result<Lock, Vec<Problem>> {
    let text = TomlText::new(file, bytes).map_err(|problem| vec![problem])?;
    let table = text.parse().map_err(|mut problems| {
        for problem in &mut problems {
            let is_conflict = problem.help.as_deref() == Some(FINISH_THE_MERGE);
            let help = if split_conflict(text.as_str()).is_some() { MERGE } else { FINISH_THE_MERGE };
            problem.help = is_conflict.then(|| help.to_owned());
        }
        problems
    })?;
    let mut problems = Vec::new();
    let mut fields = TableFields::new(&text, table.get_ref(), 0..0, "a lock");
    match fields.integer("version", 0..=u64::MAX, &mut problems) {
        Some(version) if version.value > VERSION => {
            let message =
                format!("the lock has version {}, but this sesame reads only version {VERSION}", version.value);
            let help = "a newer sesame wrote it, or it is another tool's file; update sesame on this machine";
            return Err(vec![version.problem(message).help(help)]);
        }
        Some(version) if version.value != VERSION => {
            problems.push(version.problem(format!("there is no lock version {}", version.value)));
        }
        Some(_) => {}
        None if fields.get("version").is_none() => {
            let help = "this may be another tool's file; if not, delete it and run `sesame lock`";
            problems.push(fields.problem("the lock has no `version`").help(help));
        }
        None => {}
    }
    let mut lock = Lock::default();
    if let Some(array) = fields.get("extension") {
        match array.get_ref().as_array() {
            Some(array) => read_entries(&mut lock, &text, array, &mut problems),
            None => problems.push(text.problem(array.span(), "`extension` is an array of tables, `[[extension]]`")),
        }
    }
    fields.finish(&mut problems);
    if problems.is_empty() { Ok(lock) } else { Err(problems) }
}

fn read_entries(lock: &mut Lock, text: &TomlText<'_>, array: &toml::de::DeArray<'_>, problems: &mut Vec<Problem>) {
    let mut origins: BTreeMap<Digest, (ExtensionName, Digest)> = BTreeMap::new();
    for item in array.iter() {
        let Some(table) = item.get_ref().as_table() else {
            problems.push(text.problem(item.span(), "`extension` is an array of tables, `[[extension]]`"));
            continue;
        };
        let mut fields = TableFields::new(text, table, item.span(), "a locked extension");
        let before = problems.len();
        let name_value = fields.string("name", problems);
        let name = name_value.as_ref().and_then(|name| name.parse::<ExtensionName>(problems));
        let entry = read_entry(&mut fields, problems);
        if name_value.is_none() && problems.len() == before {
            problems.push(fields.problem("a locked extension has no `name`"));
        }
        fields.finish(problems);
        let (Some(name), Some(entry), Some(place)) = (name, entry, name_value) else { continue };
        if let Some(last) = lock.entries.keys().next_back().filter(|last| **last >= name) {
            let problem = if lock.entries.contains_key(&name) {
                place.problem(format!("`{name}` is locked twice"))
            } else {
                place.problem(format!("`{name}` stands after `{last}`; a lock is sorted by name"))
            };
            problems.push(problem);
        }
        if let LockedSource::Oci { provenance, .. } = &entry.source {
            let (first, component) = origins.entry(*provenance).or_insert((name.clone(), entry.component));
            if *component != entry.component {
                let message = format!("`{name}` and `{first}` have one provenance but two components");
                problems.push(place.problem(message));
            }
        }
        lock.entries.insert(name, entry);
    }
}

fn read_entry(fields: &mut TableFields<'_>, problems: &mut Vec<Problem>) -> Option<LockEntry> {
    let before = problems.len();
    let reference_value = fields.string("reference", problems);
    let reference = reference_value.as_ref().and_then(|value| value.parse::<OciReference>(problems));
    let provenance = read_digest(fields, "provenance", problems);
    let manifest = read_digest(fields, "manifest", problems);
    let path = fields.string("path", problems);
    let component = read_digest(fields, "component", problems);
    let size = fields.integer("size", 8..=MAX_COMPONENT, problems).map(|size| size.value);
    let imports = read_names(fields, "imports", problems);
    let exports = read_names(fields, "exports", problems);
    if problems.len() > before {
        return None;
    }
    let named = |present: bool, key: &'static str| (!present).then(|| format!("`{key}`"));
    let missing: Vec<String> = [
        named(component.is_some(), "component"),
        named(size.is_some(), "size"),
        named(imports.is_some(), "imports"),
        named(exports.is_some(), "exports"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let source = match (reference_value, reference, provenance, path) {
        (Some(value), Some(reference), _, None) if reference.provenance().is_some() => {
            Err(value.problem("a locked reference has no `@`; the pin stands in `provenance`"))
        }
        (_, Some(reference), Some(provenance), None) => Ok(LockedSource::Oci { reference, provenance, manifest }),
        (_, None, None, Some(path)) if manifest.is_some() => {
            Err(path.problem("`manifest` stands only beside `reference`"))
        }
        (_, None, None, Some(path)) if normalize("", path.value).as_deref() != Some(path.value) => {
            Err(path.problem("`path` is not the plain path of a file"))
        }
        (_, None, None, Some(path)) => Ok(LockedSource::Path(path.value.to_owned())),
        (_, _, _, Some(path)) => Err(path.problem("`path` stands beside `reference` or `provenance`")),
        (_, Some(_), None, None) => Err(fields.problem("a locked extension has no `provenance`")),
        (_, None, _, None) => Err(fields.problem("a locked extension has neither `reference` nor `path`")),
    };
    if !missing.is_empty() {
        problems.push(fields.problem(format!("a locked extension lacks {}", missing.join(", "))));
        return None;
    }
    let source = source.map_err(|problem| problems.push(problem)).ok()?;
    Some(LockEntry { source, component: component?, size: size?, imports: imports?, exports: exports? })
}

/// Names in ascending order, each once.
fn read_names(
    fields: &mut TableFields<'_>,
    key: &'static str,
    problems: &mut Vec<Problem>,
) -> Option<BTreeSet<String>> {
    let names = fields.strings(key, problems)?;
    for pair in names.windows(2).filter(|pair| pair[0].value >= pair[1].value) {
        problems.push(pair[1].problem(format!("`{key}` is not sorted, or names something twice")));
    }
    Some(names.into_iter().map(|name| name.value.to_owned()).collect())
}

fn read_digest(fields: &mut TableFields<'_>, key: &'static str, problems: &mut Vec<Problem>) -> Option<Digest> {
    let value = fields.string(key, problems)?;
    let parsed = value.value.parse();
    parsed.map_err(|error| problems.push(value.problem(format!("`{key}` cannot be used: {error}")))).ok()
}
