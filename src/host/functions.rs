//! The functions that a component exports: finding one by the name that a person gives, and its signature.

use std::fmt;

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::wasm_wave::wasm::DisplayType;
use wasmtime::component::{Component, ComponentExportIndex, Type};

use crate::model::text::nearest;

/// A function that can be called.
#[derive(Clone)]
pub struct Function {
    /// The interface that it is part of, with package and version; none for a function of the world itself.
    pub interface: Option<String>,
    pub name: String,
    /// The shortest name by which it is called: `greet`, `counts.count`; with the whole interface where another one has
    /// the same last part.
    pub call_name: String,
    ty: ComponentFunc,
    pub(super) index: ComponentExportIndex,
}

/// Why a text names no function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} `{name}`", if *several { "it exports several functions of the name" } else { "it exports no function" })]
pub struct NoFunction {
    pub name: String,
    /// Whether it names more than one.
    pub several: bool,
    /// What was most likely meant.
    pub closest: Option<String>,
    /// Every function with its signature.
    pub known: Vec<String>,
}

impl Function {
    /// The names and types of its parameters.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = (&str, Type)> + '_ {
        self.ty.params()
    }

    /// The type of its result, if it gives one.
    pub fn result(&self) -> Option<Type> {
        self.ty.results().next()
    }

    /// Whether `text` names it: `name`, or `iface.name`, `pkg:iface/name.func`, with or without a version.
    fn is_named(&self, text: &str) -> bool {
        let Some(interface) = &self.interface else { return text == self.name };
        let Some(start) = text.strip_suffix(self.name.as_str()).and_then(|start| start.strip_suffix('.')) else {
            return false;
        };
        start == interface || start == unversioned(interface) || start == bare(interface)
    }
}

/// The signature: `greet: func(name: string) -> string`.
impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = self.parameters().map(|(name, ty)| format!("{name}: {}", DisplayType(&ty)));
        write!(f, "{}: func({})", self.call_name, parameters.collect::<Vec<_>>().join(", "))?;
        self.result().map_or(Ok(()), |ty| write!(f, " -> {}", DisplayType(&ty)))
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Every function of a component that can be called by name; methods of resources cannot.
pub(super) fn functions(component: &Component) -> Vec<Function> {
    let engine = component.engine();
    let mut functions = Vec::new();
    let mut add = |interface: Option<&str>, name: &str, ty: ComponentFunc, index: Option<ComponentExportIndex>| {
        if let Some(index) = index.filter(|_| !name.starts_with('[')) {
            let call_name =
                interface.map_or_else(|| name.to_owned(), |interface| format!("{}.{name}", bare(interface)));
            let (interface, name) = (interface.map(str::to_owned), name.to_owned());
            functions.push(Function { interface, name, call_name, ty, index });
        }
    };
    for (name, item) in component.component_type().exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(ty) => add(None, name, ty, component.get_export_index(None, name)),
            ComponentItem::ComponentInstance(instance) => {
                let parent = component.get_export_index(None, name);
                for (function, item) in instance.exports(engine) {
                    if let ComponentItem::ComponentFunc(ty) = item.ty {
                        add(Some(name), function, ty, component.get_export_index(parent.as_ref(), function));
                    }
                }
            }
            _ => {}
        }
    }
    let names: Vec<String> = functions.iter().map(|function| function.call_name.clone()).collect();
    for function in &mut functions {
        if let Some(interface) = &function.interface
            && names.iter().filter(|name| **name == function.call_name).count() > 1
        {
            function.call_name = format!("{interface}.{}", function.name);
        }
    }
    functions
}

/// The one function that `name` names.
pub(super) fn find<'a>(functions: &'a [Function], name: &str) -> Result<&'a Function, NoFunction> {
    let named: Vec<&Function> = functions.iter().filter(|function| function.is_named(name)).collect();
    if let [function] = named[..] {
        return Ok(function);
    }
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let whole = nearest(name, functions.iter().map(|function| function.call_name.as_str())).map(str::to_owned);
    let part = functions.iter().find(|function| function.name == last(name)).map(|function| function.call_name.clone());
    let closest = if named.is_empty() { whole.or(part) } else { None };
    let known = functions.iter().map(ToString::to_string).collect();
    Err(NoFunction { name: name.to_owned(), several: !named.is_empty(), closest, known })
}

fn unversioned(interface: &str) -> &str {
    interface.split('@').next().unwrap_or(interface)
}

fn bare(interface: &str) -> &str {
    let path = unversioned(interface);
    path.rsplit('/').next().unwrap_or(path)
}
