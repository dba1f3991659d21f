//! Whether a command has nothing to do, seen from how everything looked when that was so before.
//!
//! Only where looking is as good as doing: not if there is anything to warn of, and not if extensions are granted folders,
//! or those of another profile may write to any, since folders may come and go. Manifest, lock and policies are read and hashed; drop-in manifests, components of the project and
//! everything of the store only have to look the same (see [`noop_record`]).

use std::path::Path;
use std::time::SystemTime;

use crate::engine::key::engine_keys;
use crate::model::bounds::MAX_PROJECT_FILE;
use crate::model::capability::Capability;
use crate::model::engine_key::{EngineKey, EngineKeys};
use crate::model::manifest::{ComponentSource, Extension, Manifest};
use crate::model::plan::generation::ActiveExtension;
use crate::model::report::sync::SetSummary;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::policy::checks::policy_files;
use crate::ops::policy::protected_paths::active_generations;
use crate::ops::project::files::read_file;
use crate::store::generations;
use crate::store::integrity::scan::ScanRequest;
use crate::store::memo::noop_record::{self, NoopRecord};

use super::options::SyncOptions;

/// Whether a `sync` with these options has nothing to do. What it says is no less than [`sync`](super::sync) would
/// find; `None` if that has to be asked.
pub fn check_up_to_date(context: &Context, options: &SyncOptions) -> Option<SetSummary> {
    NoopCheck::of_sync(context, options).recorded()
}

/// What a command has before it looks at anything.
pub(crate) struct NoopCheck<'a> {
    context: &'a Context,
    name: String,
    started: SystemTime,
    /// Has seen all that is read. None if something cannot be.
    read: Option<blake3::Hasher>,
}

impl<'a> NoopCheck<'a> {
    pub fn of_sync(context: &'a Context, options: &SyncOptions) -> Self {
        let SyncOptions { mode: _, policy, ownership, profile } = options;
        Self::new(context, &format!("sync {policy:?} {ownership:?} {profile:?}"))
    }

    pub fn of_lock(context: &'a Context) -> Self {
        Self::new(context, "lock")
    }

    fn new(context: &'a Context, command: &str) -> Self {
        let (paths, manifest) = (&context.paths, context.project.manifest());
        let mut name = blake3::Hasher::new();
        let trusted = Path::new(if context.project.is_trusted() { "named" } else { "found" });
        for part in [Path::new(command), trusted, manifest, &paths.data, &paths.state] {
            name.update(part.as_os_str().as_encoded_bytes()).update(b"\0");
        }
        let name = name.finalize().to_hex()[..32].to_owned();
        Self { context, name, started: context.clock.now(), read: read(context).ok() }
    }

    /// The answer of the last such command, if nothing has changed since.
    pub fn recorded(&self) -> Option<SetSummary> {
        noop_record::read(&self.context.paths, &self.name, |engines| {
            self.inputs(&engine_keys(|metering| engines.get(metering).is_some()).ok()?)
        })
    }

    /// Notes that a sync had nothing to do.
    pub fn record_sync(&self, manifest: &Manifest, wanted: ScanRequest, answer: SetSummary) {
        let paths = &self.context.paths;
        let writes = |extension: &ActiveExtension| extension.capabilities.contains_key(&Capability::FsWrite);
        let uses = |extension: &Extension| {
            Capability::FOLDERS.iter().any(|folders| extension.capabilities.contains_key(folders))
        };
        let others = active_generations(paths, Some(&answer.profile));
        let may_write = others.iter().any(|set| set.as_ref().is_ok_and(|set| set.extensions.iter().any(writes)));
        if may_write || manifest.extensions.values().any(uses) {
            return;
        }
        let Ok(profiles) = generations::profiles(paths) else { return };
        let mut seen = NoopRecord { engines: wanted.engines.clone(), ..self.seen(manifest) };
        seen.paths.extend([paths.key(), paths.profiles(), paths.current(&answer.profile)]);
        // Another profile's active set changes with an entry of its folder.
        let others = profiles.into_iter().filter(|profile| *profile != answer.profile);
        seen.paths.extend(others.map(|profile| paths.profile(&profile)));
        seen.paths.extend(answer.generation.map(|generation| paths.generation(&answer.profile, generation)));
        for (component, engine) in wanted.code {
            let is_metered = wanted.engines.metered.as_ref() == Some(&engine);
            if is_metered { &mut seen.metered } else { &mut seen.unmetered }.push(component);
        }
        seen.blobs.extend(wanted.blobs);
        self.put(seen, answer);
    }

    /// Notes that a lock satisfied its manifest.
    pub fn record_lock(&self, manifest: &Manifest, answer: SetSummary) {
        self.put(self.seen(manifest), answer);
    }

    fn put(&self, seen: NoopRecord, answer: SetSummary) {
        // What was read since may have been something else.
        let same =
            read(self.context).ok().map(|now| now.finalize()) == self.read.as_ref().map(blake3::Hasher::finalize);
        if let (true, Some(inputs)) = (same, self.inputs(&seen.engines)) {
            noop_record::put(&self.context.paths, &self.name, NoopRecord { inputs, ..seen }, answer, self.started);
        }
    }

    /// The files of the project that are looked at and not read.
    fn seen(&self, manifest: &Manifest) -> NoopRecord {
        let project = &self.context.project;
        let (folder, mut paths) = project.drop_in_paths();
        paths.extend(manifest.extensions.values().filter_map(|extension| match &extension.source {
            ComponentSource::Path(path) => Some(project.component_path(path)),
            ComponentSource::Oci(_) | ComponentSource::Range(_) => None,
        }));
        NoopRecord { paths, folder: Some(folder), ..NoopRecord::default() }
    }

    fn inputs(&self, engines: &EngineKeys) -> Option<String> {
        let mut read = self.read.clone()?;
        for engine in [&engines.unmetered, &engines.metered] {
            read.update(engine.as_ref().map_or("none", EngineKey::as_str).as_bytes());
        }
        Some(read.finalize().to_hex().to_string())
    }
}

/// Everything that is read: this program's version, the manifest, the lock, the policies.
fn read(context: &Context) -> Result<blake3::Hasher, Error> {
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: Option<Vec<u8>>| {
        let length = bytes.as_ref().map_or(u64::MAX, |bytes| bytes.len() as u64);
        hasher.update(&length.to_le_bytes()).update(&bytes.unwrap_or_default());
    };
    add(Some(env!("CARGO_PKG_VERSION").as_bytes().to_vec()));
    context.project.manifest_and_lock_bytes()?.into_iter().for_each(&mut add);
    for path in policy_files(&context.user) {
        add(read_file(&path, MAX_PROJECT_FILE as u64 + 1)?);
    }
    Ok(hasher)
}
