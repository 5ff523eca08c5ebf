;; A filter that does nothing: it lets every request go on.
;;
;; It exports what cedar-gate exports (tools/exports.txt), so that a request makes Envoy enter the VM just as often: for
;; the stream's beginning, the request's head and the stream's end. What a request costs here is what it costs to have a
;; Wasm filter at all.
(module
  (memory (export "memory") 1)

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  ;; Whatever the host hands over may be overwritten at once, as nobody reads it.
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))

  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_tick") (param i32))
  ;; 0 is Continue.
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32))
  (func (export "proxy_on_delete") (param i32)))
