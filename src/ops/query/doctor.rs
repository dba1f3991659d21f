//! `doctor`: checks everything that sesame depends on, one thing after the other. Changes nothing, and shows no secret.

use std::collections::BTreeSet;

use crate::engine::key::{engine_keys, wasmtime_version};
use crate::model::capability::Capability;
use crate::model::manifest::Manifest;
use crate::model::name::ProfileName;
use crate::model::reference::OciRepository;
use crate::model::registries::{Mirror, RegistryPattern};
use crate::model::report::query::doctor::{Check, CheckState, DoctorReport};
use crate::model::report::registry::{CredentialStatus, RegistryAccess};
use crate::model::text::{count, size};
use crate::model::toml::problem::Problem;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::policy::checks::{check_sources, policy_files, read_policy};
use crate::ops::project::Project;
use crate::ops::project::search::Search;
use crate::ops::publish::login;
use crate::ops::sync::lock::stale_entries;
use crate::registry::source::selection::NetworkMode;
use crate::store::integrity::{fsck, store_permissions};
use crate::store::{generations, owner, write};

use super::machine_checks::run_machine_checks;

/// How much of a disk should be free, in bytes.
const ROOM: u64 = 256 << 20;

/// Looks at everything. `search` is how the manifest is looked for.
pub fn doctor(context: &Context, search: &Search) -> DoctorReport {
    let mut doctor = CheckList { context, checks: Vec::new() };
    doctor.check_program();
    doctor.check_folders();
    doctor.checks.extend(run_machine_checks(context));
    doctor.check_policies();
    doctor.check_project(search);
    doctor.check_proxies();
    let manifest = context.project.read_manifest().unwrap_or_default();
    doctor.check_mirrors(&manifest);
    doctor.check_registries(&manifest);
    DoctorReport { checks: doctor.checks }
}

struct CheckList<'a> {
    context: &'a Context,
    checks: Vec<Check>,
}

impl CheckList<'_> {
    fn add(&mut self, about: impl Into<String>, state: CheckState, what: impl Into<String>, remedy: Option<String>) {
        self.checks.push(Check { about: about.into(), state, what: what.into(), remedy });
    }

    fn add_good(&mut self, about: impl Into<String>, what: impl Into<String>) {
        self.add(about, CheckState::Good, what, None);
    }

    /// Notes an error with its causes, and its hint.
    fn add_wrong(&mut self, about: impl Into<String>, error: &Error) {
        let mut fault = error.fault();
        if let Error::Problems(problems) | Error::Policy(problems) = error {
            fault.causes = problems.iter().map(Problem::line).collect();
        }
        self.add(about, CheckState::Wrong, fault.line(), fault.hint);
    }

    fn check_program(&mut self) {
        match engine_keys(|_| true) {
            Ok(keys) => {
                let key = keys.unmetered.map(|key| key.as_str().to_owned()).unwrap_or_default();
                let (version, wasmtime) = (env!("CARGO_PKG_VERSION"), wasmtime_version());
                self.add_good("sesame", format!("{version}, with wasmtime {wasmtime}; compiled code is kept as {key}"));
            }
            Err(error) => self.add_wrong("sesame", &error.into()),
        }
    }

    fn check_folders(&mut self) {
        let paths = &self.context.paths;
        if let Err(error) = owner::check_store_owner(paths) {
            self.add_wrong("store", &error.into());
            return;
        }
        for (about, folder) in [("data", &paths.data), ("cache", &paths.cache), ("state", &paths.state)] {
            let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(folder);
            let path = folder.display();
            match write::free_bytes(there) {
                Err(error) => self.add_wrong(about, &error.into()),
                Ok(free) if free < ROOM => {
                    let remedy = "make room on that disk".to_owned();
                    self.add(about, CheckState::Wrong, format!("{path}: only {} are free", size(free)), Some(remedy));
                }
                Ok(free) if folder.is_dir() => self.add_good(about, format!("{path}, {} free", size(free))),
                Ok(_) => self.add(about, CheckState::Absent, format!("{path} is made when it is needed"), None),
            }
        }
        for (folder, wrong) in store_permissions::find_problems(paths) {
            let remedy = Some("sesame verify --repair".to_owned());
            self.add("folder", CheckState::Wrong, format!("{}: {wrong}", folder.display()), remedy);
        }
        match fsck::verify_key(paths) {
            Ok(None) if paths.key().exists() => self.add_good("key", paths.key().display().to_string()),
            Ok(None) => self.add("key", CheckState::Absent, "it is made with the first code".to_owned(), None),
            Ok(Some(why)) => {
                let remedy = Some("sesame verify --repair".to_owned());
                self.add("key", CheckState::Wrong, format!("{}: {why}", paths.key().display()), remedy);
            }
            Err(error) => self.add_wrong("key", &error.into()),
        }
    }

    fn check_policies(&mut self) {
        let there: Vec<String> = policy_files(&self.context.user)
            .filter(|path| path.exists())
            .map(|path| path.display().to_string())
            .collect();
        match read_policy(&self.context.user) {
            Err(error) => self.add_wrong("policy", &error),
            Ok(_) if there.is_empty() => self.add("policy", CheckState::Absent, "this machine has none", None),
            Ok(_) => self.add_good("policy", there.join(", ")),
        }
    }

    fn check_project(&mut self, search: &Search) {
        let project = match Project::find(search) {
            Ok(project) => project,
            Err(error) => return self.add_wrong("manifest", &error),
        };
        let path = project.manifest();
        let why = if search.named.is_some() {
            "--manifest names it"
        } else if search.from_environment.is_some() {
            "$SESAME_MANIFEST names it"
        } else if path.parent().is_some_and(|folder| search.start.starts_with(folder)) {
            "it is in this folder or above"
        } else {
            "it is your own; none is in this folder or above"
        };
        let manifest = match project.read_manifest() {
            Ok(manifest) => manifest,
            Err(error) => return self.add_wrong("manifest", &error),
        };
        let extensions = count(manifest.extensions.len(), "extension");
        self.add_good("manifest", format!("{}, {extensions}; {why}", path.display()));
        match project.read_lock() {
            Err(error) => self.add_wrong("lock", &error),
            Ok(None) => self.add_wrong("lock", &Error::NoLock),
            Ok(Some(lock)) => match stale_entries(self.context, &manifest, &lock) {
                Err(error) => self.add_wrong("lock", &error),
                Ok(stale) if stale.is_empty() => self.add_good("lock", project.lock_path().display().to_string()),
                Ok(stale) => self.add_wrong("lock", &Error::StaleLock { stale: stale.into_iter().collect() }),
            },
        }
        let profile = manifest.profile.clone().unwrap_or_default();
        let policy = read_policy(&self.context.user).unwrap_or_default();
        if let Err(error) = check_sources(&policy.sources, &manifest, None) {
            self.each_wrong("sources", error);
        }
        self.granted_folders(&manifest, &profile);
        match generations::active_generation(&self.context.paths, &profile) {
            Err(error) => self.add_wrong("live", &error.into()),
            Ok(None) => {
                let remedy = Some("sesame sync".to_owned());
                self.add("live", CheckState::Absent, format!("nothing in profile `{profile}`"), remedy);
            }
            Ok(Some((number, live))) => {
                let extensions = count(live.extensions.len(), "extension");
                let what = format!("{extensions} in profile `{profile}` (generation {number})");
                if live.manifest == path.display().to_string() {
                    self.add_good("live", what);
                } else {
                    let other =
                        Error::OtherManifest { profile, made_by: live.manifest.clone(), differences: Vec::new() };
                    self.add(
                        "live",
                        CheckState::Wrong,
                        format!("{what}, made by {}", live.manifest),
                        other.fault().hint,
                    );
                }
            }
        }
    }

    fn granted_folders(&mut self, manifest: &Manifest, profile: &ProfileName) {
        let mut granted = manifest.extensions.values().flat_map(|extension| extension.capabilities.keys());
        match crate::ops::policy::folder_checks::check_manifest(self.context, manifest, profile) {
            Ok(unusable) if unusable.is_empty() => {
                if granted.any(|capability| Capability::FOLDERS.contains(capability)) {
                    self.add_good("granted folders", "they are there, and can be given");
                }
            }
            Ok(unusable) => {
                for one in unusable {
                    self.add("granted folders", CheckState::Absent, one.what, Some(one.hint));
                }
            }
            Err(error) => self.each_wrong("granted folders", error),
        }
    }

    /// Notes an error for each extension that it is about.
    fn each_wrong(&mut self, about: &str, error: Error) {
        match error {
            Error::Extensions { faults, .. } => {
                for (_, fault) in faults {
                    self.add(about, CheckState::Wrong, fault.line(), fault.hint);
                }
            }
            error => self.add_wrong(about, &error),
        }
    }

    fn check_proxies(&mut self) {
        let proxies = &self.context.network.proxies;
        let set = [("https", proxies.https.is_some()), ("http", proxies.http.is_some())];
        let set: Vec<&str> = set.into_iter().filter(|(_, is_set)| *is_set).map(|(scheme, _)| scheme).collect();
        match (set.is_empty(), &proxies.none_for) {
            (true, _) => self.add("proxies", CheckState::Absent, "none", None),
            (false, None) => self.add_good("proxies", format!("for {}", set.join(" and "))),
            (false, Some(none)) => self.add_good("proxies", format!("for {}, but not for {none}", set.join(" and "))),
        }
    }

    /// Looks whether the folders are there that mirror what the manifest names.
    fn check_mirrors(&mut self, manifest: &Manifest) {
        let sources = manifest.extensions.values().filter_map(|extension| extension.source.repository());
        let settings = sources.filter_map(|repository| manifest.registries.settings_for(repository));
        let mirrors = settings.flat_map(|(_, settings)| &settings.mirrors).filter_map(|mirror| match mirror {
            Mirror::Layout(folder) => Some(folder.clone()),
            Mirror::Registry { .. } => None,
        });
        for folder in mirrors.collect::<BTreeSet<_>>() {
            let about = format!("mirror {}", folder.display());
            if folder.join("oci-layout").is_file() {
                self.add_good(about, "an OCI image layout");
            } else {
                let remedy = "bring the folder here, or change `mirrors` in the manifest".to_owned();
                self.add(about, CheckState::Wrong, "there is no OCI image layout", Some(remedy));
            }
        }
    }

    /// Asks every registry that the manifest names.
    fn check_registries(&mut self, manifest: &Manifest) {
        let sources = || manifest.extensions.values().filter_map(|extension| extension.source.repository());
        let hosts: BTreeSet<&str> = sources().map(|repository| repository.registry()).collect();
        for host in hosts {
            let is_asked = |repository: &OciRepository| {
                let settings = manifest.registries.settings_for(repository);
                repository.registry() == host && !settings.is_some_and(|(_, settings)| settings.mirrors_only)
            };
            if !sources().any(is_asked) {
                self.add(host, CheckState::Absent, "only its mirrors are asked", None);
                continue;
            }
            if self.context.network_mode == NetworkMode::Offline {
                self.add(host, CheckState::Absent, "not asked, because of --offline", None);
                continue;
            }
            let Ok(pattern) = host.parse::<RegistryPattern>() else { continue };
            match login::check_registry_access(self.context, &pattern) {
                Err(error) => self.add_wrong(host, &error),
                Ok(report) => {
                    let credentials = match report.credentials {
                        CredentialStatus::Found { place } => format!("credentials in {place}"),
                        CredentialStatus::None => "no credentials".to_owned(),
                        CredentialStatus::Withheld { setting } => format!("no credentials, because of `{setting}`"),
                    };
                    let what = format!("reached over {}, {credentials}", report.protocol);
                    match (report.access, report.fault) {
                        (RegistryAccess::Refused, fault) => {
                            let remedy = fault.and_then(|fault| fault.hint);
                            self.add(host, CheckState::Wrong, format!("{what}; it does not let us in"), remedy);
                        }
                        _ => self.add_good(host, what),
                    }
                }
            }
        }
    }
}
