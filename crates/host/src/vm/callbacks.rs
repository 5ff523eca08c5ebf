//! The functions that a filter exports, and calling them.

use wasmtime::{Instance, Store, TypedFunc, WasmParams, WasmResults};

use super::{Vm, VmTrapped};
use crate::calls::Answer;
use crate::header_map::{HeaderMap, Kind};
use crate::state::{ROOT, State};
use crate::stream::{Part, Side};

type Callback<Parameters, Results> = Option<TypedFunc<Parameters, Results>>;

/// A filter without an export for a callback has nothing to say there: for requests and responses, that is Continue.
pub(super) struct Callbacks {
    pub(super) allocate: Callback<u32, u32>,
    initialize: Callback<(), ()>,
    context_create: Callback<(u32, u32), ()>,
    vm_start: Callback<(u32, u32), u32>,
    configure: Callback<(u32, u32), u32>,
    tick: Callback<u32, ()>,
    request: Directed,
    response: Directed,
    http_call_response: Callback<(u32, u32, u32, u32, u32), ()>,
    log: Callback<u32, ()>,
    done: Callback<u32, u32>,
    delete: Callback<u32, ()>,
}

struct Directed {
    headers: Callback<(u32, u32, u32), u32>,
    body: Callback<(u32, u32, u32), u32>,
    trailers: Callback<(u32, u32), u32>,
}

impl Callbacks {
    pub(super) fn of(instance: &Instance, store: &mut Store<State>) -> wasmtime::Result<Self> {
        let allocate = match find(instance, store, "proxy_on_memory_allocate")? {
            Some(allocate) => Some(allocate),
            None => find(instance, store, "malloc")?,
        };
        let initialize = match find(instance, store, "_initialize")? {
            Some(initialize) => Some(initialize),
            None => find(instance, store, "_start")?,
        };
        Ok(Self {
            allocate,
            initialize,
            context_create: find(instance, store, "proxy_on_context_create")?,
            vm_start: find(instance, store, "proxy_on_vm_start")?,
            configure: find(instance, store, "proxy_on_configure")?,
            tick: find(instance, store, "proxy_on_tick")?,
            request: Directed {
                headers: find(instance, store, "proxy_on_request_headers")?,
                body: find(instance, store, "proxy_on_request_body")?,
                trailers: find(instance, store, "proxy_on_request_trailers")?,
            },
            response: Directed {
                headers: find(instance, store, "proxy_on_response_headers")?,
                body: find(instance, store, "proxy_on_response_body")?,
                trailers: find(instance, store, "proxy_on_response_trailers")?,
            },
            http_call_response: find(instance, store, "proxy_on_http_call_response")?,
            log: find(instance, store, "proxy_on_log")?,
            done: find(instance, store, "proxy_on_done")?,
            delete: find(instance, store, "proxy_on_delete")?,
        })
    }
}

fn find<Parameters: WasmParams, Results: WasmResults>(
    instance: &Instance,
    store: &mut Store<State>,
    name: &str,
) -> wasmtime::Result<Callback<Parameters, Results>> {
    let function = instance.get_func(&mut *store, name);
    let typed = function.map(|function| function.typed(&*store)).transpose();
    typed.map_err(|error| error.context(format!("the export `{name}` is not what proxy-wasm expects")))
}

impl Vm {
    /// Makes the root context; whether the filter took its configuration.
    pub(super) fn configure(&mut self) -> Result<bool, VmTrapped> {
        let initialize = self.callbacks.initialize.clone();
        self.call(ROOT, "_initialize", initialize, ())?;

        self.store.data_mut().configuring = true;
        let create = self.callbacks.context_create.clone();
        self.call(ROOT, "proxy_on_context_create", create, (ROOT, 0))?;
        self.store.data_mut().configuring = false;

        let start = self.callbacks.vm_start.clone();
        let size = length(self.store.data().vm_configuration.len());
        if self.call(ROOT, "proxy_on_vm_start", start, (ROOT, size))? == Some(0) {
            return Ok(false);
        }

        self.store.data_mut().configuring = true;
        let configure = self.callbacks.configure.clone();
        let size = length(self.store.data().plugin_configuration.len());
        let accepted = self.call(ROOT, "proxy_on_configure", configure, (ROOT, size))? != Some(0);
        self.store.data_mut().configuring = false;
        Ok(accepted)
    }

    pub(super) fn on_context_create(&mut self, context: u32) -> Result<(), VmTrapped> {
        let create = self.callbacks.context_create.clone();
        self.call(context, "proxy_on_context_create", create, (context, ROOT)).map(|_| ())
    }

    pub(super) fn on_tick(&mut self) -> Result<(), VmTrapped> {
        let tick = self.callbacks.tick.clone();
        self.call(ROOT, "proxy_on_tick", tick, ROOT).map(|_| ())
    }

    /// What the filter returned for a piece; nothing is Continue.
    pub(super) fn on_piece(
        &mut self,
        context: u32,
        side: Side,
        (part, size, end): (Part, u32, bool),
    ) -> Result<u32, VmTrapped> {
        let (callbacks, names) = match side {
            Side::Request => (
                &self.callbacks.request,
                ["proxy_on_request_headers", "proxy_on_request_body", "proxy_on_request_trailers"],
            ),
            Side::Response => (
                &self.callbacks.response,
                ["proxy_on_response_headers", "proxy_on_response_body", "proxy_on_response_trailers"],
            ),
        };
        let [headers, body, trailers] = names;
        let end = u32::from(end);
        let answered = match part {
            Part::Headers => {
                let callback = callbacks.headers.clone();
                self.call(context, headers, callback, (context, size, end))?
            }
            Part::Body => {
                let callback = callbacks.body.clone();
                self.call(context, body, callback, (context, size, end))?
            }
            Part::Trailers => {
                let callback = callbacks.trailers.clone();
                self.call(context, trailers, callback, (context, size))?
            }
        };
        Ok(answered.unwrap_or(0))
    }

    /// Answers go to the root context; the SDK finds the context that made the call.
    pub(super) fn on_http_call_response(&mut self, token: u32, answer: Answer) -> Result<(), VmTrapped> {
        let headers = HeaderMap::new(Kind::Response, answer.headers.clone()).entries().len();
        let sizes = (length(headers), length(answer.body.len()));
        self.store.data_mut().answer = Some(answer);
        let callback = self.callbacks.http_call_response.clone();
        let parameters = (ROOT, token, sizes.0, sizes.1, 0);
        let called = self.call(ROOT, "proxy_on_http_call_response", callback, parameters);
        self.store.data_mut().answer = None;
        called.map(|_| ())
    }

    pub(super) fn on_log(&mut self, context: u32) -> Result<(), VmTrapped> {
        let log = self.callbacks.log.clone();
        self.call(context, "proxy_on_log", log, context).map(|_| ())
    }

    /// Envoy does not wait for a stream that says it is not done yet.
    pub(super) fn on_done_and_delete(&mut self, context: u32) -> Result<(), VmTrapped> {
        let done = self.callbacks.done.clone();
        self.call(context, "proxy_on_done", done, context)?;
        let delete = self.callbacks.delete.clone();
        self.call(context, "proxy_on_delete", delete, context).map(|_| ())
    }

    /// `None` where the filter has no such export.
    fn call<Parameters: WasmParams, Results: WasmResults>(
        &mut self,
        context: u32,
        name: &str,
        callback: Callback<Parameters, Results>,
        parameters: Parameters,
    ) -> Result<Option<Results>, VmTrapped> {
        if let Some(trap) = &self.dead {
            return Err(trap.clone());
        }
        let state = self.store.data_mut();
        state.current = context;
        state.effective = None;
        state.stop_iteration = false;
        let Some(callback) = callback else { return Ok(None) };
        let called = callback.call(&mut self.store, parameters);
        self.store.data_mut().effective = None;
        called.map(Some).map_err(|error| {
            let trap = VmTrapped { callback: name.to_owned(), backtrace: format!("{error:#}") };
            self.dead = Some(trap.clone());
            trap
        })
    }
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
