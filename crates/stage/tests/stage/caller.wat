;; A filter that makes a call for each request, and answers with what came of it.
;;
;; Its configuration is `{"cluster":"…"}`. The answer's status is that of the call; 590 where the call's answer has no
;; headers; 550 and the status of the host call where the call cannot be made. A request with `x-property: a.b` makes no
;; call: it is answered with the property, or with 404 where there is none.
(module
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $become (param i32) (result i32)))
  (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 1024)
  ;; `:method: GET`, `:path: /keys`, `:authority: idp`
  (data (i32.const 1024)
    "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\05\00\00\00\0a\00\00\00\03\00\00\00"
    ":method\00GET\00:path\00/keys\00:authority\00idp\00")
  (data (i32.const 1200) ":status")
  (data (i32.const 1220) "x-property")

  ;; What the host allocates goes round above the first megabyte.
  (global $free (mut i32) (i32.const 1048576))
  (global $cluster (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0))

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (if (i32.gt_u (i32.add (global.get $free) (local.get $size)) (i32.const 60000000))
      (then (global.set $free (i32.const 2097152))))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16)))))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))

  ;; The name stands between `{"cluster":"` and `"}`. It is copied, as what was allocated is used again.
  (func (export "proxy_on_configure") (param $context i32) (param $size i32) (result i32)
    (drop (call $buffer (i32.const 7) (i32.const 0) (local.get $size) (i32.const 2048) (i32.const 2052)))
    (global.set $cluster (i32.const 4096))
    (global.set $length (i32.sub (local.get $size) (i32.const 14)))
    (memory.copy (i32.const 4096) (i32.add (i32.load (i32.const 2048)) (i32.const 12)) (global.get $length))
    (i32.const 1))

  (func $reply (param $status i32)
    (drop (call $answer
      (local.get $status) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const -1))))

  ;; The context of a call, by its token, above 8192.
  (func $slot (param $token i32) (result i32)
    (i32.add (i32.const 8192) (i32.mul (i32.and (local.get $token) (i32.const 1023)) (i32.const 4))))

  ;; Whether the request asks for a property; it is answered then. The parts of its path are parted by NUL.
  (func $tell (result i32)
    (local $at i32)
    (local $end i32)
    (if (call $header (i32.const 0) (i32.const 1220) (i32.const 10) (i32.const 2060) (i32.const 2064))
      (then (return (i32.const 0))))
    (local.set $at (i32.load (i32.const 2060)))
    (local.set $end (i32.add (local.get $at) (i32.load (i32.const 2064))))
    (loop $characters
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 46))
            (then (i32.store8 (local.get $at) (i32.const 0))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $characters))))
    (if (call $property
        (i32.load (i32.const 2060)) (i32.load (i32.const 2064)) (i32.const 2068) (i32.const 2072))
      (then (call $reply (i32.const 404)))
      (else (drop (call $answer
        (i32.const 200) (i32.const 0) (i32.const 0) (i32.load (i32.const 2068)) (i32.load (i32.const 2072))
        (i32.const 0) (i32.const 0) (i32.const -1)))))
    (i32.const 1))

  (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
    (local $status i32)
    (if (call $tell) (then (return (i32.const 1))))
    (local.set $status (call $call
      (global.get $cluster) (global.get $length) (i32.const 1024) (i32.const 67)
      (i32.const 0) (i32.const 0) (i32.const 1300) (i32.const 4) (i32.const 1000) (i32.const 2056)))
    (if (local.get $status)
      (then (call $reply (i32.add (i32.const 550) (local.get $status))))
      (else (i32.store (call $slot (i32.load (i32.const 2056))) (local.get $context))))
    (i32.const 1))

  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
    (local $at i32)
    (local $digit i32)
    (local $status i32)
    (i32.store (i32.const 2052) (i32.const 0))
    (drop (call $header (i32.const 6) (i32.const 1200) (i32.const 7) (i32.const 2048) (i32.const 2052)))
    (local.set $at (i32.load (i32.const 2048)))
    (loop $digits
      (if (i32.lt_u (local.get $digit) (i32.load (i32.const 2052)))
        (then
          (local.set $status (i32.add (i32.mul (local.get $status) (i32.const 10))
            (i32.sub (i32.load8_u (i32.add (local.get $at) (local.get $digit))) (i32.const 48))))
          (local.set $digit (i32.add (local.get $digit) (i32.const 1)))
          (br $digits))))
    (if (i32.eqz (local.get 2)) (then (local.set $status (i32.const 590))))
    (drop (call $become (i32.load (call $slot (local.get 1)))))
    (call $reply (local.get $status))))
