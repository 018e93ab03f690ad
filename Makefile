# The stand. `make` alone lists what there is.
#
# Only what stands on make's command line counts, as in `make dev MODE=host`, and nothing of the environment:
#
#   ENV        which helm/app/values-ENV.yaml (local)
#   SERVICES   run only these, such as "web payments"
#   MODE       cluster or host; by default the cluster where a Docker engine answers
#   LOCAL      run these on this machine, with a debugger, and the others in the cluster
#   EDIT       run only these from their sources, and the others as make package has built them as VERSION
#   DB         branch gives each git branch a database of its own, made of the main one
#   DEBUG=0    leaves out the debuggers' ports, one per service, from 9229 on
#   TRACES=1   a trace of each request through all services: http://localhost:16686
#   TESTS=0    leaves out the rows in Tilt that run a service's tests after a save
#   SLOT       which of several stands on this machine this clone is, from 0 to 9; by default the first that is free
#   YES=1      answers the questions
#   NAME       the service to make or remove, the save of the database, or the stand's own name
#   DATABASE   1 gives the service that is made tables of its own
#   KEEP_SHOP  1 lets make init keep the shop
#   KEEP       1 lets make e2e use the cluster that is there, and leave it
#   VERSION    what make package builds, pushing the images to REGISTRY, make deploy deploys and EDIT leaves alone
#   PLATFORM   what make package builds the images for, such as linux/arm64; the Docker engine's own
#   CONTEXT    where make deploy goes to; NAMESPACE and RELEASE (the stand's name), VALUES for more values files
#   TIMEOUT    how long make deploy waits (5m), and make wait, in seconds (60)
#   SERVICE    which services make wait, logs, test, open and traffic are about, such as "web payments"
#   JSON=1     has make status answer in JSON
#   REQUEST    the id of the request whose lines make logs shows; TRACE that of a trace
#   LEVEL      make logs shows lines of this level and above: trace, debug, info, warn, error or fatal
#   SINCE      make logs shows lines no older than 30s, 10m, 2h or 1d
#   FOLLOW=1   make logs goes on with the lines to come
#   BASE       the git revision that make diff and make api-diff compare with (HEAD)
#   FROM       the service whose calls to TO make fault breaks, which is a service or postgresql: DELAY=2s, REFUSE=1,
#              ANSWER=503 or CUT=1; CLEAR=1 ends that
#   BENCH_SERVICE  which service make bench saves (the first)
#   MINUTES    how long make bench-load keeps the load up to watch the memory

ARGUMENTS := ENV SERVICES MODE LOCAL EDIT DEBUG TRACES TESTS SLOT YES NAME DATABASE DB KEEP_SHOP VERSION REGISTRY PLATFORM CONTEXT NAMESPACE RELEASE VALUES TIMEOUT KEEP MINUTES SERVICE JSON REQUEST TRACE LEVEL SINCE FOLLOW BASE FROM TO DELAY REFUSE ANSWER CUT CLEAR BENCH_SERVICE
$(foreach argument,$(ARGUMENTS),$(eval $(argument) :=))
export $(ARGUMENTS)
export PATH := $(CURDIR)/.stand/bin:$(PATH)
# What the shell brings along for other programs would change how ours behave.
unexport $(filter-out NODE_EXTRA_CA_CERTS,$(filter NODE_% TS_NODE_% PG%,$(.VARIABLES)))

RUN := node --conditions=source --require ts-node/register

.DEFAULT_GOAL := help
.PHONY: help packages init dev status wait logs open traffic fault cluster down db-reset db-seed db-save db-load db-list db-drop psql clean test types types-watch e2e lint lint-chart diff api-diff graph docs schemas package deploy upgrades bench bench-load bench-start doctor tools new-service remove-service

##@ Every day

help: ## List the commands
	@awk 'BEGIN { FS = ":.*## " } /^#   / { arguments = arguments "\n" substr($$0, 3) } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 } \
		END { print "\nArguments, as in make dev MODE=host" arguments }' $(MAKEFILE_LIST)

dev: packages ## Run the services, serve every save: http://localhost:8080
	@$(RUN) scripts/make/dev.ts

status: packages ## Say what each service is doing, and why one is not ready: [JSON=1]
	@$(RUN) scripts/make/status.ts

wait: packages ## Return when the sources as they are on disk are served: [SERVICE=orders] [TIMEOUT=60]
	@$(RUN) scripts/make/wait.ts

logs: packages ## Show the services' lines: [REQUEST=id] [TRACE=id] [SERVICE="a b"] [LEVEL=warn] [SINCE=10m] [FOLLOW=1]
	@$(RUN) scripts/make/logs.ts

open: packages ## Show the first service's page in the browser: [SERVICE=orders]
	@$(RUN) scripts/make/open.ts

traffic: packages ## Ask the services for ten seconds, for something to see in logs, metrics and traces: [SERVICE="a b"]
	@$(RUN) scripts/make/traffic.ts

fault: packages ## List the faults that are set, or set one: FROM=orders TO=catalog DELAY=2s, REFUSE=1, ANSWER=503 or CUT=1; [CLEAR=1]
	@$(RUN) scripts/make/fault.ts

down: packages ## Stop them; the data stays
	@$(RUN) scripts/make/down.ts

test: packages ## Lint, types and all tests that need no cluster; or a service's own, in seconds: [SERVICE=orders]
ifneq ($(strip $(SERVICE)),)
	@$(RUN) scripts/make/test-services.ts
else
	@$(RUN) scripts/make/test-tools.ts
	@npm run --silent lint
	@npm run --silent types
	@npm test --silent
endif

types: packages ## Check types once, also those of the calls between services
	@npm run --silent types

types-watch: packages ## Check types after every save
	@$(RUN) scripts/make/types-watch.ts

##@ Data

db-reset: packages ## Empty the local database, migrate and seed it anew: [SERVICES="web payments"]
	@$(RUN) scripts/make/db-reset.ts

db-seed: packages ## Run migrations and seeds again, delete nothing: [SERVICES="web payments"]
	@$(RUN) scripts/make/db-seed.ts

db-save: packages ## Save the local database: NAME=before
	@$(RUN) scripts/make/db-save.ts

db-load: packages ## Put a save in its place: NAME=before
	@$(RUN) scripts/make/db-load.ts

db-list: packages ## List the saves, the newest first, and the databases of git branches
	@$(RUN) scripts/make/db-list.ts

db-drop: packages ## Delete a save, or the database of a git branch: NAME=before
	@$(RUN) scripts/make/db-drop.ts

psql: packages ## Open psql on the local database, or pipe SQL to it: echo 'select 1' | make psql
	@$(RUN) scripts/make/psql.ts

##@ Services

init: packages ## Make this clone your team's own, once: NAME=acme [KEEP_SHOP=1]
	@$(RUN) scripts/make/init.ts

new-service: packages ## Make a service: NAME=payments, and DATABASE=1 for one with tables
	@$(RUN) scripts/make/new-service.ts

remove-service: packages ## Remove a service: NAME=payments
	@$(RUN) scripts/make/remove-service.ts

api-diff: packages ## Say what the working tree breaks in the services' APIs, and whom: [BASE=main]
	@$(RUN) scripts/make/api-diff.ts

##@ The cluster

cluster: packages ## Create the cluster and its registry, or start them
	@$(RUN) scripts/make/cluster.ts

clean: packages ## Delete the cluster and its registry, with all data
	@$(RUN) scripts/make/clean.ts

e2e: packages ## Prove the whole stand in a cluster of its own and a real browser: [KEEP=1]
	@npm run --silent e2e

upgrades: packages ## Count the requests that replacing pods loses, in the running cluster: VERSION=1.4.2
	@$(RUN) scripts/make/upgrades.ts

bench: packages ## Measure what a developer waits for, on the running stand: [BENCH_SERVICE=payments]
	@$(RUN) scripts/make/bench.ts

bench-load: packages ## Measure what the chassis costs under load beside a bare Express app: [MINUTES=5]
	@$(RUN) scripts/make/bench-load.ts

bench-start: packages ## Time make dev from no cluster until all is ready, with and without images; deletes the cluster: [SERVICES=10]
	@$(RUN) scripts/make/bench-start.ts

##@ The chart

package: packages ## Build images and chart for a deployment: VERSION=1.4.2 [REGISTRY=registry.example.com/team] [PLATFORM=linux/arm64]
	@$(RUN) scripts/make/package.ts

deploy: packages ## Show the changes, ask, deploy: ENV=staging VERSION=1.4.2 CONTEXT=…
	@$(RUN) scripts/make/deploy.ts

diff: packages ## Say what the working tree changes in staging and prod, in words: [ENV=prod] [BASE=main]
	@$(RUN) scripts/make/diff.ts

lint-chart: packages ## helm lint and kubeconform for every environment, offline
	@$(RUN) scripts/make/tools.ts helm kubeconform
	@$(RUN) scripts/make/lint-chart.ts

graph: packages ## Print the services and what they need and use, as Mermaid
	@$(RUN) scripts/make/graph.ts

docs: packages ## Regenerate docs/values.md, docs/environments.md, the graph in README and VS Code's debuggers
	@$(RUN) scripts/make/docs.ts

schemas: packages ## Regenerate helm/schemas from the running cluster
	@$(RUN) scripts/make/schemas.ts

##@ This machine

doctor: packages ## Say what is missing here, and the fix
	@$(RUN) scripts/make/doctor.ts

tools: packages ## Install the tools that are missing, at the versions of mise.toml
	@$(RUN) scripts/make/tools.ts

# The first step of the others.
packages:
	@node scripts/machine/install.cjs
