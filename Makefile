# Few recipes; `make` alone lists them. The continuous integration runs the same ones.

CARGO ?= cargo

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1 - /p' Makefile

MONITORS ?= 1

demo: toolchain ## start three real servers, kill the primary again and again, and watch; MONITORS=3 with an etcd
	@scripts/servers system
ifneq ($(MONITORS),1)
	@scripts/servers etcd
endif
	$(CARGO) run --package redis-cluster-monitor -- demo --monitors $(MONITORS)

check: lint test doc ## the definition of done; changes nothing

test: toolchain servers ## all tests, against three versions of real servers
	@scripts/clients test
	$(CARGO) test --workspace --doc
	$(CARGO) run --release --package rcm-sim -- --seeds 10000
	$(CARGO) run --release --package rcm-sim -- --strict --seeds 2000
	$(CARGO) test --workspace --all-targets

lint: toolchain ## formatting and clippy, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

doc: toolchain ## the code's documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items

fix: toolchain ## repair what lint can repair by itself
	$(CARGO) clippy --workspace --all-targets --fix --allow-dirty --allow-staged
	$(CARGO) fmt --all

sim: toolchain ## try the decisions on ten thousand simulated storms
	$(CARGO) run --release --package rcm-sim -- --seeds 10000
	$(CARGO) run --release --package rcm-sim -- --strict --seeds 2000

nightly: toolchain ## a million storms, other ones each night, and every deliberate defect; an hour
	$(CARGO) run --release --package rcm-sim -- --nightly

bench: toolchain ## measure against Sentinel and HAProxy, side by side, in three quarters of an hour; bench/README.md has the parts
	@scripts/servers test
	@scripts/servers proxies
	$(CARGO) build --release --package redis-cluster-monitor
	$(CARGO) run --release --manifest-path bench/Cargo.toml -- all --summary bench/results/latest.md

bench-quick: toolchain ## the same with few repetitions, in five minutes
	@scripts/servers system
	@scripts/servers etcd
	@scripts/servers proxies
	$(CARGO) build --release --package redis-cluster-monitor
	$(CARGO) run --release --manifest-path bench/Cargo.toml -- all --quick

clients: toolchain ## measure client libraries, ours beside Sentinel's, into docs/clients.md, in half an hour
	@scripts/servers system
	@scripts/clients all
	$(CARGO) build --release --package redis-cluster-monitor
	$(CARGO) run --release --manifest-path bench/Cargo.toml -- clients --page docs/clients.md

servers: ## fetch the servers that the tests run against
	@scripts/servers test

toolchain:
	@scripts/toolchain

.PHONY: help demo check test lint doc fix sim nightly bench bench-quick clients servers toolchain
