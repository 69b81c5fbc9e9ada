# `make demo` and `make test` set all up on a fresh machine with Python, pip and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := runs/demo
NOTEBOOKS := runs/tutorials
# `make test` leaves out the tests that train until something is learned (marked `learning`): `make quality` runs them.
# Three processes for the tests, one thread each: models are tiny there, and threads would wait for each other. One more
# than the smallest machine has processors, because some tests wait.
TEST_PROCESSES ?= 3
# Bytecode is kept, whatever the environment says: each process of the tests would compile all modules again.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(TEST_PROCESSES)

.PHONY: demo test tutorials lint format quality bench docs package clean

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0 setuptools
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/imagewright tour shapes --size 64 --minutes 4 --out $(RUNS)

test: $(VENV)/installed
	$(PYTEST) --dist loadfile --no-loadscope-reorder -m "not learning"

$(VENV)/notebooks-installed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev,notebooks]'
	touch $@

# The notebooks, each in a kernel of its own, in copies: trainings see so many images.
tutorials: export TUTORIAL_IMAGES ?= 256
tutorials: $(VENV)/notebooks-installed
	rm -rf $(NOTEBOOKS) && mkdir -p $(NOTEBOOKS) && cp docs/tutorials/*.ipynb $(NOTEBOOKS)
	OMP_NUM_THREADS=1 $(BIN)/jupyter-execute --timeout=600 $(NOTEBOOKS)/*.ipynb

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Minutes to hours: what is learned, first by the tests that train for seconds, then on real pictures.
quality: $(VENV)/installed
	$(PYTEST) -m learning
	FUZZ_RUNS=1000 $(PYTEST) tests/fuzz/runs
	FUZZ_FILES=400 $(PYTEST) tests/fuzz/files
	$(BIN)/python benchmarks/fashion_quality.py --model dcgan --minutes 10 --seeds 0 1 2
	$(BIN)/python benchmarks/fashion_quality.py --model vae --minutes 10 --seeds 0 1 2
	$(BIN)/python benchmarks/mnist_likelihood.py --minutes 30
	$(BIN)/python benchmarks/outliers.py
	$(BIN)/python benchmarks/clusters.py
	$(BIN)/python benchmarks/fisherfaces.py
	$(BIN)/python benchmarks/rare_cases.py
	$(BIN)/python benchmarks/doctor.py
	$(BIN)/python benchmarks/class_quality.py --set mnist
	$(BIN)/python benchmarks/class_quality.py --set fashion_mnist
	$(BIN)/python benchmarks/high_fidelity_classes.py
	$(BIN)/python benchmarks/code_quality.py
	$(BIN)/python benchmarks/face_quality.py
	$(BIN)/python benchmarks/latent_density.py
	$(BIN)/python benchmarks/smile_vector.py
	$(BIN)/python benchmarks/metric_ranking.py
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/first_hour.py
	$(BIN)/python benchmarks/translation_pairs.py --case facades
	$(BIN)/python benchmarks/translation_pairs.py --case flowers --minutes 20
	$(BIN)/python benchmarks/translation_domains.py --model cyclegan
	$(BIN)/python benchmarks/translation_attributes.py
	$(BIN)/python benchmarks/translation_few_shot.py
	$(BIN)/python benchmarks/face_finding.py
	$(BIN)/python benchmarks/swap_quality.py
	$(BIN)/python benchmarks/high_fidelity_scores.py
	$(BIN)/python benchmarks/adaptive_augmentation.py
	$(BIN)/python benchmarks/small_sets.py
	$(BIN)/python benchmarks/chosen_model.py --set ships --model auto
	$(BIN)/python benchmarks/chosen_model.py --set ships --model dcgan

# Speed and memory, as ratios to the plain way of doing the same.
bench: $(VENV)/installed
	$(BIN)/python benchmarks/gpu.py --tiny --out runs/gpu-tiny
	$(BIN)/python benchmarks/start_up.py
	$(BIN)/python benchmarks/short_training.py
	$(BIN)/python benchmarks/plan_accuracy.py
	$(BIN)/python benchmarks/waiting_threads.py
	$(BIN)/python benchmarks/exchange.py
	$(BIN)/python benchmarks/listing.py
	$(BIN)/python benchmarks/photographs.py
	$(BIN)/python benchmarks/cache.py
	$(BIN)/python benchmarks/shards.py
	$(BIN)/python benchmarks/pca.py
	$(BIN)/python benchmarks/vae_loop.py
	$(BIN)/python benchmarks/dcgan_step.py
	$(BIN)/python benchmarks/translation_steps.py
	$(BIN)/python benchmarks/biggan_steps.py
	$(BIN)/python benchmarks/r3gan_steps.py
	$(BIN)/python benchmarks/swap_steps.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/swap_conversion.py
	$(BIN)/python benchmarks/stylegan2_steps.py
	$(BIN)/python benchmarks/stylegan3_nonlinearity.py
	$(BIN)/python benchmarks/components_scale.py
	$(BIN)/python benchmarks/outliers_scale.py
	$(BIN)/python benchmarks/analysis_speed.py
	$(BIN)/python benchmarks/analysis_ranks.py
	$(BIN)/python benchmarks/jpeg.py
	$(BIN)/python benchmarks/rate_distortion.py
	$(BIN)/python benchmarks/sampling.py
	$(BIN)/python benchmarks/interpolation.py
	$(BIN)/python benchmarks/neighbourhoods.py
	$(BIN)/python benchmarks/feature_extraction.py
	$(BIN)/python benchmarks/evaluate_scale.py
	$(BIN)/python benchmarks/evaluate_scale.py --metrics sliced_wasserstein --pictures 4000 16000
	$(BIN)/python benchmarks/evaluate_scale.py --metrics precision_recall density_coverage --pictures 4000 16000 \
		--features python:evaluate_scale:wide_network@32
	$(BIN)/python benchmarks/report_page.py
	$(BIN)/python benchmarks/doctor.py --cost
	$(BIN)/python benchmarks/frechet.py
	$(BIN)/python benchmarks/large_translation.py
	$(BIN)/python benchmarks/studio_latency.py --minutes 10

$(VENV)/docs-installed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev,docs]'
	touch $@

# The site, in site/; a page that does not build or a link that leads nowhere ends it.
docs: $(VENV)/docs-installed
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=docs/site $(BIN)/mkdocs build --quiet
	@echo "site/index.html; with search: $(BIN)/python -m http.server -d site"

# The package built, checked, and used in two fresh environments: lowest and newest dependencies. Minutes.
package:
	$(PYTHON) .ci/packaging

clean:
	rm -rf $(VENV) site build .pytest_cache .mypy_cache .ruff_cache
