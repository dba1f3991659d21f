//! What extensions import and export, and what their manifest grants them, as data.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::capability::{Capability, Grants, Scope};
use crate::model::name::ExtensionName;

/// What `graph` draws.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GraphReport {
    /// The manifest, as the person would name it.
    pub manifest: String,
    pub extensions: Vec<GraphExtension>,
}

/// An extension with what it is tied to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct GraphExtension {
    pub name: ExtensionName,
    /// What is locked, or what the manifest wants where that is not locked.
    pub source: String,
    /// `FILE:LINE:COLUMN` of what grants: the extension's declaration.
    pub place: String,
    /// Whether the lock says what it imports and exports.
    pub is_locked: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<GraphImport>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub exports: BTreeSet<String>,
    /// Grants that belong to no import alone, each as `NAME` or `NAME=ITEM,ITEM`: folders and variables; all where it is not locked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_grants: Vec<String>,
    /// Grants that no import can use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unused_grants: Vec<String>,
}

/// An imported interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct GraphImport {
    pub interface: String,
    pub access: ImportAccess,
    /// The capability that it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capability: Option<Capability>,
    /// What is granted of it, if that is not the whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
}

/// Whether an extension gets an interface that it imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Access")]
pub enum ImportAccess {
    /// It needs no grant.
    Free,
    Granted,
    NotGranted,
    /// The host has no such interface.
    NotOffered,
}

impl GraphImport {
    /// An import, under these grants. `needs` is what the host answers of it: nothing if it has it not.
    pub fn new(interface: &str, needs: Option<Option<Capability>>, grants: &Grants) -> Self {
        let scope = needs.flatten().and_then(|capability| grants.get(&capability));
        let access = match needs {
            None => ImportAccess::NotOffered,
            Some(None) => ImportAccess::Free,
            Some(Some(_)) if scope.is_some() => ImportAccess::Granted,
            Some(Some(_)) => ImportAccess::NotGranted,
        };
        let items = scope.into_iter().flat_map(Scope::items).map(str::to_owned).collect();
        Self { interface: interface.to_owned(), access, capability: needs.flatten(), items }
    }
}
