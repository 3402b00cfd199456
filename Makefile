# What a developer types. Nothing here is needed to build: "go build" does it.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
PREFIX  ?= /usr/local
OUT     ?= pureclean
GO      ?= go

# urfave_cli_no_docs leaves the documentation generator out of the program.
TAGS    := urfave_cli_no_docs
LDFLAGS := -s -w -X github.com/pureclean/pureclean/commands.Version=$(VERSION)
TOOL    := $(GO) tool -modfile=tools/go.mod

.PHONY: build
build: ## the program, static, as ./pureclean
	CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o $(OUT) .

.PHONY: test
test: ## all tests
	$(GO) test ./...

.PHONY: lint
lint: ## what .ci/run checks besides tests and builds
	.ci/run vet format static shell modules

.PHONY: fmt
fmt: ## format all Go code
	$(TOOL) gofumpt -w .

.PHONY: bench
bench: ## all Go benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: man
man: ## render the manual from man/*.md
	@for source in man/*.[58].md; do \
		$(TOOL) go-md2man -in "$$source" -out "$${source%.md}" || exit 1; \
	done

.PHONY: tables
tables: ## write what the manual and the docs have of the code's tables anew
	$(GO) test ./man -run 'Tables|Rendered' -update
	$(GO) test ./docs -run Findings -update

.PHONY: examples
examples: ## write the outputs in the docs anew
	$(GO) test ./docs -run Examples -update

.PHONY: written
written: tables ## write all that is made from the code anew: the manual, the golden files, the docs
	$(GO) test ./commands ./report -run Golden -update
	$(MAKE) examples man

.PHONY: install
install: build ## to $(DESTDIR)$(PREFIX)/bin
	install -D -m 0755 pureclean $(DESTDIR)$(PREFIX)/bin/pureclean

.PHONY: release
release: ## archives, packages, checksums and lists of parts, below dist/
	VERSION='$(VERSION)' packaging/build.sh

.PHONY: clean
clean: ## what these targets have made
	rm -rf pureclean dist

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile
