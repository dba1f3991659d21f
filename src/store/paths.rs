//! Where everything is on disk. The only file that joins paths of the store; made from digests and checked names
//! only (invariant 7: paths are made of checked parts).

use std::path::PathBuf;

use crate::model::digest::Digest;
use crate::model::engine_key::EngineKey;
use crate::model::name::{ExtensionName, ProfileName};

/// The three folders that sesame keeps its things in.
#[derive(Debug, Clone)]
pub struct StorePaths {
    /// Blobs and generations: `$XDG_DATA_HOME/pds`.
    pub data: PathBuf,
    /// What can be made again: `$XDG_CACHE_HOME/pds`.
    pub cache: PathBuf,
    /// What belongs to this machine alone: `$XDG_STATE_HOME/pds`.
    pub state: PathBuf,
}

impl StorePaths {
    /// The folder of all blobs, of whichever algorithm.
    pub fn blobs_folder(&self) -> PathBuf {
        self.data.join("blobs")
    }

    pub fn blobs(&self) -> PathBuf {
        self.blobs_folder().join("sha256")
    }

    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    pub fn staging(&self) -> PathBuf {
        self.data.join("staging")
    }

    /// Where a blob's bytes wait until they are checked.
    pub fn staged(&self, digest: &Digest) -> PathBuf {
        self.staging().join(format!("{}.partial", digest.hex()))
    }

    /// Where what is wrong is put aside.
    pub fn quarantine(&self) -> PathBuf {
        self.data.join("quarantine")
    }

    pub fn generations(&self, profile: &ProfileName) -> PathBuf {
        self.profile(profile).join("generations")
    }

    pub fn generation(&self, profile: &ProfileName, number: u64) -> PathBuf {
        self.generations(profile).join(format!("{number}.toml"))
    }

    /// The file that holds the number of the live generation.
    pub fn current(&self, profile: &ProfileName) -> PathBuf {
        self.profile(profile).join("current")
    }

    /// The file whose advisory lock a run holds while it changes the store.
    pub fn store_lock(&self) -> PathBuf {
        self.data.join("lock")
    }

    pub fn codes(&self) -> PathBuf {
        self.cache.join("cwasm")
    }

    pub fn code(&self, engine: &EngineKey, component: &Digest) -> PathBuf {
        self.code_folder(engine).join(component.hex())
    }

    pub fn code_folder(&self, engine: &EngineKey) -> PathBuf {
        self.codes().join(engine.as_str())
    }

    pub fn noop_records(&self) -> PathBuf {
        self.cache.join("stamps")
    }

    /// How everything looked when a command had nothing to do.
    pub fn noop_record(&self, name: &str) -> PathBuf {
        self.noop_records().join(name)
    }

    pub fn functions(&self) -> PathBuf {
        self.cache.join("functions")
    }

    /// The packs of compiled functions of one engine.
    pub fn functions_of(&self, engine: &EngineKey) -> PathBuf {
        self.functions().join(engine.as_str())
    }

    /// What was checked, and how it looked then.
    pub fn verified(&self) -> PathBuf {
        self.cache.join("verified")
    }

    /// The secret that compiled code is authenticated with.
    pub fn key(&self) -> PathBuf {
        self.state.join("key")
    }

    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    /// What an extension printed.
    pub fn log(&self, name: &ExtensionName) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// What it printed before that.
    pub fn old_log(&self, name: &ExtensionName) -> PathBuf {
        self.logs().join(format!("{name}.log.old"))
    }

    pub fn audit(&self) -> PathBuf {
        self.state.join("audit")
    }

    /// A file of the audit log.
    pub fn audit_file(&self, number: u64) -> PathBuf {
        self.audit().join(format!("{number}.jsonl"))
    }

    /// What stood at the end of such a file, from this byte on, and was no record.
    pub fn audit_tail(&self, number: u64, offset: u64) -> PathBuf {
        self.audit().join(format!("{number}.{offset}.cut"))
    }

    /// What the host of the desktop says of itself.
    pub fn host_log(&self) -> PathBuf {
        self.state.join("host.log")
    }

    pub fn old_host_log(&self) -> PathBuf {
        self.state.join("host.log.old")
    }

    pub fn profiles(&self) -> PathBuf {
        self.data.join("profiles")
    }

    /// A profile that is being copied or removed, under a name that no profile can have.
    pub fn unfinished_profile(&self, profile: &ProfileName) -> PathBuf {
        self.profiles().join(format!(".{profile}"))
    }

    pub fn profile(&self, profile: &ProfileName) -> PathBuf {
        self.profiles().join(profile.as_str())
    }
}
