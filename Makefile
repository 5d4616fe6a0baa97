# One name per thing that CI does. Go is all that `make test` needs.

GO        ?= go
BIN       := build/ecsrunner
# Of each target: executions, as in 100000x, or a time.
FUZZTIME  ?= 100000x
# Programs of this repository's own tools, at the versions of tools/go.mod.
TOOL      := $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: ## Run all Go tests, with the race detector if there is a C compiler (Go is all it needs)
	@GO="$(GO)" scripts/test

.PHONY: check
check: ## Check format, vet, staticcheck, workflows and go.mod
	@unformatted=$$(find . -name node_modules -prune -o -name "*.go" -print | xargs gofmt -l); if [ -n "$$unformatted" ]; then echo "not gofmt'ed: $$unformatted"; exit 1; fi
	$(GO) vet -tags aws,moto,octokit,cdk,containers,browser,heavy,peers,man ./...
	GOOS=windows GOARCH=amd64 $(GO) vet ./cmd/ecsrunner
	$(TOOL) staticcheck -tags aws,moto,octokit,cdk,containers,browser,heavy,peers,man ./...
	$(TOOL) actionlint .github/workflows/*.yml examples/workflows/*.yml
	$(GO) mod tidy -diff
	cd runner/soci/oracle && $(GO) mod tidy -diff

.PHONY: crash-test
crash-test: ## Kill a fleet 20 times at random moments while 20 jobs run (some minutes)
	$(GO) test -count=3 -timeout 10m -v -run '^TestCrash$$' ./internal/local -args -crashes 20 -crash-jobs 20

.PHONY: bench
bench: ## Run the Go benchmarks (7 minutes) and compare them with the baseline, also of DynamoDB Local where Java and Maven are installed
	@GO="$(GO)" UPDATE="$(UPDATE)" scripts/bench

.PHONY: bench-fleet
bench-fleet: ## Measure a whole fleet on this machine, with up to 10,000 jobs and a million records (30 minutes)
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/ecsrunner
	$(GO) run ./internal/bench/cmd/fleettable $(if $(UPDATE),-update) $(BIN)

.PHONY: bench-peers
bench-peers: ## Measure the functions beside peers' published packages, in one run (needs Node 20 or later)
	@GO="$(GO)" UPDATE="$(UPDATE)" scripts/bench-peers

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (default 100000x; 60s works too)
	@scripts/fuzz $(FUZZTIME)

# How long `make simulate` may take, and how many histories it plays.
SIMULATE  ?= -histories 20000 -time 10m

.PHONY: simulate
simulate: ## Play histories of a fleet in a simulated world and judge them (20,000 seeds, 10 minutes at most)
	$(GO) run ./internal/simulation/cmd/simulate $(SIMULATE)

.PHONY: simulate-short
simulate-short: ## Every scenario, 2,000 histories, 200 with warm runners and 200 in an organization (CI runs this)
	$(GO) run ./internal/simulation/cmd/simulate -scenarios
	$(GO) run ./internal/simulation/cmd/simulate -histories 2000 -time 30m
	$(GO) run ./internal/simulation/cmd/simulate -warm -histories 200 -time 30m
	$(GO) run ./internal/simulation/cmd/simulate -organization -histories 200 -time 30m

.PHONY: simulate-warm
simulate-warm: ## Play 20,000 histories with warm runners (an hour: a scheduled workflow runs it, not CI)
	$(GO) run ./internal/simulation/cmd/simulate -warm -histories 20000 -time 100m

.PHONY: simulate-heavy
simulate-heavy: ## Scenarios with hundreds of jobs, and the docs' table of them (a minute: a scheduled workflow runs it, not CI)
	$(GO) test -tags heavy -count=1 -v -timeout 60m -run '^TestHeavyScenarios$$' ./internal/simulation

.PHONY: simulate-reaps
simulate-reaps: ## A million decisions about ending a runner, with lies and lost webhooks (10 to 30 minutes: a scheduled workflow runs it)
	$(GO) run ./internal/simulation/cmd/simulate -reaps 1000000 -time 60m

.PHONY: mutate
mutate: ## Make wrong changes in a copy of the tree, and say what catches each (minutes: a scheduled workflow runs it, not CI)
	@GO="$(GO)" scripts/mutate

.PHONY: man
man: ## Write the manual pages of all commands into build/man (man -l build/man/ecsrunner.1)
	$(GO) run -tags man ./cmd/ecsrunner man build/man "$$(git -c safe.directory='*' show -s --format=%cs HEAD 2>/dev/null || date -u +%F)"

.PHONY: build
build: ## Build the programs and the Lambda functions into build/
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/ecsrunner
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o build/entrypoint ./runner/cmd/entrypoint
	@ls -l $(BIN) build/entrypoint | awk '{ printf "  %-24s %.1f MB\n", $$9, $$5 / 1e6 }'
	@GO="$(GO)" scripts/build-functions

.PHONY: test-asl
test-asl: ## Second opinions on the state machine (needs Node 20 and Python 3.11 or later)
	@GO="$(GO)" scripts/test-asl

.PHONY: test-octokit
test-octokit: ## Send every recorded payload, signed by octokit (needs Node 20 or later)
	@scripts/with-node functions/webhook/testdata/oracle true
	$(GO) test -tags octokit -count=1 -run '^TestOctokitSigns$$' -v ./functions/webhook

.PHONY: test-browser
test-browser: ## Set up a fleet and look at the console in Chromium (needs Chromium, Node 20 and Python 3.11 or later)
	@GO="$(GO)" scripts/test-browser

.PHONY: console-pictures
console-pictures: ## Make the docs' pictures of the console anew
	@GO="$(GO)" RUN='^TestConsoleInABrowser$$/^every_page$$' scripts/test-browser
	mkdir -p docs/images
	for name in fleet run; do cp build/screenshots/picture-$$name.png docs/images/console-$$name.png; done

.PHONY: console-memory
console-memory: ## Watch for half an hour whether the console's pages grow, with 500 live runners
	@GO="$(GO)" RUN='^TestConsoleInABrowser$$/^memory$$' CONSOLE_SECONDS=1800 TIMEOUT=45m scripts/test-browser

.PHONY: test-aws
test-aws: ## The AWS adapters on moto, over the wire (needs Python 3.11 or later; with Java 17 and Maven on DynamoDB Local too)
	@GO="$(GO)" scripts/test-aws

.PHONY: test-containers
test-containers: ## Build runner images and run jobs in containers (needs Debian's packages as root; starts Podman by itself)
	@GO="$(GO)" scripts/test-containers

.PHONY: test-cdk
test-cdk: ## The CDK app and what it makes (needs Node 20 or later and Python 3.11 or later)
	@GO="$(GO)" scripts/test-cdk

.PHONY: synth
synth: ## Write the cloud assembly of fleet.yaml, or of ECSRUNNER_CONFIG, to build/cdk.out (needs Node 20 or later)
	@scripts/with-node . true
	node_modules/.bin/cdk synth --quiet

.PHONY: release
release: ## Write the files of a release, VERSION=v1.2.3, to build/release: programs, zips, template, checksums, SBOM (needs Node 20 or later)
	@GO="$(GO)" scripts/release "$(VERSION)"

.PHONY: template
template: ## Write fleet.yaml, or ECSRUNNER_CONFIG, as one CloudFormation template with its zips to build/template (needs Node 20 or later)
	@rm -rf build/template
	$(GO) run ./cdk/template -o build/template

.PHONY: demo
demo: ## Run eight jobs on a fleet on this machine
	$(GO) run ./cmd/ecsrunner demo
