# Countersign. `make run` and `make test` do all set-up; `make help` lists the rest.
# One set of flags for every build and test: another would compile the OpenGL
# binding again, which takes minutes. clang compiles it ten times faster than gcc.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

export CC := clang
TAGS := -tags migrated_fynedo
CACHE := $(CURDIR)/.cache

# DEPS=no leaves the system's packages alone.
DEPS ?= yes
ifeq ($(DEPS),yes)
need = tools/deps.sh $(1)
else
need = @true
endif

GOLANGCI_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.1.4
FYNE_TOOLS_VERSION := v1.7.2
GOLANGCI := $(CACHE)/tools/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
GOVULNCHECK := $(CACHE)/tools/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck
FYNE := $(CACHE)/tools/fyne-$(FYNE_TOOLS_VERSION)/fyne

FUZZTIME ?= 10s

.PHONY: help
help: ## Show the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | sort | awk -F'\t' '{printf "  make %-18s %s\n", $$1, $$2}'

.PHONY: deps
deps: ## Install every system package that any target uses (Debian)
	$(call need,app run model test radius)

# ---- build and run ----------------------------------------------------------

.PHONY: build
build: build-servers build-app ## Build countersignd, countersign-lab and the app into bin/

# The servers hold no C, so they need no compiler and run anywhere.
.PHONY: build-servers
build-servers:
	CGO_ENABLED=0 go build -o bin/ ./cmd/...

.PHONY: build-app
build-app:
	$(call need,app)
	go build $(TAGS) -o bin/countersign .

.PHONY: run
run: ## Sign in here and now: demo server, and the app (or a terminal authenticator)
ifneq ($(DISPLAY)$(WAYLAND_DISPLAY),)
	$(call need,app run)
	$(MAKE) build
else
	$(call need)
	$(MAKE) build-servers
endif
	@tools/run.sh

# ---- tests ------------------------------------------------------------------

.PHONY: test
test: ## Install what is missing, then vet and test everything
	$(call need,app run model test)
	go vet $(TAGS) ./...
	tools/test.sh

.PHONY: test-radius
test-radius: ## RADIUS with FreeRADIUS, eapol_test, sshd, ocserv, radsecproxy on loopback
	$(call need,app radius)
	tools/test.sh radius

.PHONY: e2e
e2e: ## Only the end-to-end tests: Chromium on the page, the real app in Xvfb
	$(call need,app run test)
	tools/test.sh e2e

.PHONY: pictures
pictures: ## Make the README's pictures anew, from real sign-ins
	$(call need,app run test)
	COUNTERSIGN_PICTURES=$(CURDIR)/docs/pictures tools/test.sh e2e

.PHONY: model
model: ## Check the model of a challenge's life with Spin, mutants too
	$(call need,model)
	go test -count=1 -v ./model

.PHONY: bench
bench: ## Print the figures as JSON lines, each with its limit and its method
	$(call need,app run test)
	go run ./tools/bench

.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME (10s) each
	tools/fuzz.sh $(FUZZTIME)

.PHONY: lint
lint: $(GOLANGCI) ## Run golangci-lint, pinned
	$(call need,app)
	$(GOLANGCI) run

.PHONY: vuln
vuln: $(GOVULNCHECK) ## Look the dependencies up in Go's vulnerability database (network)
	$(call need,app)
	$(GOVULNCHECK) $(TAGS) ./...

# ---- packages ---------------------------------------------------------------

# Only linux and windows are built on a Linux machine without other SDKs.
.PHONY: package-linux
package-linux: ## The app for Linux, as build/Countersign.tar.xz
	$(call need,app linux)
	tools/package.sh linux

.PHONY: package-windows
package-windows: ## The app for Windows, cross-compiled, as build/countersign.exe
	$(call need,windows)
	tools/package.sh windows

.PHONY: package-darwin
package-darwin: $(FYNE) ## The app for macOS (on macOS, with Xcode)
	tools/package.sh darwin $(FYNE)

.PHONY: package-android
package-android: $(FYNE) ## The app for Android (needs ANDROID_NDK_HOME)
	tools/package.sh android $(FYNE)

.PHONY: package-ios
package-ios: $(FYNE) ## The app for iOS (on macOS, with Xcode)
	tools/package.sh ios $(FYNE)

# ---- tools and tidying ------------------------------------------------------

$(GOLANGCI):
	GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(GOVULNCHECK):
	GOBIN=$(@D) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)

# Downloaded and built from the copy: `go install` also asks for the list of all
# versions, which not every module proxy gives.
$(FYNE):
	mkdir -p $(@D)
	dir=$$(cd / && go mod download -json fyne.io/tools@$(FYNE_TOOLS_VERSION) | sed -n 's/^\t"Dir": "\(.*\)",$$/\1/p'); \
	go build -C "$$dir" -o $@ ./cmd/fyne

.PHONY: clean
clean: ## Remove what was built; the demo's data and the tools stay in .cache
	rm -rf bin build
