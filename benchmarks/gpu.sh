#!/usr/bin/env bash
# Compares, races and trains on one GPU, by JAX, in one call of limited time.
#
#   benchmarks/gpu.sh prepare DIR          where there is a network: wheels and data, at most 20 MB, into DIR
#   benchmarks/gpu.sh run DIR OUT          on the machine with the GPU, which needs JAX and no network
#
# `run` needs DIR alone beside this repository. It leaves in OUT: equality.txt, race.jsonl, grid.txt, and runs.tar, to
# which each run is added when it ends. Variables: SECONDS_IN_ALL (540), SECONDS_A_RACE (60; 0: no race), DATASET
# (mnist), SEEDS (0), WAY (flags of the sweep in place of the fastest way of the race), CASES (of benchmarks.equality),
# SWEEP and RACE (further flags), PYTHON, PYTHON_VERSION (3.12, of that machine).
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
DATASET=${DATASET:-mnist}
SEEDS=${SEEDS:-0}
# What JAX does not bring, and such a machine may lack.
PACKAGES="keras optree namex platformdirs absl-py filelock rich markdown-it-py mdurl pygments"

prepare() {
    local directory=$1 cache versions=()
    mkdir -p "$directory/wheels"
    for package in $PACKAGES; do
        versions+=("$(grep -i "^$package==" constraints.txt)")
    done
    "$PYTHON" -m pip download --quiet --no-deps --only-binary=:all: --implementation cp \
        --python-version "${PYTHON_VERSION:-3.12}" --dest "$directory/wheels" \
        --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 \
        "${versions[@]}"
    cache=$("$PYTHON" -c 'from collab_ensembles import data; print(data.default_data_dir())')
    "$PYTHON" -m experiments.prepare --dataset="$DATASET"
    # Parts that are put together from others are made there.
    (cd "$cache" && find arrays/"$DATASET" -type f -not -path '*+*' -not -path '*-author/*') |
        tar --create --gzip --file="$directory/$DATASET.tar.gz" --directory="$cache" --files-from=-
    git describe --always --dirty --abbrev=12 >"$directory/revision"
    du -ch "$directory"/* | tail -n 1
}

# Adds the runs that have ended to the archive: settings, state, pickles and graphs, without checkpoints.
pack() {
    local runs=$1 archive=$2 status run
    for status in $(grep -l '"state": "done"' "$runs"/*/*/status.json 2>/dev/null); do
        run=$(realpath --relative-to="$runs" "$(dirname "$status")")
        if [ ! -e "$runs/$run/packed" ]; then
            tar --append --file="$archive" --directory="$runs" --exclude=checkpoint --exclude=lock "$run"
            touch "$runs/$run/packed"
        fi
    done
}

run() {
    local directory out seconds=${SECONDS_IN_ALL:-540} race=${SECONDS_A_RACE:-60} work way sweep status=0
    directory=$(realpath "$1") out=$(realpath "$2") work=$(mktemp -d)
    SECONDS=0
    COLLAB_ENSEMBLES_REVISION=$(cat "$directory/revision")
    export COLLAB_ENSEMBLES_REVISION
    export PYTHONUNBUFFERED=1 XDG_CACHE_HOME=$work/cache PYTHONPATH=$work/site:$PWD
    # Only what is missing: a newer version there goes with the JAX that is there.
    mapfile -t missing < <("$PYTHON" -c '
import glob, importlib.metadata, os, sys
there = {each.metadata["Name"].lower().replace("-", "_") for each in importlib.metadata.distributions()}
for wheel in glob.glob(sys.argv[1] + "/wheels/*.whl"):
    if os.path.basename(wheel).split("-")[0] not in there:
        print(wheel)' "$directory")
    [ ${#missing[@]} -eq 0 ] ||
        "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --target "$work/site" "${missing[@]}"
    mkdir -p "$work/data" && tar --extract --file="$directory/$DATASET.tar.gz" --directory="$work/data"

    echo "== equality, after $SECONDS s"
    # One case of each system; a program takes seconds to compile.
    timeout $((seconds / 4)) "$PYTHON" -m benchmarks.equality --backend=jax --cases="${CASES:-L2,heads,distillation}" 2>&1 |
        tee "$out/equality.txt" || status=$?

    way=${WAY:-}
    if [ "$race" -gt 0 ]; then
        for measured in --way=serial "--way=unrolled --runs=4" "--way=vmap --runs=4" "--way=processes --runs=4" \
            "--way=serial --tf32" "--way=serial --precision=mixed_bfloat16"; do
            # The grid needs the second half.
            [ "$SECONDS" -lt $((seconds / 2)) ] || break
            echo "== $measured, after $SECONDS s"
            # shellcheck disable=SC2086
            timeout "$race" "$PYTHON" -m benchmarks.device_race $measured ${RACE:-} | tee -a "$out/race.jsonl" ||
                echo "no result in $race s"
        done
        [ -n "$way" ] || way=$("$PYTHON" -m benchmarks.device_race --choose="$out/race.jsonl")
    fi
    way=${way:---executor=device}

    echo "== grid: $way, after $SECONDS s"
    # shellcheck disable=SC2086
    timeout --kill-after=10 $((seconds - SECONDS - 15)) "$PYTHON" -m experiments.sweep --backend=jax $way --dataset="$DATASET" \
        --seeds="$SEEDS" --checkpoint_every=1000 --data_dir="$work/data" --log_dir="$work/runs" ${SWEEP:-} \
        >"$out/grid.txt" 2>&1 &
    sweep=$!
    while kill -0 $sweep 2>/dev/null; do
        sleep 2
        pack "$work/runs" "$out/runs.tar"
    done
    wait $sweep || status=$?
    pack "$work/runs" "$out/runs.tar"
    grep -c . "$out/grid.txt" >/dev/null && tail -n 3 "$out/grid.txt"
    echo "== end, after $SECONDS s, status $status"
    rm -rf "$work"
    return $status
}

case "${1:-}" in
prepare) prepare "$2" ;;
run) run "$2" "$3" ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
