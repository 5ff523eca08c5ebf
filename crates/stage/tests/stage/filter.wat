;; A filter whose configuration, `{"do":"…"}`, says by its eighth byte what it does:
;;
;; * `pass` logs an audit record and lets the request pass;
;; * `deny` does so and answers 403 with details;
;; * `late` writes its record in `proxy_on_log`, the last callback of a request, and lets the request pass;
;; * `fail` refuses to start.
;;
;; It logs its configuration when it is configured.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 32)
  (data (i32.const 0) "{\"cedar_gate\":\"audit\",\"request_id\":\"")
  (data (i32.const 64) "\"}")
  (data (i32.const 128) "x-request-id")
  (data (i32.const 192) "denied by the test")
  (data (i32.const 256) "no")

  ;; What the host allocates goes round in the upper half.
  (global $free (mut i32) (i32.const 1048576))

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (if (i32.gt_u (i32.add (global.get $free) (local.get $size)) (i32.const 2000000))
      (then (global.set $free (i32.const 1048576))))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16)))))

  ;; One byte for each context, what it shall do, above 4096. A stream takes it from its plugin.
  (func $slot (param $context i32) (result i32)
    (i32.add (i32.const 4096) (i32.rem_u (local.get $context) (i32.const 500000))))
  (func (export "proxy_on_context_create") (param $context i32) (param $parent i32)
    (i32.store8 (call $slot (local.get $context)) (i32.load8_u (call $slot (local.get $parent)))))

  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param $context i32) (param $size i32) (result i32)
    (local $what i32)
    ;; Buffer 7 is the plugin's configuration; its address and length go to 2048 and 2052.
    (drop (call $buffer (i32.const 7) (i32.const 0) (local.get $size) (i32.const 2048) (i32.const 2052)))
    (drop (call $log (i32.const 2) (i32.load (i32.const 2048)) (i32.load (i32.const 2052))))
    (local.set $what (i32.load8_u offset=7 (i32.load (i32.const 2048))))
    (i32.store8 (call $slot (local.get $context)) (local.get $what))
    (i32.ne (local.get $what) (i32.const 102))) ;; f

  (func $audit
    (local $length i32)
    (memory.copy (i32.const 3072) (i32.const 0) (i32.const 36))
    (i32.store (i32.const 2052) (i32.const 0))
    ;; Map 0 is the request's headers.
    (drop (call $header (i32.const 0) (i32.const 128) (i32.const 12) (i32.const 2048) (i32.const 2052)))
    (local.set $length (i32.load (i32.const 2052)))
    (memory.copy (i32.const 3108) (i32.load (i32.const 2048)) (local.get $length))
    (memory.copy (i32.add (i32.const 3108) (local.get $length)) (i32.const 64) (i32.const 2))
    (drop (call $log (i32.const 2) (i32.const 3072) (i32.add (local.get $length) (i32.const 38)))))

  (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
    (local $what i32)
    (local.set $what (i32.load8_u (call $slot (local.get $context))))
    (if (i32.eq (local.get $what) (i32.const 108)) (then (return (i32.const 0)))) ;; l
    (call $audit)
    (if (i32.eq (local.get $what) (i32.const 100)) ;; d
      (then
        (drop (call $answer
          (i32.const 403) (i32.const 192) (i32.const 18) (i32.const 256) (i32.const 2) (i32.const 0) (i32.const 0)
          (i32.const -1)))
        (return (i32.const 1))))
    (i32.const 0))

  (func (export "proxy_on_log") (param $context i32)
    (if (i32.eq (i32.load8_u (call $slot (local.get $context))) (i32.const 108)) (then (call $audit)))))
