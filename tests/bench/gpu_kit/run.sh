#!/bin/bash
# On the machine with the card, in the checkout's root: bash tests/bench/gpu_kit/run.sh FIGURES_S TESTS_S [OPTIONS]
# Seconds for figures, then for the tests that want a card; 0: none. OPTIONS are tests.bench.gpu's. All lands in $OUT.
export PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 OMP_NUM_THREADS=8
out=${OUT:-bench/results}
figures_s=$1 tests_s=$2
shift 2
wants_a_card=(tests/gpu tests/integration/engine/test_step.py tests/integration/worker/test_broken_device.py)

mkdir -p "$out"
{ nvidia-smi; python3 -V; python3 -m pip list --disable-pip-version-check; } >"$out/machine.txt" 2>&1
if [ "$figures_s" -gt 0 ]; then
  python3 -m tests.bench.gpu --out "$out" --budget-s "$figures_s" --grace-s 5 "$@" 2>&1 | tee "$out/figures.log"
fi
if [ "$tests_s" -gt 0 ]; then
  python3 -m tests.bench.gpu_kit.embedded
  # The compiled step (options0) takes minutes of the compiler.
  timeout "$tests_s" python3 -m pytest -v --durations=8 -p tests.bench.torch_211 -p no:cacheprovider -W ignore \
    --timeout 90 -k "not options0" "${wants_a_card[@]}" 2>&1 | tee "$out/tests.log"
fi
