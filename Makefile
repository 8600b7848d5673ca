# Meshwork. `make help` lists what can be done here.
.DEFAULT_GOAL := help
SHELL := bash

GOLANGCI := v2.15.0
TOOLS    := $(CURDIR)/.tools
SERVICES := churn customer eshop meshwork orderprocessing product recommendation
MODULES  := deploy/bench deploy/e2e pkg schemas $(addprefix services/,$(SERVICES))
LIBS     := $(filter-out deploy/%,$(MODULES))
UNIT     := $(addprefix meshwork.dev/,$(addsuffix /...,$(LIBS)))
# Where goroutines meet: the packages that `make test` runs under the race detector.
RACE     := ./pkg/kafka/... ./pkg/stream/... ./pkg/state/... ./pkg/registry/... ./pkg/broker/... ./pkg/service/...
RETAIL   ?= ../shared/data/online_retail/online_retail.csv.gz
PLATFORMS := linux/amd64 darwin/arm64 windows/amd64

export CGO_ENABLED ?= 0

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: build
build: ## build the commands into bin/
	go build -trimpath -o bin/ $(foreach s,$(SERVICES),./services/$(s)/cmd/...)

.PHONY: run
run: build ## run the whole mesh in one process: embedded broker, registry, services, orders (Ctrl-C stops)
	bin/meshwork up $(ARGS)

.PHONY: test
test: ## all tests that need nothing but Go, with the race detector where goroutines meet
	go test -count=1 $(UNIT)
	@if command -v $${CC:-cc} >/dev/null; then CGO_ENABLED=1 go test -count=1 -race -short $(RACE); \
	else echo "race detector left out: it needs a C compiler and there is no $${CC:-cc} here"; fi

.PHONY: test-kafka
test-kafka: build ## the same suites and the fault tests on a real Apache Kafka (Docker, else local JVMs)
	go test -count=1 -timeout 20m -v meshwork.dev/deploy/e2e/...

.PHONY: bench
bench: build ## ratios against rivals on the embedded broker; memory per key; a year of orders where the data is
	go run ./deploy/bench/cmd/bench -suite embedded
	go test -run xxx -bench Ratio meshwork.dev/pkg/avro/gen
	STATE_KEYS=5000000 go test -count=1 -run 'MemoryPerKey|Collector' -v meshwork.dev/pkg/state
	@if [ -f $(RETAIL) ]; then d=$$(mktemp -d); time bin/meshwork up --data-dir $$d --kafka-listen 127.0.0.1:0 \
	  --registry-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --replay $(RETAIL) --speed max --exit --summary 0; rm -rf $$d; \
	else echo "Online Retail left out: set RETAIL to online_retail.csv.gz"; fi

.PHONY: bench-kafka
bench-kafka: ## ratios against rivals on one real Apache Kafka (needs a JDK and Maven)
	go run ./deploy/bench/cmd/bench -suite kafka

.PHONY: lint
lint: $(TOOLS)/golangci-lint-$(GOLANGCI) ## golangci-lint over every module, and the contract rules
	$< run $(addprefix ./,$(addsuffix /...,$(MODULES)))
	go run ./services/meshwork/cmd/meshwork lint

$(TOOLS)/golangci-lint-$(GOLANGCI):
	GOWORK=off GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	mv $(TOOLS)/golangci-lint $@

.PHONY: tidy
tidy: ## tidy every module and align their versions
	@for m in $(MODULES); do (cd $$m && go mod tidy) || exit 1; done
	go work sync
	@for m in $(MODULES); do (cd $$m && go mod tidy) || exit 1; done

.PHONY: generate
generate: ## regenerate Go from the contracts
	go run ./pkg/avro/gen/cmd/avrogen -dir schemas

.PHONY: verify
verify: ## nothing is stale: generated files, go.mod files, standalone builds, every platform
	go run ./pkg/avro/gen/cmd/avrogen -dir schemas -check
	@for m in $(MODULES); do (cd $$m && go mod tidy -diff && GOWORK=off go build ./...) || { echo "$$m is not tidy: make tidy"; exit 1; }; done
	@for p in $(PLATFORMS); do echo "build $$p"; GOOS=$${p%/*} GOARCH=$${p#*/} go build $(UNIT) || exit 1; done
