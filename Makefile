# What a newcomer types: `make demo` runs the main job, `make test` the tests.
# Both set up what they need on a fresh Debian machine with Go.

GO      ?= go
TAGS    := urfave_cli_no_docs
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -tags $(TAGS) -ldflags "-s -w -X main.built=$(VERSION)"
# What tests talk to: real SSH servers, clients and key tools, and a browser that shows a report.
TOOLS   := openssh-server openssh-client putty-tools openssl tmux netcat-openbsd chromium
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
PREFIX  ?= /usr/local

.PHONY: all build demo test docs lint fuzz e2e e2e-full bench install tools clean

all: build

build:
	$(BUILD) -o bin/osssh ./cmd/osssh

demo: build
	./bin/osssh demo

install: build
	install -D bin/osssh $(DESTDIR)$(PREFIX)/bin/osssh

# The packages that are missing, if any; RUNLEVEL keeps the SSH server from being
# started. Elsewhere than on Debian they are the
# reader's own affair, and the tests say which one they lack.
tools:
	@missing=$$(for p in $(TOOLS); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q ' installed$$' || echo $$p; done); \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null; then \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get -q update && $$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y install --no-install-recommends $$missing; \
	fi

test: tools
	$(GO) test -race -timeout 30m -tags $(TAGS) $(GOTEST) ./...

# docs/causes.md, from the table of causes.
docs:
	$(GO) test -tags $(TAGS) ./diagnose -run TestCausesPage -update

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted"; exit 1; fi
	$(GO) mod tidy -diff
	for os in linux darwin windows; do GOOS=$$os $(GO) vet -tags $(TAGS) ./... || exit 1; done
	$(GO) vet -tags $(TAGS),e2e ./e2e/... ./internal/demo
	$(GO) run $(STATICCHECK) -tags $(TAGS) ./...

# Each fuzz target for FUZZTIME.
FUZZTIME ?= 30s
fuzz:
	@grep -rlE '^func Fuzz' --include=*_test.go . | xargs -n1 dirname | sort -u | while read dir; do \
		for target in $$(grep -hoE '^func Fuzz\w+' $$dir/*_test.go | cut -c6-); do \
			echo "== $$dir $$target"; $(GO) test -tags $(TAGS) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$dir || exit 1; \
		done; \
	done

# Against a real OpenStack, which e2e/cloud/up brings up on this machine (as root).
# RULES is how many random sets of security group rules are tried; WHY=all breaks
# everything that `osssh why` can tell, and not the quick half only.
RULES ?= 40
WHY ?= quick
e2e-full: RULES = 300
e2e-full: WHY = all
e2e: TOOLS += vim-tiny
e2e: tools build
	e2e/cloud/up --fresh
	OSSSH_RULES_CASES=$(RULES) OSSSH_WHY=$(WHY) $(GO) test -count=1 -timeout 60m -tags $(TAGS),e2e -v ./e2e/...
	$(GO) test -count=1 -tags $(TAGS),e2e -run TestOpenStackClient ./internal/demo
	$(GO) test -count=1 -tags $(TAGS) -run TestScenarios -v ./diagnose

e2e-full: e2e
	e2e/cloud/check

# osssh and its rival in turn, on the real cloud.
bench: build
	e2e/cloud/up
	$(GO) test -tags $(TAGS),e2e -run '^$$' -bench . -benchtime 20x ./e2e

clean:
	rm -rf bin
