//! The functions that a component exports: finding one by the name that a person gives, and its signature.

use std::collections::HashMap;
use std::fmt;

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::wasm_wave::wasm::DisplayType;
use wasmtime::component::{Component, ComponentExportIndex, Type};

use crate::model::text::{SHOWN_NAMES, nearest, shorten};

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
    pub(crate) index: ComponentExportIndex,
}

/// Why a text names no function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} `{}`", if *several { "it exports several functions of the name" } else { "it exports no function" }, shorten(name))]
pub struct FunctionNotFound {
    pub name: String,
    /// Whether it names more than one.
    pub several: bool,
    /// The signature of what was most likely meant.
    pub closest: Option<String>,
    /// Whether it is an interface, whose functions `known` has.
    pub is_interface: bool,
    /// The first functions.
    pub known: Vec<KnownFunction>,
    /// How many more there are.
    pub more: usize,
    /// What is exported of resources of this name, or of any if there are no functions: none of it can be called by name,
    /// since a resource lives only as long as the instance that made it.
    pub of_resources: Vec<String>,
}

/// A function that is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFunction {
    /// What `call` names it by.
    pub name: String,
    /// With the name, as WIT.
    pub signature: String,
}

/// What a component exports that can be called.
pub(crate) struct Exports {
    /// By name.
    pub functions: Vec<Function>,
    /// Constructors, methods and static functions of resources.
    of_resources: Vec<String>,
}

impl KnownFunction {
    fn new(function: &Function) -> Self {
        Self { name: function.call_name.clone(), signature: function.to_string() }
    }
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

/// The signature: `greet: func(name: string) -> string`. One that is too long to be read is cut.
impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cut = CutWriter { text: String::new(), left: SHOWN_SIGNATURE };
        let whole = self.write_signature(&mut cut).is_ok();
        f.write_str(&cut.text)?;
        if whole { Ok(()) } else { f.write_str("…") }
    }
}

impl Function {
    fn write_signature(&self, to: &mut impl fmt::Write) -> fmt::Result {
        write!(to, "{}: func(", self.call_name)?;
        for (at, (name, ty)) in self.parameters().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(to, "{comma}{name}: {}", DisplayType(&ty))?;
        }
        to.write_str(")")?;
        self.result().map_or(Ok(()), |ty| write!(to, " -> {}", DisplayType(&ty)))
    }
}

/// Takes text up to a number of characters, and then fails, so that whoever writes it stops: a few lines can name a type of
/// a million parts.
struct CutWriter {
    text: String,
    left: usize,
}

impl fmt::Write for CutWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}

/// How much of a signature is shown, in characters.
const SHOWN_SIGNATURE: usize = 1_000;

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Every function of a component.
pub(crate) fn exports(component: &Component) -> Exports {
    let engine = component.engine();
    let (mut functions, mut of_resources) = (Vec::new(), Vec::new());
    let mut add = |interface: Option<&str>, name: &str, ty: ComponentFunc, index: Option<ComponentExportIndex>| {
        let call_name = interface.map_or_else(|| name.to_owned(), |interface| format!("{}.{name}", bare(interface)));
        if name.starts_with('[') {
            of_resources.push(call_name);
        } else if let Some(index) = index {
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
    let mut times: HashMap<String, usize> = HashMap::new();
    for function in &functions {
        *times.entry(function.call_name.clone()).or_default() += 1;
    }
    for function in &mut functions {
        if let Some(interface) = &function.interface
            && times.get(&function.call_name).is_some_and(|times| *times > 1)
        {
            function.call_name = format!("{interface}.{}", function.name);
        }
    }
    Exports { functions, of_resources }
}

impl Exports {
    /// The one function that `name` names.
    pub(crate) fn find(&self, name: &str) -> Result<&Function, FunctionNotFound> {
        let named: Vec<&Function> = self.functions.iter().filter(|function| function.is_named(name)).collect();
        if let [function] = named[..] {
            return Ok(function);
        }
        Err(self.none(name, !named.is_empty()))
    }

    /// Why a name names no function, or more than one.
    fn none(&self, name: &str, several: bool) -> FunctionNotFound {
        let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
        let within =
            |function: &&Function| function.call_name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let is_interface = self.functions.iter().any(|function| within(&function));
        let shown = || self.functions.iter().filter(move |function| !is_interface || within(function));
        let whole = nearest(name, self.functions.iter().map(|function| function.call_name.as_str()));
        let named = |wanted: &str| self.functions.iter().find(|function| function.call_name == wanted);
        let part = || self.functions.iter().find(|function| function.name == last(name));
        let closest = if several { None } else { whole.and_then(named).or_else(part) };
        // `counter` is meant by `c.counter` and `c.[method]counter.get`.
        let is_meant = |of_resource: &&String| {
            let name = last(name);
            let item = of_resource.rsplit(']').next().unwrap_or(of_resource);
            item.split('.').any(|part| part == name)
        };
        let of_resources =
            self.of_resources.iter().filter(|one| self.functions.is_empty() || closest.is_none() && is_meant(one));
        FunctionNotFound {
            name: name.to_owned(),
            several,
            closest: closest.map(ToString::to_string),
            is_interface,
            known: shown().take(SHOWN_NAMES).map(KnownFunction::new).collect(),
            more: shown().count().saturating_sub(SHOWN_NAMES),
            of_resources: of_resources.take(SHOWN_NAMES).cloned().collect(),
        }
    }
}

fn unversioned(interface: &str) -> &str {
    interface.split('@').next().unwrap_or(interface)
}

fn bare(interface: &str) -> &str {
    let path = unversioned(interface);
    path.rsplit('/').next().unwrap_or(path)
}
