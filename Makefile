# Five verbs: demo, test, check, bench, docs. Each makes what it needs first; nothing is installed outside .venv.

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs env clean check-python check-types check-imports check-native check-changelog

# The first Python that is new enough. Override with: make demo PYTHON=/path/to/python3
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
NATIVE := CMakeLists.txt $(shell find csrc -type f)

# The editable install knows the file of each module, so it is renewed when a file comes, goes or moves, not when one
# is edited: the list is rewritten only where it differs.
$(shell mkdir -p build; find src -name '*.py' | LC_ALL=C sort > build/modules.new; \
	cmp -s build/modules.new build/modules || cp build/modules.new build/modules)

# The same versions everywhere, also for what builds the package (the first name is for pip before 25.3).
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(CURDIR)/constraints.txt

help:
	@echo "make demo    fit a forecaster on a real series and say where its report lies"
	@echo "make test    run the test suite (ARGS='-k name' for some of it)"
	@echo "make check   format, lint, types, imports, C++ under sanitizers, docs, changelog"
	@echo "make bench   measure speed"
	@echo "make docs    build the documentation into build/docs"

env: .venv/.ready

.venv/.dependencies: pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "recurra needs Python 3.11 or newer; found: $$($(or $(PYTHON),python3) --version 2>&1)." \
			"Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 2; fi
	@echo "Preparing .venv (the first time takes a few minutes) ..."
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@$(PIP) install scikit-build-core nanobind cmake ninja
	@$(PIP) install --no-build-isolation --editable '.[dev]'
	@touch $@

.venv/.ready: .venv/.dependencies build/modules $(NATIVE)
	@echo "Building recurra ..."
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

demo: env
	$(BIN)/recurra demo

# Nothing is skipped in silence: what this machine can't run is left out by name, with a line that says so.
test: env
	@marks=""; \
	if ! command -v chromium >/dev/null; then marks="not browser"; \
		echo "Leaving out the browser tests: there is no chromium (Debian: apt-get install chromium)."; fi; \
	if [ -z "$$RECURRA_DATA_DIR" ]; then marks="$${marks:+$$marks and }not data"; \
		echo "Leaving out the tests on real data: RECURRA_DATA_DIR is not set."; fi; \
	$(BIN)/python -m pytest -m "$$marks" $(ARGS)

# `make -k check` goes on after a failure and shows all there is to mend.
check: check-python check-types check-imports check-native check-changelog docs

check-python: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

check-types: env
	$(BIN)/pyright

check-imports: env
	$(BIN)/lint-imports --no-logo

# The core alone, warnings being errors: under sanitizers of memory and undefined behaviour, of threads, and optimised.
CORE := $(BIN)/cmake -S . -G Ninja -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja --log-level=WARNING \
	-DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DRECURRA_MODULE=OFF -DRECURRA_TESTS=ON
CTEST := $(BIN)/ctest --output-on-failure --parallel 2 --test-dir

check-native: env
	$(BIN)/clang-format --dry-run -Werror $$(find csrc -name '*.[ch]pp')
	@$(CORE) -B build/sanitize -DCMAKE_BUILD_TYPE=Debug -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
		-DRECURRA_SANITIZE=address,undefined
	@$(BIN)/cmake --build build/sanitize --parallel -- --quiet
	@$(CTEST) build/sanitize
	@$(CORE) -B build/threads -DCMAKE_BUILD_TYPE=Debug -DRECURRA_SANITIZE=thread
	@$(BIN)/cmake --build build/threads --parallel --target recurra_thread_tests recurra_cross_entropy_tests -- --quiet
	TSAN_OPTIONS=halt_on_error=1 build/threads/recurra_thread_tests
	TSAN_OPTIONS=halt_on_error=1 build/threads/recurra_cross_entropy_tests threads callers
	@$(CORE) -B build/optimised -DCMAKE_BUILD_TYPE=Release
	@$(BIN)/cmake --build build/optimised --parallel -- --quiet
	@$(CTEST) build/optimised
	printf '%s\n' csrc/core/*.cpp csrc/tests/*.cpp | xargs -n 1 -P 2 $(BIN)/clang-tidy --quiet -p build/sanitize

check-changelog:
	@version=$$(sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml); \
	grep -q "^## \[*$$version\b" CHANGELOG.md || { \
		echo "CHANGELOG.md has no entry for $$version; add '## $$version' and what a user sees." >&2; exit 1; }

bench: env
	$(BIN)/recurra bench --quick
	@for file in benchmarks/*.py; do \
		test -e "$$file" || { echo "There is nothing in benchmarks/ yet."; break; }; \
		echo "$$file"; $(BIN)/python "$$file" || exit 1; done

docs: env
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

clean:
	rm -rf .venv build
