//! What a component is linked with: the interfaces that it is granted, and WASI with nothing behind it.
//!
//! The interfaces come from `wit/`, so the host and the authors of extensions read the same text.

use bindings::open_sesame::host::{
    clipboard_write, config_read, ipc_publish, log, notification, secret_read, secret_write,
};
use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::model::capability::{Capability, Grants, all_grants};
use crate::model::text::{nearest, shorten, shorten_message};

use super::state::InstanceState;

mod bindings {
    wasmtime::component::bindgen!({ path: "wit", world: "extension", imports: { default: async } });
}

/// Why a component cannot be linked, although its imports have the right names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LinkError {
    #[error("`{}` has no function `{}`{}", shorten(interface), shorten(function), closest(found.as_ref()))]
    NoFunction { interface: String, function: String, found: Option<String> },
    #[error("what it imports is not what the host has: {0}")]
    Type(String),
}

fn closest(found: Option<&String>) -> String {
    found.map_or_else(String::new, |found| format!("; the closest is `{found}`"))
}

/// Links what is granted, and WASI where it is imported. Ungranted interfaces are not there at all (invariant 5: grants decide).
pub(crate) fn linker(engine: &Engine, grants: &Grants, wasi: bool) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    log::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)?;
    for capability in grants.keys() {
        match capability {
            Capability::ClipboardWrite => {
                clipboard_write::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)
            }
            Capability::ConfigRead => {
                config_read::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)
            }
            Capability::IpcPublish => {
                ipc_publish::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)
            }
            Capability::Notification => {
                notification::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)
            }
            Capability::SecretRead => {
                secret_read::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)
            }
            Capability::SecretWrite => {
                secret_write::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)
            }
            Capability::Env | Capability::FsRead | Capability::FsWrite => Ok(()),
        }?;
    }
    if wasi {
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    }
    Ok(linker)
}

/// Whether a component imports anything of WASI.
pub(crate) fn imports_wasi(component: &Component) -> bool {
    component.component_type().imports(component.engine()).any(|(name, _)| name.starts_with("wasi:"))
}

/// Checks the functions that a component imports, and their types, against those of the host. `imports` is a component
/// with the same imports and nothing else: see [`imports_only`](crate::engine::inspect::imports_only).
///
/// # Errors
/// [`LinkError`] names the first that the host has not, or has with another type.
pub fn check_linkable(engine: &Engine, imports: &[u8]) -> Result<(), LinkError> {
    let failed = |error: wasmtime::Error| LinkError::Type(shorten_message(&format!("{error:#}")).into_owned());
    let component = Component::new(engine, imports).map_err(failed)?;
    for (interface, import) in component.component_type().imports(engine) {
        let path = interface.split('@').next().unwrap_or(interface);
        let name = path.strip_prefix("open-sesame:host/").unwrap_or_default();
        let offered = match name.parse::<Capability>().ok().and_then(Capability::function) {
            Some(function) => function,
            None if name == "log" => "log",
            None => continue,
        };
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        for (function, item) in instance.exports(engine) {
            let is_function = matches!(item.ty, ComponentItem::ComponentFunc(_));
            if is_function && function != offered {
                let found = nearest(function, [offered]).map(str::to_owned);
                return Err(LinkError::NoFunction {
                    interface: interface.to_owned(),
                    function: function.to_owned(),
                    found,
                });
            }
        }
    }
    linker(engine, &all_grants(), imports_wasi(&component))
        .and_then(|linker| linker.instantiate_pre(&component))
        .map_err(failed)?;
    Ok(())
}

impl clipboard_write::Host for InstanceState {
    async fn write(&mut self, text: String) -> Result<(), String> {
        let backend = self.shared.host.backends.clipboard_write.as_ref().ok_or("this host has no clipboard")?;
        backend.write(&self.caller, &text).await
    }
}

impl config_read::Host for InstanceState {
    async fn get(&mut self, key: String) -> Option<String> {
        if !self.shared.settings.capabilities.get(&Capability::ConfigRead).is_some_and(|scope| scope.contains_key(&key))
        {
            let shown: String = key.chars().take(200).collect();
            self.log
                .host_line(&format!("it asked for the setting `{shown}`, which is outside what config-read grants"));
            return None;
        }
        self.shared.settings.config.iter().find_map(|layer| layer.get(&key)).cloned()
    }
}

impl ipc_publish::Host for InstanceState {
    async fn publish(&mut self, topic: String, payload: Vec<u8>) -> Result<(), String> {
        let backend = self.shared.host.backends.ipc_publish.as_ref().ok_or("this host has no message bus")?;
        backend.publish(&self.caller, &topic, &payload).await
    }
}

impl log::Host for InstanceState {
    async fn log(&mut self, level: log::Level, message: String) {
        use super::backends::LogSource;
        let source = match level {
            log::Level::Trace => LogSource::Trace,
            log::Level::Debug => LogSource::Debug,
            log::Level::Info => LogSource::Info,
            log::Level::Warn => LogSource::Warn,
            log::Level::Error => LogSource::Error,
        };
        self.log.message(source, &message);
    }
}

impl notification::Host for InstanceState {
    async fn show(&mut self, title: String, body: String) -> Result<(), String> {
        let backend = self.shared.host.backends.notification.as_ref().ok_or("this host shows no notifications")?;
        backend.show(&self.caller, &title, &body).await
    }
}

impl secret_read::Host for InstanceState {
    async fn get(&mut self, name: String) -> Result<Option<String>, String> {
        if !self
            .shared
            .settings
            .capabilities
            .get(&Capability::SecretRead)
            .is_some_and(|scope| scope.contains_name(&name))
        {
            return Err(format!("the secret `{name}` is not granted"));
        }
        let backend = self.shared.host.backends.secret_read.as_ref().ok_or("this host has no secrets")?;
        let secret = backend.get(&self.caller, &name).await?;
        if secret.is_some() {
            self.note_secret();
        }
        Ok(secret)
    }
}

impl secret_write::Host for InstanceState {
    async fn set(&mut self, name: String, value: String) -> Result<(), String> {
        let backend = self.shared.host.backends.secret_write.as_ref().ok_or("this host keeps no secrets")?;
        backend.set(&self.caller, &name, &value).await
    }
}
