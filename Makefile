# The stand. `make` alone lists what there is.
#
#   ENV       which helm/app/values-ENV.yaml (local)
#   SERVICES  run only these, such as "gateway catalog"
#   MODE      cluster or host; by default the cluster where a Docker engine answers
#   DEBUG=1   a debugger's port per service, from 9229 on
#   YES=1     answers the questions
#   NAME      the service to make or remove; DATABASE=1 gives it tables of its own
#   VERSION   what make package builds, pushing the images to REGISTRY, and make deploy deploys
#   CONTEXT   where make deploy goes to; NAMESPACE and RELEASE (stand), VALUES for more values files

ENV ?= local
SERVICES ?=
MODE ?=
YES ?=
DEBUG ?=
# Not from the environment, where such names may mean something else.
NAME :=
DATABASE :=
VERSION :=
REGISTRY :=
CONTEXT :=
NAMESPACE :=
RELEASE :=
VALUES :=
export ENV SERVICES MODE YES DEBUG NAME DATABASE VERSION REGISTRY CONTEXT NAMESPACE RELEASE VALUES
export PATH := $(CURDIR)/.stand/bin:$(PATH)

TYPESCRIPT := node --conditions=source --require ./services/chassis/typescript.cjs
INSTALLED := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help dev cluster down clean test types-watch e2e lint lint-chart docs schemas package deploy upgrades bench bench-start doctor tools new-service remove-service

##@ Every day

help: ## List the commands
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: $(INSTALLED) ## Run the services, serve every save: http://localhost:8080
	@scripts/dev.sh

down: ## Stop them; the data stays
	@scripts/cluster.sh down

test: $(INSTALLED) ## Lint, types and all tests that need no cluster
	@npm run --silent lint
	@npm run --silent types
	@npm test --silent

types-watch: $(INSTALLED) ## Check types after every save
	@$(TYPESCRIPT) scripts/types.ts

##@ Services

new-service: $(INSTALLED) ## Make a service: NAME=payments, and DATABASE=1 for one with tables
	@$(TYPESCRIPT) scripts/new-service.ts
	@$(TYPESCRIPT) scripts/values-reference.ts
	@touch $(INSTALLED)

remove-service: $(INSTALLED) ## Remove a service: NAME=payments
	@$(TYPESCRIPT) scripts/remove-service.ts
	@$(TYPESCRIPT) scripts/values-reference.ts
	@touch $(INSTALLED)

##@ The cluster

cluster: ## Create the cluster and its registry, or start them
	@scripts/cluster.sh up

clean: ## Delete the cluster and its registry, with all data
	@scripts/cluster.sh clean

e2e: $(INSTALLED) ## Prove the whole stand in a cluster of its own and a real browser
	@npm run --silent e2e

upgrades: $(INSTALLED) ## Count the requests that replacing pods loses, in the running cluster: VERSION=1.4.2
	@$(TYPESCRIPT) scripts/upgrades.ts

bench: $(INSTALLED) ## Measure what a developer waits for, on the running stand
	@$(TYPESCRIPT) scripts/bench.ts

bench-start: $(INSTALLED) ## Time make dev from no cluster to the page, with and without images; deletes the cluster
	@$(TYPESCRIPT) scripts/bench.ts start

##@ The chart

package: ## Build images and chart for a deployment: VERSION=1.4.2 [REGISTRY=registry.example.com/team]
	@scripts/package.sh

deploy: ## Show the changes, ask, deploy: ENV=staging VERSION=1.4.2 CONTEXT=…
	@scripts/deploy.sh

lint-chart: ## helm lint and kubeconform for every environment, offline
	@scripts/lint-chart.sh

docs: $(INSTALLED) ## Regenerate docs/values.md and docs/environments.md
	@$(TYPESCRIPT) scripts/values-reference.ts

schemas: $(INSTALLED) ## Regenerate helm/schemas from the running cluster
	@$(TYPESCRIPT) scripts/schemas.ts

##@ This machine

doctor: $(INSTALLED) ## Say what is missing here, and the fix
	@$(TYPESCRIPT) scripts/doctor.ts

tools: ## Install the tools that are missing, at the versions of mise.toml
	@scripts/tools.sh

$(INSTALLED): package.json package-lock.json
	@npm ci --no-audit --no-fund
	@touch $@
