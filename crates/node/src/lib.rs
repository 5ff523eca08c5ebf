//! The scenarios, played on the core as V8 runs it in Node: `wasm32-unknown-unknown`, without a gateway and without a
//! file system. Everything is in the tests; their list is made by the build script, a test for each scenario file.
