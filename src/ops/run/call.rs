//! `call`: one function of one extension, with arguments and a result that are text.

use serde_json::Value;
use wasmtime::component::Val;

use crate::host::extension::{CallError, Extension};
use crate::host::functions::Function;
use crate::host::values::{Syntax, format_type, parse, to_json, to_wave};
use crate::model::report::extension::{CallOutcome, CallReport, FunctionsReport, ListedFunction};
use crate::ops::context::Interrupt;
use crate::ops::error::Error;
use crate::ops::error::run::RunError;

/// What to call.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// `greet`, `counts.count` or `my-org:wordcount/counts.count`.
    pub function: String,
    pub arguments: Vec<String>,
    /// How the arguments are written.
    pub syntax: Syntax,
}

/// Calls a function in an instance of its own. `name` is what the extension is called in messages. Starts a runtime of its
/// own, so it must not be called from async code: see [`call_async`] for that.
///
/// # Errors
/// As [`call_async`].
pub fn call(extension: &Extension, name: &str, call: &CallOptions, interrupt: &Interrupt) -> Result<CallReport, Error> {
    interrupt.block_on(call_async(extension, name, call))
}

/// The same from async code.
///
/// # Errors
/// [`RunError::NoFunction`], [`RunError::Arguments`] and [`RunError::Argument`] if it cannot be called so, [`RunError::Stopped`] if the
/// guest trapped or met a limit. An error that the function returns is a report.
pub async fn call_async(extension: &Extension, name: &str, call: &CallOptions) -> Result<CallReport, Error> {
    let no_function = |source| Error::Run(RunError::NoFunction { name: name.to_owned(), source });
    let function = extension.function(&call.function).map_err(no_function)?;
    let arguments = arguments(function, call)?;
    let result = extension.call(&call.function, &arguments).await.map_err(|error| match error {
        CallError::Stopped(stop) => Error::Run(RunError::Stopped { name: name.to_owned(), stop }),
        error => Error::Run(RunError::Call { name: name.to_owned(), source: error }),
    })?;
    report(name, function, result)
}

/// The functions of an extension that can be called.
pub fn functions(extension: &Extension, name: &str) -> FunctionsReport {
    let functions = extension.functions().iter();
    let listed =
        |function: &Function| ListedFunction { name: function.call_name.clone(), signature: function.to_string() };
    FunctionsReport { extension: name.to_owned(), functions: functions.map(listed).collect() }
}

fn arguments(function: &Function, call: &CallOptions) -> Result<Vec<Val>, Error> {
    let (wanted, given) = (function.parameters().len(), call.arguments.len());
    if wanted != given {
        return Err(RunError::Arguments { function: function.to_string(), wanted, given }.into());
    }
    let parameters = function.parameters().zip(&call.arguments);
    let parse = |((parameter, ty), text): ((&str, _), &String)| {
        parse(&ty, text, call.syntax).map_err(|source| {
            Error::Run(RunError::Argument { function: function.to_string(), parameter: parameter.to_owned(), source })
        })
    };
    parameters.map(parse).collect()
}

fn report(name: &str, function: &Function, result: Option<Val>) -> Result<CallReport, Error> {
    let unwritten = |source| Error::Run(RunError::Result { function: function.to_string(), source });
    let (outcome, shown_value) = match &result {
        Some(Val::Result(Err(inner))) => (CallOutcome::Err, inner.as_deref()),
        Some(Val::Result(Ok(inner))) => (CallOutcome::Ok, inner.as_deref()),
        other => (CallOutcome::Ok, other.as_ref()),
    };
    let text = match shown_value {
        None => None,
        Some(Val::String(text)) => Some(text.clone()),
        Some(value) => Some(to_wave(value).map_err(unwritten)?),
    };
    let value = match (function.result(), &result) {
        (Some(ty), Some(value)) => to_json(&ty, value).map_err(unwritten)?,
        _ => Value::Null,
    };
    let result_type = function.result().map(|ty| format_type(&ty));
    Ok(CallReport {
        extension: name.to_owned(),
        function: function.call_name.clone(),
        result_type,
        outcome,
        value,
        text,
    })
}
