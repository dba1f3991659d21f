//! A component's file that is called without being installed: compiled, loaded and forgotten.

use std::path::Path;

use crate::compiler::client::Compiler;
use crate::compiler::settings::CompilerSettings;
use crate::engine::key::engine_key;
use crate::host::extension::Extension;
use crate::host::state::ExtensionSettings;
use crate::model::capability::Grants;
use crate::model::digest::Digest;
use crate::model::manifest::Limits;
use crate::ops::context::Interrupt;
use crate::ops::error::Error;
use crate::ops::policy::checks::{check_offered, check_rule, read_policy};
use crate::ops::policy::protected_paths::OnUnreadable;
use crate::ops::project::files::read_component;
use crate::ops::run::active::{ActiveSet, GrantedBy, Overrides, host_error};
use crate::store::code::cwasm;

/// A component's file that is called without being installed.
pub struct UninstalledComponent<'a> {
    pub file: &'a Path,
    pub capabilities: &'a Grants,
    pub overrides: &'a Overrides,
    /// The folder that relative folders in the grants are resolved against.
    pub folder: &'a Path,
}

impl ActiveSet {
    /// Compiles a component that is not installed, and keeps no code of it. Backends and
    /// logs know it by its path, which can be no extension's name.
    ///
    /// It waits for the compiler, and must not be called from async code.
    ///
    /// # Errors
    /// [`Error`] if the file is no component that can be used, or imports what is not granted.
    pub fn load_uninstalled(
        &self,
        &UninstalledComponent { file, capabilities, overrides, folder }: &UninstalledComponent<'_>,
        compiler: &CompilerSettings,
        interrupt: &Interrupt,
    ) -> Result<Extension, Error> {
        let name = file_name(file);
        let policy = read_policy(&self.host_environment.user)?;
        check_rule(&policy, &name, None, capabilities)?;
        let limits = Limits::default().at_most(&policy.max_limits).at_most(&overrides.max_limits);
        let bytes = read_component(file)?;
        let component = Digest::of(&bytes);
        let compiler = Compiler::new(compiler, &self.host_environment.paths);
        let engine = engine_key(self.host.engine(limits.metering())?);
        let compiled = interrupt.block_on(async {
            check_offered(&name, &compiler.inspect(bytes.clone()).await?.interface.imports)?;
            let (_, code) = compiler.compile(component, &engine, limits.metering(), bytes).await?;
            compiler.end().await;
            Ok(code)
        });
        let code = compiled.map_err(|error| error.of_file(file))?;
        let code = cwasm::in_memory(&engine, &component, &code)?;
        let identity = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let given = ExtensionSettings {
            capabilities: capabilities.clone(),
            limits,
            config: vec![overrides.config.clone()],
            folders: self.folders(&name, capabilities, folder, OnUnreadable::Refuse)?,
            environment: self.environment(capabilities),
            ..ExtensionSettings::new(identity.display().to_string(), component)
        };
        self.host.load(&code, given).map_err(|error| host_error(&name, GrantedBy::Command, error))
    }
}

/// What a component's file is called in messages.
pub fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
