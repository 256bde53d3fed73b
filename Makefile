# Everything is done from here; `make help` lists the targets.
# One flag set for build and test: each other one compiles the AWS SDK again.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false
# jsii and the CDK print banners about the Node version; the pins are ours.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := $(shell node -p 'process.versions.node.split(".")[0]' 2>/dev/null)
export NODE_NO_WARNINGS := 1
export CDK_DISABLE_CLI_TELEMETRY := true

FUNCTIONS := track sweep enforce publish snapshot seal api apiread admit cfnhook
# What compiles without the CDK and without service/ec2, and is quick to test.
CORE := ./events/... ./shared ./shared/event/... ./shared/catalog/... ./shared/config/... ./shared/license/... ./shared/licensefile/... \
	./shared/ledger/... ./shared/remedy/... ./shared/whatif/... ./shared/track/... ./shared/enforce/... ./shared/admit/... ./shared/cfnhook/... \
	./shared/registrar/... ./shared/api/... ./shared/publish/... ./shared/snapshot/... ./shared/report/... ./shared/telemetry/... \
	./shared/timeline/... ./shared/coverage/... ./shared/query/... ./shared/compact/... ./shared/audit/... ./shared/evidence/... \
	./shared/simulator/... ./shared/adapter/ledgercodec/... ./shared/adapter/boltledger/... ./shared/adapter/ledgerstream/... ./shared/adapter/handler/... \
	./cmd/internal/... ./cmd/licenseguard/... ./scripts/...
CLOUD := ./shared/adapter/... ./functions/... ./cmd/licenseguard-scan
STACK ?= Licenseguard
CDK := npx --no-install cdk --no-notices
FLEET_FLAGS = $(if $(FLEET),--fleet "$(FLEET)") $(if $(LICENSES),--licenses "$(LICENSES)") $(if $(HOSTS),--hosts "$(HOSTS)")

.DEFAULT_GOAL := help
.PHONY: help demo up cli scan sql build test test-core test-race test-sql test-cloud test-infra test-integration synth deploy diff destroy lint vuln sim sim-long hostile model bench cost fuzz catalog clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 20

demo: cli ## play a fleet's day; FLEET=FILE LICENSES=FILE [HOSTS=FILE] counts your own
	@./bin/licenseguard demo $(FLEET_FLAGS)

up: cli ## an endpoint for aws license-manager, kept running; [FLEET=FILE] [LICENSES=FILE] [HOSTS=FILE]
	@./bin/licenseguard up $(FLEET_FLAGS)

cli: ## build bin/licenseguard
	@go build -o bin/licenseguard ./cmd/licenseguard

scan: ## build bin/licenseguard-scan, which counts a real account and writes nothing
	@go build -o bin/licenseguard-scan ./cmd/licenseguard-scan

# The SQL engine is C++ behind cgo; the rest of the program is built without a C compiler.
sql: ## build bin/licenseguard-sql, which asks the reports in SQL (needs a C compiler)
	@CGO_ENABLED=1 go build -o bin/licenseguard-sql ./cmd/licenseguard-sql

build: ## build the functions for Lambda into dist/
	@./scripts/build-functions $(FUNCTIONS)

test: test-core test-cloud test-infra test-integration ## every test

test-core: ## the core and the command line: pure Go
	go vet $(CORE)
	go test -shuffle=on -timeout 25m $(CORE)

test-race: ## the core under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -short ./shared/ledger/... ./shared/track/... ./shared/enforce/... ./shared/admit/... ./shared/publish/... ./shared/registrar/... ./shared/api/... ./shared/adapter/boltledger/...

test-sql: ## the named queries on the embedded engine, against a year counted anew (needs a C compiler)
	CGO_ENABLED=1 go vet ./cmd/licenseguard-sql
	CGO_ENABLED=1 go test -timeout 10m ./cmd/licenseguard-sql

test-cloud: ## adapters and functions; the ledger's contract on DynamoDB Local
	go vet $(CLOUD)
	./scripts/with-tools go test -shuffle=on $(CLOUD)

# DynamoDB Local stays out until somebody agreed to its licence; see scripts/with-tools.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --ignore-scripts $(if $(filter 1,$(ACCEPT_DYNAMODB_LOCAL_LICENSE)),--include=dev,--omit=dev)
	@touch $@

test-infra: build node_modules/.package-lock.json ## the stack: assertions, cdk-nag, cfn-lint, policy simulation, deployment to moto
	go vet ./infra
	./scripts/with-tools go test -count=1 ./infra

test-integration: build node_modules/.package-lock.json ## the shipped mains against moto and DynamoDB Local
	./scripts/with-tools go test -count=1 ./shared/integration/...

synth: build node_modules/.package-lock.json ## synthesize the stack into cdk.out/
	$(CDK) synth --quiet

deploy: build node_modules/.package-lock.json cli ## deploy the stack (CDK_FLAGS="-c emails=a@example.com"), run a first sweep, say what is missing
	$(CDK) deploy $(STACK) $(CDK_FLAGS)
	./bin/licenseguard sweep --stack $(STACK)
	-./bin/licenseguard doctor --stack $(STACK) --wait 3m

diff: build node_modules/.package-lock.json ## what a deployment would change
	$(CDK) diff $(STACK) $(CDK_FLAGS)

destroy: node_modules/.package-lock.json cli ## remove the stack; table and buckets stay unless retain=false, and what is locked in any case: it says until when
	-./bin/licenseguard evidence status --stack $(STACK)
	$(CDK) destroy $(STACK)

vuln: ## known vulnerabilities in code that is called; VULNDB=FILE.tgz works offline
	./scripts/vuln $(VULNDB)

SEED ?= 1
sim: ## replay one seed of the simulator with its trace: SEED=n [PROFILE=NAME]
	SEED=$(SEED) PROFILE="$(PROFILE)" go test -count=1 -run 'TestSeed$$' -v ./shared/simulator

SEEDS ?= 1..1000000
FOR ?= 0s
sim-long: ## run many seeds of the simulator on all cores, go on where it was left: SEEDS=a..b [FOR=1h]
	go run ./scripts/sim -seeds $(SEEDS) -for $(FOR)

hostile: ## a million hostile runs against enforcement, go on where it was left: SEEDS=a..b [FOR=1h]
	go run ./scripts/sim -profile hostile -seeds $(SEEDS) -for $(FOR)

# Each part is a test that is named after it.
BENCH_PARTS := ledger fold track cost sweep
ONLY ?= $(BENCH_PARTS)
bench: ## measure: ledger, fold, track, cost, sweep; ONLY=ledger runs one
	@test -z "$(filter-out $(BENCH_PARTS),$(ONLY))" || { echo "ONLY is one or more of: $(BENCH_PARTS)"; exit 1; }
	@go test -c -o bin/bench ./shared/integration/bench
	@LICENSEGUARD_BENCH=full DYNAMODB_LOCAL_JAVA_OPTIONS=-Xmx2g ./scripts/with-tools ./bin/bench -test.timeout 30m \
		-test.run '(?i)^Test($(shell echo $(ONLY) | tr ' ' '|'))$$'

cost: ## count what a year of 1,000 and of 100,000 instances takes of S3, KMS and Athena: docs/cost.md (a quarter of an hour, 2 GB of memory)
	LICENSEGUARD_BENCH=full go test -count=1 -timeout 60m -v ./shared/integration/yearcost

model: ## search the models of the protocol with spin
	go test -count=1 -v ./shared/ledger/model

FUZZTIME ?= 10s
fuzz: ## fuzz every parser for FUZZTIME
	./scripts/fuzz $(FUZZTIME)

lint: ## format and vet
	@unformatted=$$(gofmt -l cmd events functions infra scripts shared); \
	test -z "$$unformatted" || { printf 'not formatted:\n%s\n' "$$unformatted"; exit 1; }
	go vet $(CORE) $(CLOUD) ./infra ./shared/integration/...

REGION ?= us-east-1
catalog: ## refresh the instance types from your account, as REGION offers them
	aws ec2 describe-instance-types --region $(REGION) --output json | \
		go run ./scripts/gen/catalog -source "EC2 API, $(REGION)" -date $$(date +%F) > catalog.tmp
	mv catalog.tmp shared/catalog/zz_generated.instancetypes.csv

clean: ## remove what was built
	rm -rf bin dist cdk.out
