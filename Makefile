# On a bare Debian machine with Go, make and node, `make run` and `make test` do all their set-up themselves.

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 30s
ARGS     ?=

# One staticcheck for everybody; a newer one is a change of this line.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
STATICCHECK_BIN := .cache/bin/$(notdir $(STATICCHECK))

# go build itself knows what has changed, better than a list of sources here could; so nothing below is a file target
# but the pinned tool.
GOBUILD := go build -trimpath -buildvcs=false

.DEFAULT_GOAL := help
.PHONY: help run cluster build wasm test race bench bench-browser fuzz soak lint e2e screenshots clean

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: build ## build everything and serve this machine live, record kept in data/ (ARGS="--listen 127.0.0.1:8080" and such)
	@exec bin/telltale serve --data data $(ARGS)

cluster: build ## redis-server, three instances and nginx in front, on this machine, to look at; Ctrl-C ends all of it (PORT=8080)
	@.scripts/cluster $(PORT)

build: wasm ## build bin/telltale, the browser app inside it
	@$(GOBUILD) -ldflags="-s -w -X main.version=$(VERSION)" -o bin/telltale ./server

wasm: ## build public/app.wasm and its brotli and gzip twins
	@mkdir -p .cache
	@modfile=$$(.scripts/slim) && GOOS=js GOARCH=wasm $(GOBUILD) -modfile=$$modfile -ldflags="-s -w" -o .cache/app.wasm ./wasm
	@go run ./.scripts/precompress .cache/app.wasm public/app.wasm

test: ## all that CI runs: format, vet, unit tests with -race, Wasm tests under node, real Chromium
	@.scripts/test all

race: wasm ## unit tests with the race detector
	@.scripts/test race

e2e: ## browser tests: Chromium drives the real binary
	@.scripts/test e2e

bench: ## benchmarks, each beside its baseline, on this machine and in Wasm under node
	@.scripts/bench

bench-browser: ## our page against one written in React as the textbooks do, in Chromium under load (ARGS="-rounds 5" and such)
	@.scripts/bench-browser $(ARGS)

fuzz: ## fuzz each target for FUZZTIME (30s)
	@.scripts/fuzz $(FUZZTIME)

soak: ## the long proofs, about six hours: crash, fault and browser tests again and again, each fuzz target for five minutes
	@.scripts/soak

lint: $(STATICCHECK_BIN) ## gofmt, go vet and staticcheck, for this machine, for a Mac and for Wasm
	@.scripts/test gofmt vet
	@GOOS=darwin go vet ./server/... # what is for Linux alone leaves a server everywhere else too; a minute and a half the first time
	@$(STATICCHECK_BIN) ./...
	@GOOS=js GOARCH=wasm $(STATICCHECK_BIN) ./shared/... ./wasm/...

$(STATICCHECK_BIN):
	@GOBIN=$(CURDIR)/.cache/bin go install $(STATICCHECK)
	@mv .cache/bin/staticcheck $@

screenshots: build ## take the pictures of the README from a running server
	@.scripts/need chromium
	@TELLTALE_PICTURES=$(CURDIR)/.pictures TELLTALE_BIN=$(CURDIR)/bin/telltale go test -tags pictures -count=1 -v -run='^TestPictures$$' ./server/e2e

clean: ## remove what was built; data/ stays
	rm -rf bin .cache public/app.wasm public/app.wasm.br public/app.wasm.gz
