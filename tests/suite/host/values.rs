//! Values as text and back, for every type that WIT has: random types, random values.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Type, Val};

use sesame::host::values::{Syntax, format_type, parse, to_json, to_wave};

/// A type as the text format nests it.
#[derive(Debug, Clone)]
enum Shape {
    Plain(&'static str),
    List(Box<Shape>),
    Option(Box<Shape>),
    Result(Option<Box<Shape>>, Option<Box<Shape>>),
    Tuple(Vec<Shape>),
    Record(Vec<Shape>),
    Variant(Vec<Option<Shape>>),
    Enum(usize),
    Flags(usize),
}

const PLAIN: [&str; 13] =
    ["bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string"];

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        proptest::sample::select(&PLAIN[..]).prop_map(Shape::Plain),
        (1..5_usize).prop_map(Shape::Enum),
        (1..33_usize).prop_map(Shape::Flags),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let maybe = proptest::option::of(boxed.clone());
        prop_oneof![
            boxed.clone().prop_map(Shape::List),
            boxed.prop_map(Shape::Option),
            (maybe.clone(), maybe).prop_map(|(ok, err)| Shape::Result(ok, err)),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Shape::Tuple),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Shape::Record),
            proptest::collection::vec(proptest::option::of(inner), 1..4).prop_map(Shape::Variant),
        ]
    })
}

/// Writes type definitions, and gives the name of the last. Types with names of their own must be imported.
fn define(shape: &Shape, text: &mut String, count: &mut usize) -> String {
    let mut inner = |shape: &Shape| define(shape, text, count);
    let fields = |names: &[String], keyword: &str| -> String {
        names.iter().enumerate().map(|(at, name)| format!(" ({keyword} \"n{at}\" {name})")).collect()
    };
    let definition = match shape {
        Shape::Plain(name) => return (*name).to_owned(),
        Shape::List(item) => format!("(list {})", inner(item)),
        Shape::Option(item) => format!("(option {})", inner(item)),
        Shape::Result(ok, err) => {
            let ok = ok.as_ref().map(|ok| inner(ok)).unwrap_or_default();
            let err = err.as_ref().map(|err| format!("(error {})", inner(err))).unwrap_or_default();
            format!("(result {ok} {err})")
        }
        Shape::Tuple(items) => {
            let items: Vec<String> = items.iter().map(inner).collect();
            format!("(tuple {})", items.join(" "))
        }
        Shape::Record(items) => {
            let items: Vec<String> = items.iter().map(inner).collect();
            format!("(record{})", fields(&items, "field"))
        }
        Shape::Variant(cases) => {
            let cases: Vec<String> =
                cases.iter().map(|case| case.as_ref().map(&mut inner).unwrap_or_default()).collect();
            format!("(variant{})", fields(&cases, "case"))
        }
        Shape::Enum(names) => format!("(enum{})", (0..*names).map(|at| format!(" \"n{at}\"")).collect::<String>()),
        Shape::Flags(names) => format!("(flags{})", (0..*names).map(|at| format!(" \"n{at}\"")).collect::<String>()),
    };
    *count += 1;
    let number = *count;
    let named = matches!(shape, Shape::Record(_) | Shape::Variant(_) | Shape::Enum(_) | Shape::Flags(_));
    text.push_str(&format!("(type $d{number} {definition})\n"));
    if named {
        text.push_str(&format!("(import \"t{number}\" (type $t{number} (eq $d{number})))\n"));
        format!("$t{number}")
    } else {
        format!("$d{number}")
    }
}

/// The type of a shape, as wasmtime sees it.
fn type_of(engine: &Engine, shape: &Shape) -> Type {
    let mut text = String::new();
    let name = define(shape, &mut text, &mut 0);
    let text = format!("(component {text} (import \"f\" (func (param \"x\" {name}))))");
    let component = Component::new(engine, wat::parse_str(&text).unwrap()).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let imports = component.component_type();
    let item = imports.get_import(engine, "f").unwrap().ty;
    let ComponentItem::ComponentFunc(function) = item else { panic!("{text}") };
    function.params().next().unwrap().1
}

/// The value with its flags in one order: they are a set.
fn sorted(val: Val) -> Val {
    let boxed = |val: Option<Box<Val>>| val.map(|val| Box::new(sorted(*val)));
    match val {
        Val::Flags(mut names) => {
            names.sort();
            Val::Flags(names)
        }
        Val::List(items) => Val::List(items.into_iter().map(sorted).collect()),
        Val::Tuple(items) => Val::Tuple(items.into_iter().map(sorted).collect()),
        Val::Record(fields) => Val::Record(fields.into_iter().map(|(name, val)| (name, sorted(val))).collect()),
        Val::Variant(case, val) => Val::Variant(case, boxed(val)),
        Val::Option(val) => Val::Option(boxed(val)),
        Val::Result(Ok(val)) => Val::Result(Ok(boxed(val))),
        Val::Result(Err(val)) => Val::Result(Err(boxed(val))),
        other => other,
    }
}

fn values(ty: &Type) -> BoxedStrategy<Val> {
    let boxed = |ty: Type| values(&ty).prop_map(|val| Some(Box::new(val))).boxed();
    let maybe = move |ty: Option<Type>| ty.map_or_else(|| Just(None).boxed(), boxed);
    match ty {
        Type::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Type::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        Type::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        Type::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        Type::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        Type::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        Type::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        Type::S64 => any::<i64>().prop_map(Val::S64).boxed(),
        Type::U64 => any::<u64>().prop_map(Val::U64).boxed(),
        Type::Float32 => any::<f32>().prop_map(Val::Float32).boxed(),
        Type::Float64 => any::<f64>().prop_map(Val::Float64).boxed(),
        Type::Char => any::<char>().prop_map(Val::Char).boxed(),
        Type::String => any::<String>().prop_map(Val::String).boxed(),
        Type::List(list) => proptest::collection::vec(values(&list.ty()), 0..4).prop_map(Val::List).boxed(),
        Type::Tuple(tuple) => tuple.types().map(|ty| values(&ty)).collect::<Vec<_>>().prop_map(Val::Tuple).boxed(),
        Type::Record(record) => {
            let names: Vec<String> = record.fields().map(|field| field.name.to_owned()).collect();
            let fields: Vec<_> = record.fields().map(|field| values(&field.ty)).collect();
            fields.prop_map(move |fields| Val::Record(names.iter().cloned().zip(fields).collect())).boxed()
        }
        Type::Variant(variant) => {
            let cases = variant.cases().map(|case| {
                let name = case.name.to_owned();
                maybe(case.ty).prop_map(move |value| Val::Variant(name.clone(), value)).boxed()
            });
            proptest::strategy::Union::new(cases.collect::<Vec<_>>()).boxed()
        }
        Type::Enum(names) => {
            proptest::sample::select(names.names().map(str::to_owned).collect::<Vec<_>>()).prop_map(Val::Enum).boxed()
        }
        Type::Flags(flags) => {
            let names: Vec<String> = flags.names().map(str::to_owned).collect();
            proptest::sample::subsequence(names.clone(), 0..=names.len()).prop_map(Val::Flags).boxed()
        }
        Type::Option(option) => prop_oneof![Just(Val::Option(None)), boxed(option.ty()).prop_map(Val::Option)].boxed(),
        Type::Result(result) => prop_oneof![
            maybe(result.ok()).prop_map(|ok| Val::Result(Ok(ok))),
            maybe(result.err()).prop_map(|err| Val::Result(Err(err))),
        ]
        .boxed(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_value_of_every_type_comes_back_from_wave_and_from_json() {
    let engine = Engine::default();
    let mut runner = TestRunner::deterministic();
    for _ in 0..300 {
        let shape = shapes().new_tree(&mut runner).unwrap().current();
        let ty = type_of(&engine, &shape);
        let values = values(&ty);
        for _ in 0..20 {
            let value = values.new_tree(&mut runner).unwrap().current();
            let wave = to_wave(&value).unwrap();
            let again = parse(&ty, &wave, Syntax::Wave).unwrap_or_else(|e| panic!("{}: {e}: {wave}", format_type(&ty)));
            assert_eq!(sorted(again), sorted(value.clone()), "{}: {wave}", format_type(&ty));
            let json = to_json(&ty, &value).unwrap().to_string();
            let again = parse(&ty, &json, Syntax::Json).unwrap_or_else(|e| panic!("{}: {e}: {json}", format_type(&ty)));
            assert_eq!(sorted(again), sorted(value), "{}: {json}", format_type(&ty));
        }
    }
}

#[test]
fn no_text_makes_the_parser_panic_and_a_string_takes_any() {
    let engine = Engine::default();
    let mut runner = TestRunner::deterministic();
    let pieces = proptest::sample::select(vec![
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "\"",
        "'",
        "\\",
        "n0",
        "some",
        "none",
        "ok",
        "err",
        "nan",
        "-inf",
        "%",
        ",",
        ":",
        "1e999",
        "-",
        "\\u{",
        "99999999999999999999",
        " ",
        "é",
        "\0",
        "//",
        "null",
    ]);
    let texts = prop_oneof![proptest::collection::vec(pieces, 0..12).prop_map(|parts| parts.concat()), any::<String>()];
    for _ in 0..300 {
        let ty = type_of(&engine, &shapes().new_tree(&mut runner).unwrap().current());
        for _ in 0..40 {
            let text = texts.new_tree(&mut runner).unwrap().current();
            for syntax in [Syntax::Wave, Syntax::Json] {
                let parsed = parse(&ty, &text, syntax);
                assert!(ty != Type::String || parsed.is_ok(), "{text:?}");
            }
        }
    }
    let deep = "[".repeat(1_000_000);
    let list = type_of(&engine, &Shape::List(Box::new(Shape::Plain("u8"))));
    for syntax in [Syntax::Wave, Syntax::Json] {
        assert!(parse(&list, &deep, syntax).is_err());
    }
}

#[test]
fn json_that_does_not_fit_is_named_with_its_place() {
    let engine = Engine::default();
    let inner = Shape::Record(vec![Shape::Plain("u8"), Shape::Option(Box::new(Shape::Plain("string")))]);
    let ty = type_of(&engine, &Shape::List(Box::new(inner)));
    let error = |json: &str| parse(&ty, json, Syntax::Json).unwrap_err().to_string();
    assert_eq!(error("[{\"n0\": 1}, {\"n0\": 256}]"), "a u8 is wanted at the argument.1.n0, found 256");
    assert!(error("[{\"n0\": 1, \"other\": 2}]").contains("at the argument.0, found an object"));
    assert!(error("{").starts_with("it is no list<"));
    assert_eq!(parse(&ty, "[{\"n0\": 1}]", Syntax::Json).unwrap(), parse(&ty, "[{n0: 1}]", Syntax::Wave).unwrap());
}

#[test]
fn a_string_is_taken_bare_and_quotes_are_wave() {
    let ty = Type::String;
    for (text, expected) in
        [("World", "World"), ("\"World\"", "World"), ("\"a\\nb\"", "a\nb"), ("\"open", "\"open"), ("", ""), ("1", "1")]
    {
        assert_eq!(parse(&ty, text, Syntax::Wave).unwrap(), Val::String(expected.to_owned()), "{text}");
    }
}
