//! `doctor`: checks everything that sesame depends on, one thing after the other. Changes nothing, and shows no secret.

use std::collections::BTreeSet;

use rustix::io::Errno;

use crate::engine::key::{engine_keys, wasmtime_version};
use crate::model::capability::Capability;
use crate::model::fault::Fault;
use crate::model::fault::hint::Remedy;
use crate::model::manifest::Manifest;
use crate::model::name::ExtensionName;
use crate::model::reference::OciRepository;
use crate::model::registries::{Mirror, RegistryPattern};
use crate::model::report::query::doctor::{Check, CheckFact, CheckState, DoctorReport, ManifestSearch};
use crate::model::report::registry::RegistryAccess;
use crate::model::report::sync::Forecast;
use crate::ops::context::Context;
use crate::ops::error::Error;
use crate::ops::error::lock::LockError;
use crate::ops::error::profile::ProfileError;
use crate::ops::policy::checks::{policy_files, read_policy};
use crate::ops::policy::folder_checks::UnusableFolder;
use crate::ops::project::Project;
use crate::ops::project::search::Search;
use crate::ops::publish::login;
use crate::ops::sync::forecast;
use crate::ops::sync::observe::Observation;
use crate::registry::source::selection::NetworkMode;
use crate::store::integrity::{fsck, store_permissions};
use crate::store::{owner, write};

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
    fn add(&mut self, about: impl Into<String>, state: CheckState, fact: CheckFact) {
        let remedies = fact.remedies();
        self.add_with(about, state, fact, remedies);
    }

    fn add_with(&mut self, about: impl Into<String>, state: CheckState, fact: CheckFact, remedies: Vec<Remedy>) {
        self.checks.push(Check { about: about.into(), state, fact, remedies });
    }

    fn add_good(&mut self, about: impl Into<String>, fact: CheckFact) {
        self.add(about, CheckState::Good, fact);
    }

    /// Notes an error with its causes, and its hint.
    fn add_wrong(&mut self, about: impl Into<String>, error: &Error) {
        let (fault, remedies) = error.fault().into_remedies();
        let fact = CheckFact::Failed { extension: None, fault, problems: error.problems().to_vec() };
        self.add_with(about, CheckState::Wrong, fact, remedies);
    }

    /// Notes what is wrong with an extension.
    fn add_fault(&mut self, about: impl Into<String>, name: ExtensionName, fault: Fault) {
        let (fault, remedies) = fault.into_remedies();
        let fact = CheckFact::Failed { extension: Some(name), fault, problems: Vec::new() };
        self.add_with(about, CheckState::Wrong, fact, remedies);
    }

    fn check_program(&mut self) {
        match engine_keys(|_| true) {
            Ok(keys) => {
                let key = keys.unmetered.map(|key| key.as_str().to_owned()).unwrap_or_default();
                let version = env!("CARGO_PKG_VERSION").to_owned();
                let wasmtime = wasmtime_version().to_owned();
                self.add_good("sesame", CheckFact::Program { version, wasmtime, engine_key: key });
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
            let folder_text = folder.display().to_string();
            match write::free_bytes(there) {
                Err(error) => self.add_wrong(about, &error.into()),
                Ok(free) if free < ROOM => {
                    let fact = CheckFact::LittleSpace { folder: folder_text, free };
                    self.add(about, CheckState::Wrong, fact);
                }
                Ok(free) if folder.is_dir() => self.add_good(about, CheckFact::Space { folder: folder_text, free }),
                Ok(_) => self.add(about, CheckState::Absent, CheckFact::CreatedLater { path: folder_text }),
            }
        }
        for (folder, error) in store_permissions::find_unwritable(paths) {
            let is_own = error == Errno::ACCESS && owner::is_own(&folder);
            let (folder, why) = (folder.display().to_string(), error.kind().to_string());
            let fact = CheckFact::NotWritable { folder, why, is_own };
            self.add("folder", CheckState::Wrong, fact);
        }
        for (folder, problem) in store_permissions::find_problems(paths) {
            let fact = CheckFact::Permissions { folder: folder.display().to_string(), problem };
            self.add("folder", CheckState::Wrong, fact);
        }
        let path = paths.key().display().to_string();
        match fsck::verify_key(paths) {
            Ok(None) if paths.key().exists() => self.add_good("key", CheckFact::Key { path }),
            Ok(None) => self.add("key", CheckState::Absent, CheckFact::CreatedLater { path }),
            Ok(Some(problem)) => {
                self.add("key", CheckState::Wrong, CheckFact::KeyUnusable { path, problem });
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
            Ok(_) if there.is_empty() => self.add("policy", CheckState::Absent, CheckFact::NoPolicy),
            Ok(_) => self.add_good("policy", CheckFact::Policies { files: there }),
        }
    }

    fn check_project(&mut self, search: &Search) {
        let project = match Project::find(search) {
            Ok(project) => project,
            Err(error) => return self.add_wrong("manifest", &error),
        };
        let path = project.manifest();
        let found = if search.named.is_some() {
            ManifestSearch::Option
        } else if search.from_environment.is_some() {
            ManifestSearch::Variable
        } else if path.parent().is_some_and(|folder| search.start.starts_with(folder)) {
            ManifestSearch::Folder
        } else {
            ManifestSearch::User
        };
        let manifest = match project.read_manifest() {
            Ok(manifest) => manifest,
            Err(error) => return self.add_wrong("manifest", &error),
        };
        self.check_declared(&project, manifest, found);
        self.check_sync(project);
    }

    fn check_declared(&mut self, project: &Project, manifest: Manifest, found: ManifestSearch) {
        let path = project.manifest();
        let fact =
            CheckFact::Manifest { path: path.display().to_string(), extensions: manifest.extensions.len(), found };
        self.add_good("manifest", fact);
        let policy = read_policy(&self.context.user).unwrap_or_default();
        let context = self.context;
        let observed = Observation::new(context, manifest, policy, None);
        match observed.lock() {
            Err(error) => self.add_wrong("lock", &error),
            Ok(None) => self.add_wrong("lock", &project.no_lock()),
            Ok(Some(lock)) => match observed.stale(&lock) {
                Err(error) => self.each_wrong("components", error),
                Ok(stale) if stale.is_empty() => {
                    self.add_good("lock", CheckFact::Lock { path: project.lock_path().display().to_string() });
                }
                Ok(stale) => {
                    let (lock, stale) = (project.shown_lock(), stale.into_iter().collect());
                    self.add_wrong("lock", &Error::Lock(LockError::Stale { lock, stale }))
                }
            },
        }
        if let Err(error) = observed.check_policy(None) {
            self.each_wrong("policy", error);
        }
        self.granted_folders(&observed);
        self.check_active(&observed, project);
    }

    /// Looks whether what is active was made by this manifest.
    fn check_active(&mut self, observed: &Observation<'_>, project: &Project) {
        let profile = &observed.profile;
        match observed.active() {
            Err(error) => self.add_wrong("active", &error),
            Ok(None) => {
                self.add("active", CheckState::Absent, CheckFact::NothingActive { profile: profile.clone() });
            }
            Ok(Some((number, live))) => {
                let fact = |made_by| CheckFact::Active {
                    profile: profile.clone(),
                    generation: number,
                    extensions: live.extensions.len(),
                    made_by,
                };
                if project.manages(&live) {
                    self.add_good("active", fact(None));
                } else {
                    let other = ProfileError::other_manifest(profile.clone(), live.manifest.clone(), Vec::new());
                    let other = Error::Profile(other);
                    let fact = fact(Some(live.manifest.clone()));
                    self.add_with("active", CheckState::Wrong, fact, other.fault().into_remedies().1);
                }
            }
        }
    }

    fn granted_folders(&mut self, observed: &Observation<'_>) {
        let mut granted = observed.manifest.extensions.values().flat_map(|extension| extension.capabilities.keys());
        match observed.check_folders() {
            Ok(unusable) if unusable.is_empty() => {
                if granted.any(|capability| Capability::FOLDERS.contains(capability)) {
                    self.add_good("granted folders", CheckFact::GrantedFolders);
                }
            }
            Ok(unusable) => {
                for UnusableFolder { extension, fault } in unusable {
                    let (fault, remedies) = fault.into_remedies();
                    let fact = CheckFact::UnusableFolder { extension, fault };
                    self.add_with("granted folders", CheckState::Absent, fact, remedies);
                }
            }
            Err(error) => self.each_wrong("granted folders", error),
        }
    }

    /// Notes an error for each extension that it is about.
    fn each_wrong(&mut self, about: &str, error: Error) {
        match error {
            Error::Lock(LockError::Extensions { faults, .. }) => {
                for (name, fault) in faults {
                    self.add_fault(about, name, fault);
                }
            }
            error => self.add_wrong(about, &error),
        }
    }

    /// What `sync` would be refused for, as far as that was not found before.
    fn check_sync(&mut self, project: Project) {
        let context = Context { project, ..self.context.clone() };
        match forecast::next_sync(&context, None) {
            Ok(Forecast::UpToDate) => self.add_good("sync", CheckFact::NextSync { is_up_to_date: true }),
            Ok(Forecast::Held { generation }) => {
                self.add("sync", CheckState::Absent, CheckFact::ProfileHeld { generation });
            }
            Ok(_) => self.add("sync", CheckState::Absent, CheckFact::NextSync { is_up_to_date: false }),
            // What manages the active set was reported with it.
            Err(Error::Profile(ProfileError::OtherManifest { .. })) => {}
            Err(error) => {
                let found = self.checks.len();
                self.each_wrong("sync", error);
                let new = self.checks.split_off(found);
                let is_known = |new: &Check| self.checks.iter().any(|check| check.fact == new.fact);
                let new: Vec<Check> = new.into_iter().filter(|new| !is_known(new)).collect();
                self.checks.extend(new);
                let changes = forecast::narrowing(&context, None);
                if !changes.is_empty() {
                    self.add("sync", CheckState::Wrong, CheckFact::NextNarrowing { changes });
                }
            }
        }
    }

    fn check_proxies(&mut self) {
        let proxies = &self.context.network.proxies;
        let set = [("https", proxies.https.is_some()), ("http", proxies.http.is_some())];
        let schemes: Vec<String> =
            set.into_iter().filter(|(_, is_set)| *is_set).map(|(scheme, _)| scheme.to_owned()).collect();
        if schemes.is_empty() {
            self.add("proxies", CheckState::Absent, CheckFact::NoProxies);
        } else {
            self.add_good("proxies", CheckFact::Proxies { schemes, none_for: proxies.none_for.clone() });
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
            let shown = folder.display().to_string();
            let about = format!("mirror {shown}");
            if folder.join("oci-layout").is_file() {
                self.add_good(about, CheckFact::Layout { folder: shown });
            } else {
                self.add(about, CheckState::Wrong, CheckFact::NoLayout { folder: shown });
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
                self.add(host, CheckState::Absent, CheckFact::OnlyMirrors { host: host.to_owned() });
                continue;
            }
            if self.context.network_mode == NetworkMode::Offline {
                self.add(host, CheckState::Absent, CheckFact::Offline { host: host.to_owned() });
                continue;
            }
            let Ok(pattern) = host.parse::<RegistryPattern>() else { continue };
            match login::check_registry_access(self.context, &pattern) {
                Err(error) => self.add_wrong(host, &error),
                Ok(report) => {
                    let denied = report.fault.filter(|_| report.access == RegistryAccess::Refused);
                    let (denied, remedies) = denied.map(Fault::into_remedies).unzip();
                    let state = if denied.is_some() { CheckState::Wrong } else { CheckState::Good };
                    let (protocol, credentials) = (report.protocol, report.credentials);
                    let fact = CheckFact::Registry { host: host.to_owned(), protocol, credentials, denied };
                    self.add_with(host, state, fact, remedies.unwrap_or_default());
                }
            }
        }
    }
}
