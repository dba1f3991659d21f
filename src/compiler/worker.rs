//! The compiling worker: a process that looks at components and compiles them for the one that started it.
//!
//! It exists because threads cannot be killed and running out of memory ends a process: a component that the compiler
//! chokes on takes down this process and no more. It is handed bytes and hands back bytes, and touches no files but the
//! key and those of the function cache. It ends when its input does, so that none is left behind.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use wasmtime::Engine;

use crate::engine::compile::{CompileError, compile};
use crate::engine::config::{EngineError, caching_engine, engine};
use crate::engine::inspect::{imports_only, inspect, read_interface};
use crate::engine::key::engine_key;
use crate::host::linker;
use crate::model::digest::Digest;
use crate::model::engine_key::{EngineKey, Metering};
use crate::model::fault::line;
use crate::model::function_cache::FunctionCounts;
use crate::model::plan::schedule::SIDE_BY_SIDE;
use crate::store::function_cache::FunctionCache;
use crate::store::key;
use crate::store::paths::StorePaths;

use super::inspection::{ComponentError, Inspection};
use super::protocol::{EndReport, FunctionCacheProblem, Reply, Request, read_frame, write_frame};
use super::sandbox::confine;

/// How large a component must be, in bytes, for its functions to be kept. Smaller ones compile in some milliseconds.
const WORTH_KEEPING: usize = 64 << 10;

/// Serves until the input ends. For the hidden command that a [`Compiler`](super::settings::CompilerSettings) names, in
/// a process of its own: it is confined for ever.
///
/// # Errors
/// If the input is not what this version of sesame sends, or the process cannot be confined.
pub fn serve(mut input: impl Read, output: impl Write + Send + 'static) -> io::Result<()> {
    let Some((Request::Configure { cache, state, memory, functions }, _)) = read_frame(&mut input)? else {
        return Ok(());
    };
    let unconfined = confine(memory)?.map(|why| why.to_string());
    // What a panic says goes into the answer.
    std::panic::set_hook(Box::new(|_| {}));
    let paths = StorePaths { data: PathBuf::new(), cache: cache.into(), state: state.into() };
    let worker = Arc::new(Worker {
        paths,
        unconfined,
        bound: functions,
        engines: Default::default(),
        caches: Default::default(),
        problems: Mutex::default(),
        turn: RwLock::default(),
        output: Mutex::new(output),
    });
    while let Some((request, payload)) = read_frame(&mut input).map_err(out_of_memory)? {
        match request {
            Request::Configure { .. } => return Err(io::ErrorKind::InvalidData.into()),
            Request::Process { number, compile } => {
                let worker = Arc::clone(&worker);
                let work = move || worker.answer(number, compile, &payload);
                // Not on the rayon pool, whose threads all compile: most of these wait for their turn.
                std::thread::Builder::new().spawn(work)?;
            }
            Request::End => worker.end(),
        }
    }
    Ok(())
}

struct Worker<W> {
    paths: StorePaths,
    bound: u64,
    unconfined: Option<String>,
    /// Without and with fuel; made when they are first needed.
    engines: [OnceLock<Result<Engine, EngineError>>; 2],
    caches: [OnceLock<Option<Arc<FunctionCache>>>; 2],
    problems: Mutex<Vec<FunctionCacheProblem>>,
    /// Held for writing by whoever compiles a large component, which takes all cores and much memory.
    turn: RwLock<()>,
    output: Mutex<W>,
}

impl<W: Write> Worker<W> {
    fn answer(&self, number: u64, compile: Option<(Digest, EngineKey, Metering)>, bytes: &[u8]) {
        let result = {
            let (_alone, _beside) = if compile.is_some() && bytes.len() as u64 > SIDE_BY_SIDE {
                (Some(self.turn.write()), None)
            } else {
                (None, Some(self.turn.read()))
            };
            self.reply(&Reply::Started { number }, &[]);
            catch_unwind(AssertUnwindSafe(|| self.inspect(compile, bytes)))
        };
        let result = result.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it said nothing");
            Err(ComponentError::Panicked(text.to_owned()))
        });
        let (result, code) = match result {
            Ok((inspection, code)) => (Ok(inspection), code),
            Err(refusal) => (Err(refusal), Vec::new()),
        };
        self.reply(&Reply::Processed { number, result }, &code);
    }

    fn inspect(
        &self,
        compile: Option<(Digest, EngineKey, Metering)>,
        bytes: &[u8],
    ) -> Result<(Inspection, Vec<u8>), ComponentError> {
        let interface = if compile.is_some() { read_interface(bytes)? } else { inspect(bytes)? };
        let (code, functions) = match compile {
            Some((component, key, metering)) => self.compile(&component, &key, metering, bytes)?,
            None => (Vec::new(), FunctionCounts::default()),
        };
        let imports = imports_only(bytes)?;
        let unlinkable = linker::check_linkable(self.engine(Metering::Unmetered)?, imports).err();
        Ok((Inspection { size: bytes.len() as u64, interface, unlinkable, functions }, code))
    }

    fn compile(
        &self,
        component: &Digest,
        key: &EngineKey,
        metering: Metering,
        bytes: &[u8],
    ) -> Result<(Vec<u8>, FunctionCounts), ComponentError> {
        #[cfg(debug_assertions)]
        assert!(!bytes.ends_with(b"sesame-test-panic"), "a component of the tests wants the compiler to panic");
        let engine = self.engine(metering)?;
        if engine_key(engine) != *key {
            return Err(ComponentError::OtherEngine);
        }
        let cache = (bytes.len() >= WORTH_KEEPING).then(|| self.cache(key, metering)).flatten();
        let Some(cache) = cache else {
            return Ok((compile(engine, bytes)?, FunctionCounts::default()));
        };
        let compilation = cache.compilation(*component);
        let engine = caching_engine(metering, compilation.clone()).map_err(|error| no_engine(&error))?;
        let code = compile(&engine, bytes)?;
        Ok((code, compilation.end()))
    }

    fn engine(&self, metering: Metering) -> Result<&Engine, ComponentError> {
        self.engines[metering as usize].get_or_init(|| engine(metering)).as_ref().map_err(no_engine)
    }

    fn cache(&self, key: &EngineKey, metering: Metering) -> Option<&Arc<FunctionCache>> {
        let open = || {
            let secret = key::read(&self.paths).ok().flatten().filter(|_| self.bound > 0)?;
            FunctionCache::open(&self.paths, &secret, key, self.bound).map_err(|error| self.not_kept(&error)).ok()
        };
        self.caches[metering as usize].get_or_init(open).as_ref()
    }

    fn end(&self) {
        for cache in self.caches.iter().filter_map(|cache| cache.get()?.as_ref()) {
            if let Err(error) = cache.close() {
                self.not_kept(&error);
            }
            if cache.was_damaged() {
                self.problems.lock().push(FunctionCacheProblem::Damaged);
            }
            self.problems.lock().extend(cache.exceeded_bound().map(FunctionCacheProblem::Full));
        }
        let functions = std::mem::take(&mut *self.problems.lock());
        self.reply(&Reply::Ended(EndReport { functions, unconfined: self.unconfined.clone() }), &[]);
    }

    fn not_kept(&self, error: &dyn std::error::Error) {
        self.problems.lock().push(FunctionCacheProblem::NotKept(line(error)));
    }

    /// Whoever does not listen any more ends the input too.
    fn reply(&self, reply: &Reply, payload: &[u8]) {
        let mut output = self.output.lock();
        let _ = write_frame(&mut *output, reply, payload);
    }
}

/// In the words in which an allocation that fails ends a process.
fn out_of_memory(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::OutOfMemory => io::Error::other("memory allocation of a component failed"),
        _ => error,
    }
}

fn no_engine(error: &EngineError) -> ComponentError {
    ComponentError::Compile(CompileError::Failed(error.to_string()))
}
