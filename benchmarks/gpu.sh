#!/usr/bin/env bash
# Compares, races and trains on one GPU, by JAX, in one call of limited time.
#
#   benchmarks/gpu.sh prepare DIR          where there is a network: wheels and data into DIR, 16 MB for MNIST
#   benchmarks/gpu.sh run DIR OUT          on the machine with the GPU, which needs JAX and no network
#
# `run` needs DIR alone beside this repository. It leaves in OUT: equality.txt, race.jsonl, sweeps.txt, and runs.tar, to
# which each run is added when it ends. Variables:
#
#   SECONDS_IN_ALL  540
#   CASES           of benchmarks.equality; empty: it compares nothing
#   SECONDS_A_RACE  60; 0: no race
#   DATASETS        mnist; what `prepare` makes ready, separated by spaces
#   SWEEP           flags of the sweep; several, each by a process of its own, stand in lines, and what follows in the
#                   same process stands behind a semicolon
#   WAY             flags of all sweeps, in place of the fastest way of the race
#   WORK            a directory that is kept, so that a further call on the same machine, with the same lines in SWEEP,
#                   goes on where this one ended
#   RACE, PYTHON, PYTHON_VERSION (3.12, of the machine with the GPU), DATA (of `prepare`: the directory of the data)
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
# What JAX does not bring, and such a machine may lack.
PACKAGES="keras optree namex platformdirs absl-py filelock rich markdown-it-py mdurl pygments"

prepare() {
    local directory=$1 cache dataset folder versions=()
    mkdir -p "$directory/wheels"
    for package in $PACKAGES; do
        versions+=("$(grep -i "^$package==" constraints.txt)")
    done
    "$PYTHON" -m pip download --quiet --no-deps --only-binary=:all: --implementation cp \
        --python-version "${PYTHON_VERSION:-3.12}" --dest "$directory/wheels" \
        --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 \
        "${versions[@]}"
    cache=${DATA:-$("$PYTHON" -c 'from collab_ensembles import data; print(data.default_data_dir())')}
    for dataset in ${DATASETS:-mnist}; do
        folder=${dataset//\//_}
        "$PYTHON" -m experiments.prepare --dataset="$dataset" --data_dir="$cache"
        # Parts that are put together from others are made there.
        (cd "$cache" && find "arrays/$folder" -type f -not -path '*+*' -not -path '*-author/*') |
            tar --create --gzip --file="$directory/$folder.tar.gz" --directory="$cache" --files-from=-
    done
    git describe --always --dirty --abbrev=12 >"$directory/revision"
    du -ch "$directory"/* | tail -n 1
}

# Adds the runs that have ended to the archive, without checkpoints and graphs.
pack() {
    local runs=$1 archive=$2 status run
    for status in $(grep -l '"state": "done"' "$runs"/*/*/*/status.json 2>/dev/null); do
        run=$(realpath --relative-to="$runs" "$(dirname "$status")")
        if [ ! -e "$runs/$run/packed" ]; then
            tar --append --file="$archive" --directory="$runs" --exclude=checkpoint --exclude=lock --exclude="*.png" "$run"
            touch "$runs/$run/packed"
        fi
    done
}

# Sweeps that are separated by semicolons, one after another, in a directory of their own.
sweeps() {
    local flags status=0
    # After the sweep in work has ended its epoch.
    trap 'exit 143' TERM
    while read -r -d ';' flags; do
        # shellcheck disable=SC2086
        "$PYTHON" -m experiments.sweep --backend=jax $way $flags --checkpoint_every=5 --data_dir="$work/data" \
            --log_dir="$1" || status=$?
    done <<<"$2;"
    return $status
}
export -f sweeps

run() {
    local directory out seconds=${SECONDS_IN_ALL:-540} race=${SECONDS_A_RACE:-60} status=0 started=() flags
    directory=$(realpath "$1") out=$(realpath "$2") work=${WORK:-$(mktemp -d)}
    SECONDS=0
    COLLAB_ENSEMBLES_REVISION=$(cat "$directory/revision")
    export COLLAB_ENSEMBLES_REVISION PYTHON way work
    export PYTHONUNBUFFERED=1 XDG_CACHE_HOME=$work/cache PYTHONPATH=$work/site:$PWD
    mkdir -p "$work/data"
    # Only what is missing: a newer version there goes with the JAX that is there.
    mapfile -t missing < <("$PYTHON" -c '
import glob, importlib.metadata, os, sys
there = {each.metadata["Name"].lower().replace("-", "_") for each in importlib.metadata.distributions()}
for wheel in glob.glob(sys.argv[1] + "/wheels/*.whl"):
    if os.path.basename(wheel).split("-")[0] not in there:
        print(wheel)' "$directory")
    [ ${#missing[@]} -eq 0 ] ||
        "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --target "$work/site" "${missing[@]}"
    for archive in "$directory"/*.tar.gz; do
        tar --extract --file="$archive" --directory="$work/data"
    done

    # One case of each system; a program takes seconds to compile.
    cases=${CASES-L2,heads,distillation}
    if [ -n "$cases" ]; then
        echo "== equality, after $SECONDS s"
        timeout $((seconds / 4)) "$PYTHON" -m benchmarks.equality --backend=jax --cases="$cases" 2>&1 |
            tee "$out/equality.txt" || status=$?
    fi

    way=${WAY:-}
    if [ "$race" -gt 0 ]; then
        for measured in --way=serial "--way=unrolled --runs=4" "--way=vmap --runs=4" "--way=processes --runs=4" \
            "--way=serial --tf32" "--way=serial --precision=mixed_bfloat16"; do
            # The sweeps need the second half.
            [ "$SECONDS" -lt $((seconds / 2)) ] || break
            echo "== $measured, after $SECONDS s"
            # shellcheck disable=SC2086
            timeout "$race" "$PYTHON" -m benchmarks.device_race $measured ${RACE:-} | tee -a "$out/race.jsonl" ||
                echo "no result in $race s"
        done
        [ -n "$way" ] || way=$("$PYTHON" -m benchmarks.device_race --choose="$out/race.jsonl")
    fi
    way=${way:---executor=device}

    # A further call, and sweeps that follow each other, compile nothing again.
    export JAX_COMPILATION_CACHE_DIR=$work/programs
    echo "== sweeps: $way, after $SECONDS s"
    while read -r flags; do
        [ -n "$flags" ] || continue
        timeout --kill-after=10 $((seconds - SECONDS - 15)) bash -c 'sweeps "$@"' sweeps "$work/runs/${#started[@]}" \
            "$flags" >>"$out/sweeps.txt" 2>&1 &
        started+=($!)
    done <<<"${SWEEP:---dataset=mnist}"
    while kill -0 "${started[@]}" 2>/dev/null; do
        sleep 2
        pack "$work/runs" "$out/runs.tar"
    done
    for sweep in "${started[@]}"; do
        wait "$sweep" || status=$?
    done
    pack "$work/runs" "$out/runs.tar"
    tail -n 3 "$out/sweeps.txt"
    echo "== end, after $SECONDS s, status $status"
    [ -n "${WORK:-}" ] || rm -rf "$work"
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
