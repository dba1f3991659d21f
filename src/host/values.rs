//! Values of the component model as text: WAVE for people
//! (<https://github.com/bytecodealliance/wasm-tools/tree/main/crates/wasm-wave>), JSON for programs.
//!
//! | WIT | JSON |
//! |---|---|
//! | `bool`, `string`, whole numbers | the same |
//! | `f32`, `f64` | a number, or `"nan"`, `"inf"`, `"-inf"` |
//! | `char` | a string of one character |
//! | `list`, `tuple` | an array |
//! | `record` | an object |
//! | `option<T>` | `null`, or the value; where `T` can itself be `null`, `{"some": value}` |
//! | `result<T, E>` | `{"ok": value}` or `{"err": value}`, `null` where there is no type |
//! | `enum` | a string |
//! | `variant` | `{"case": value}`, or `"case"` where it has no value |
//! | `flags` | an array of the names that are set |

use serde_json::{Map, Number, Value};
use wasmtime::component::wasm_wave::wasm::DisplayType;
use wasmtime::component::{Type, wasm_wave};

use crate::model::fault::BoxError;

pub use wasmtime::component::Val;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Strings may be bare.
    Wave,
    /// Strings may be bare: for people at a terminal.
    Json,
    /// Strings are quoted: for programs.
    StrictJson,
}

/// Why a text is no value of a type, or a value cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    #[error("it is no {wanted}")]
    Text { wanted: String, source: BoxError },
    #[error("it is no {wanted}: it is nested more than {DEPTH} deep")]
    Nested { wanted: String },
    #[error("a {wanted} is wanted at {place}, found {found}")]
    Json { wanted: String, place: String, found: String },
    #[error("values of the type {0} cannot be written down")]
    Unsupported(String),
}

/// How deep values may be nested.
const DEPTH: usize = 100;

/// Reads a value. Where a string is wanted, text that is not quoted is taken as it stands.
///
/// # Errors
/// [`ValueError`] if the text is no value of the type.
pub fn parse(ty: &Type, text: &str, syntax: Syntax) -> Result<Val, ValueError> {
    if !is_supported(ty, 0) {
        return Err(ValueError::Unsupported(format_type(ty)));
    }
    let quoted = text.trim_start().starts_with('"');
    let may_be_bare = *ty == Type::String && syntax != Syntax::StrictJson;
    if may_be_bare && !quoted {
        return Ok(Val::String(text.to_owned()));
    }
    if nesting(text) > DEPTH {
        return Err(ValueError::Nested { wanted: format_type(ty) });
    }
    let failed = |source: BoxError| ValueError::Text { wanted: format_type(ty), source };
    let parsed = match syntax {
        Syntax::Wave => wasm_wave::from_str(ty, text).map_err(|error| failed(error.into())),
        Syntax::Json | Syntax::StrictJson => serde_json::from_str(text)
            .map_err(|error| failed(error.into()))
            .and_then(|json| from_json(ty, &json, "the argument")),
    };
    // `"` may begin a plain text as well.
    match parsed {
        Err(_) if may_be_bare => Ok(Val::String(text.to_owned())),
        parsed => parsed,
    }
}

/// Writes a value as WAVE.
///
/// # Errors
/// [`ValueError::Unsupported`] for resources and streams, which have no text.
pub fn to_wave(val: &Val) -> Result<String, ValueError> {
    if !is_plain(val) {
        return Err(ValueError::Unsupported("resource".to_owned()));
    }
    wasm_wave::to_string(val).map_err(|error| ValueError::Unsupported(error.to_string()))
}

/// The type as WIT writes it.
pub fn format_type(ty: &Type) -> String {
    DisplayType(ty).to_string()
}

/// Makes JSON of a value of type `ty`.
///
/// # Errors
/// [`ValueError::Unsupported`] for resources and streams, which have no text.
pub fn to_json(ty: &Type, val: &Val) -> Result<Value, ValueError> {
    let unsupported = || ValueError::Unsupported(format_type(ty));
    let some = |ty: Option<Type>, val: &Option<Box<Val>>| match (ty, val) {
        (Some(ty), Some(val)) => to_json(&ty, val),
        (None, None) => Ok(Value::Null),
        _ => Err(unsupported()),
    };
    Ok(match (val, ty) {
        (Val::Bool(value), _) => Value::Bool(*value),
        (Val::S8(value), _) => Value::from(*value),
        (Val::U8(value), _) => Value::from(*value),
        (Val::S16(value), _) => Value::from(*value),
        (Val::U16(value), _) => Value::from(*value),
        (Val::S32(value), _) => Value::from(*value),
        (Val::U32(value), _) => Value::from(*value),
        (Val::S64(value), _) => Value::from(*value),
        (Val::U64(value), _) => Value::from(*value),
        // The shortest number that is this value, and not all digits of its double.
        (Val::Float32(value), _) => float(value.to_string().parse().unwrap_or(f64::from(*value))),
        (Val::Float64(value), _) => float(*value),
        (Val::Char(value), _) => Value::String(value.to_string()),
        (Val::String(value), _) => Value::String(value.clone()),
        (Val::List(items), Type::List(list)) => {
            Value::Array(items.iter().map(|item| to_json(&list.ty(), item)).collect::<Result<_, _>>()?)
        }
        (Val::Tuple(items), Type::Tuple(tuple)) => Value::Array(
            items.iter().zip(tuple.types()).map(|(item, ty)| to_json(&ty, item)).collect::<Result<_, _>>()?,
        ),
        (Val::Record(fields), Type::Record(record)) => {
            let pairs = fields.iter().zip(record.fields());
            let pairs = pairs.map(|((name, value), field)| Ok((name.clone(), to_json(&field.ty, value)?)));
            Value::Object(pairs.collect::<Result<Map<_, _>, ValueError>>()?)
        }
        (Val::Option(None), Type::Option(_)) => Value::Null,
        (Val::Option(Some(value)), Type::Option(option)) => {
            let inner = to_json(&option.ty(), value)?;
            if can_be_null(&option.ty()) { object("some", inner) } else { inner }
        }
        (Val::Result(Ok(value)), Type::Result(result)) => object("ok", some(result.ok(), value)?),
        (Val::Result(Err(value)), Type::Result(result)) => object("err", some(result.err(), value)?),
        (Val::Enum(case), _) => Value::String(case.clone()),
        (Val::Variant(case, value), Type::Variant(variant)) => {
            match variant.cases().find(|known| known.name == case).and_then(|case| case.ty) {
                Some(ty) => object(case, some(Some(ty), value)?),
                None => Value::String(case.clone()),
            }
        }
        (Val::Flags(names), _) => Value::Array(names.iter().cloned().map(Value::String).collect()),
        _ => return Err(unsupported()),
    })
}

/// Reads JSON as a value of type `ty`. `place` is what it is called in messages.
#[expect(clippy::too_many_lines, reason = "a flat table")]
fn from_json(ty: &Type, json: &Value, place: &str) -> Result<Val, ValueError> {
    let wrong = || ValueError::Json { wanted: format_type(ty), place: place.to_owned(), found: brief(json) };
    let signed = || json.as_i64().ok_or_else(wrong);
    let unsigned = || json.as_u64().ok_or_else(wrong);
    let inside = |ty: &Type, json: &Value, name: &str| from_json(ty, json, &format!("{place}.{name}"));
    let some = |ty: Option<Type>, json: &Value, name: &str| match ty {
        Some(ty) => inside(&ty, json, name).map(|val| Some(Box::new(val))),
        None if json.is_null() => Ok(None),
        None => Err(wrong()),
    };
    Ok(match ty {
        Type::Bool => Val::Bool(json.as_bool().ok_or_else(wrong)?),
        Type::S8 => Val::S8(signed()?.try_into().map_err(|_| wrong())?),
        Type::U8 => Val::U8(unsigned()?.try_into().map_err(|_| wrong())?),
        Type::S16 => Val::S16(signed()?.try_into().map_err(|_| wrong())?),
        Type::U16 => Val::U16(unsigned()?.try_into().map_err(|_| wrong())?),
        Type::S32 => Val::S32(signed()?.try_into().map_err(|_| wrong())?),
        Type::U32 => Val::U32(unsigned()?.try_into().map_err(|_| wrong())?),
        Type::S64 => Val::S64(signed()?),
        Type::U64 => Val::U64(unsigned()?),
        Type::Float32 => {
            let (wide, said_infinite) = (number(json).ok_or_else(wrong)?, json.is_string());
            let narrow = wide as f32;
            if narrow.is_infinite() && !said_infinite {
                return Err(wrong());
            }
            Val::Float32(narrow)
        }
        Type::Float64 => Val::Float64(number(json).ok_or_else(wrong)?),
        Type::Char => {
            let mut chars = json.as_str().ok_or_else(wrong)?.chars();
            match (chars.next(), chars.next()) {
                (Some(value), None) => Val::Char(value),
                _ => return Err(wrong()),
            }
        }
        Type::String => Val::String(json.as_str().ok_or_else(wrong)?.to_owned()),
        Type::List(list) => {
            let items = json.as_array().ok_or_else(wrong)?.iter().enumerate();
            Val::List(items.map(|(at, item)| inside(&list.ty(), item, &at.to_string())).collect::<Result<_, _>>()?)
        }
        Type::Tuple(tuple) => {
            let items = json.as_array().filter(|items| items.len() == tuple.types().len()).ok_or_else(wrong)?;
            let items = items.iter().zip(tuple.types()).enumerate();
            Val::Tuple(items.map(|(at, (item, ty))| inside(&ty, item, &at.to_string())).collect::<Result<_, _>>()?)
        }
        Type::Record(record) => {
            let object = json.as_object().ok_or_else(wrong)?;
            if object.keys().any(|key| record.fields().all(|field| field.name != key)) {
                return Err(wrong());
            }
            let field = |field: wasmtime::component::types::Field<'_>| {
                let absent = matches!(field.ty, Type::Option(_)).then_some(&Value::Null);
                let json = object.get(field.name).or(absent).ok_or_else(wrong)?;
                Ok((field.name.to_owned(), inside(&field.ty, json, field.name)?))
            };
            Val::Record(record.fields().map(field).collect::<Result<_, ValueError>>()?)
        }
        Type::Option(option) => match (json, can_be_null(&option.ty())) {
            (Value::Null, _) => Val::Option(None),
            (json, false) => Val::Option(some(Some(option.ty()), json, "some")?),
            (json, true) => match single(json) {
                Some(("some", value)) => Val::Option(some(Some(option.ty()), value, "some")?),
                _ => return Err(wrong()),
            },
        },
        Type::Result(result) => match single(json).ok_or_else(wrong)? {
            ("ok", value) => Val::Result(Ok(some(result.ok(), value, "ok")?)),
            ("err", value) => Val::Result(Err(some(result.err(), value, "err")?)),
            _ => return Err(wrong()),
        },
        Type::Enum(names) => {
            let name = json.as_str().filter(|name| names.names().any(|known| known == *name));
            Val::Enum(name.ok_or_else(wrong)?.to_owned())
        }
        Type::Variant(variant) => {
            let (name, value) = match json.as_str() {
                Some(name) => (name, None),
                None => single(json).map(|(name, value)| (name, Some(value))).ok_or_else(wrong)?,
            };
            let case = variant.cases().find(|case| case.name == name).ok_or_else(wrong)?;
            match (case.ty, value) {
                (Some(ty), Some(value)) => Val::Variant(name.to_owned(), some(Some(ty), value, name)?),
                (None, None) => Val::Variant(name.to_owned(), None),
                _ => return Err(wrong()),
            }
        }
        Type::Flags(flags) => {
            let set = json.as_array().ok_or_else(wrong)?;
            let is_set = |name: &str| set.iter().any(|json| json.as_str() == Some(name));
            if set.iter().any(|json| flags.names().all(|name| json.as_str() != Some(name))) {
                return Err(wrong());
            }
            Val::Flags(flags.names().filter(|name| is_set(name)).map(str::to_owned).collect())
        }
        _ => return Err(ValueError::Unsupported(format_type(ty))),
    })
}

fn object(key: &str, value: Value) -> Value {
    Value::Object([(key.to_owned(), value)].into_iter().collect())
}

/// The one entry of an object that has one.
fn single(json: &Value) -> Option<(&str, &Value)> {
    let object = json.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(key, value)| (key.as_str(), value))
}

fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::String("nan".to_owned()),
        None if value > 0.0 => Value::String("inf".to_owned()),
        None => Value::String("-inf".to_owned()),
    }
}

fn number(json: &Value) -> Option<f64> {
    match json.as_str() {
        Some("nan") => Some(f64::NAN),
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        _ => json.as_f64(),
    }
}

fn can_be_null(ty: &Type) -> bool {
    matches!(ty, Type::Option(_))
}

/// A JSON value in a few words, for messages.
fn brief(json: &Value) -> String {
    match json {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.len() > 40 => "a string".to_owned(),
        other => other.to_string(),
    }
}

/// Whether values of a type can be written down at all.
fn is_supported(ty: &Type, depth: usize) -> bool {
    let inner = |ty: Option<Type>| ty.is_none_or(|ty| is_supported(&ty, depth + 1));
    if depth > DEPTH {
        return false;
    }
    match ty {
        Type::List(list) => inner(Some(list.ty())),
        Type::Tuple(tuple) => tuple.types().all(|ty| inner(Some(ty))),
        Type::Record(record) => record.fields().all(|field| inner(Some(field.ty))),
        Type::Variant(variant) => variant.cases().all(|case| inner(case.ty)),
        Type::Option(option) => inner(Some(option.ty())),
        Type::Result(result) => inner(result.ok()) && inner(result.err()),
        Type::Map(_) | Type::FixedLengthList(_) | Type::Own(_) | Type::Borrow(_) => false,
        Type::Future(_) | Type::Stream(_) | Type::ErrorContext => false,
        _ => true,
    }
}

/// Whether a value has no resource or stream in it.
fn is_plain(val: &Val) -> bool {
    let inner = |val: &Option<Box<Val>>| val.as_ref().is_none_or(|val| is_plain(val));
    match val {
        Val::List(items) | Val::Tuple(items) => items.iter().all(is_plain),
        Val::Record(fields) => fields.iter().all(|(_, value)| is_plain(value)),
        Val::Variant(_, value) | Val::Option(value) | Val::Result(Ok(value) | Err(value)) => inner(value),
        Val::Map(_) | Val::FixedLengthList(_) | Val::Resource(_) => false,
        Val::Future(_) | Val::Stream(_) | Val::ErrorContext(_) => false,
        _ => true,
    }
}

/// How deep the brackets of a text are nested, those in strings aside.
fn nesting(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}
