use cedar_gate_host::{Library, Module};

fn library(body: &str) -> Library {
    let wasm = wat::parse_str(format!(r#"(module (memory (export "memory") 1) {body})"#)).unwrap();
    Library::start(&Module::compile(&wasm).unwrap()).unwrap()
}

#[test]
fn a_module_without_callbacks_is_called_by_name() {
    let mut library = library(
        r#"(global $ready (mut i32) (i32.const 0))
        (func (export "_initialize") (global.set $ready (i32.const 1)))
        (func (export "double") (param i32) (result i32)
          (i32.store8 (i32.const 9) (i32.mul (i32.load8_u (local.get 0)) (i32.const 2)))
          (i32.add (i32.const 8) (global.get $ready)))"#,
    );
    library.write(3, &[21]).unwrap();
    let address: u32 = library.call("double", 3_u32).unwrap();
    assert_eq!(library.read(address, 1), Some(vec![42]));
}

#[test]
fn memory_that_is_not_there_is_neither_read_nor_written() {
    let mut library = library("");
    assert_eq!(library.read(65_530, 7), None);
    assert_eq!(library.write(65_530, &[0; 7]), None);
    assert_eq!(library.read(65_530, 6), Some(vec![0; 6]));
}

#[test]
fn what_cannot_be_called_says_why() {
    let mut library = library(r#"(func (export "traps") unreachable)"#);
    let error = library.call::<(), ()>("traps", ()).unwrap_err();
    assert!(error.reason.contains("unreachable"), "{error}");
    let error = library.call::<(), ()>("missing", ()).unwrap_err();
    assert_eq!(error.export, "missing");
    assert!(library.call::<u32, ()>("traps", 1).is_err());
}
