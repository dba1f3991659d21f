//! Real components, of JavaScript and of Python, and the same with no function in common.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent};
use wasm_encoder::{CodeSection, Component, Instruction};

/// How many of each language there are beside the first.
const VARIANTS: u32 = 4;

/// The folder that `fixtures/languages/build.sh` fills, which is run if something is missing.
fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/languages");
    if !folder.join("plain-javascript.wasm").exists()
        || !folder.join(format!("greeting-python-{VARIANTS}.wasm")).exists()
    {
        println!("building components of JavaScript and Python; this takes some minutes");
        let script = root.join("fixtures/languages/build.sh");
        let status = Command::new("bash").arg(script).arg(&folder).arg(VARIANTS.to_string()).status().unwrap();
        assert!(status.success(), "fixtures/languages/build.sh needs node 20, npm and python3 with venv");
    }
    folder
}

/// A component by its name: `greeting-javascript`, `plain-python`.
pub fn component(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{name}.wasm"))).unwrap()
}

/// Eight components, as different releases of one program are: four of each language.
pub fn eight() -> Vec<(String, Vec<u8>)> {
    let languages = ["javascript", "python"];
    let names = languages.iter().flat_map(|language| (1..=VARIANTS).map(move |number| format!("{language}-{number}")));
    names.map(|name| (name.clone(), component(&format!("greeting-{name}")))).collect()
}

/// The same component with a constant of its own at the beginning of each function, which the compiler drops: as much
/// work, and no function as in another.
pub fn unrelated(component: &[u8], number: i32) -> Vec<u8> {
    struct Prefix(i32);
    impl Reencode for Prefix {
        type Error = std::convert::Infallible;

        fn parse_function_body(
            &mut self,
            code: &mut CodeSection,
            body: wasmparser::FunctionBody<'_>,
        ) -> Result<(), Error<Self::Error>> {
            let mut function = self.new_function_with_parsed_locals(&body)?;
            function.instruction(&Instruction::I32Const(self.0)).instruction(&Instruction::Drop);
            let mut reader = body.get_operators_reader()?;
            while !reader.eof() {
                function.instruction(&self.parse_instruction(&mut reader)?);
            }
            code.function(&function);
            Ok(())
        }
    }
    impl ReencodeComponent for Prefix {}
    let mut changed = Component::new();
    Prefix(number).parse_component(&mut changed, wasmparser::Parser::new(0), component).unwrap();
    changed.finish()
}
