#!/bin/sh
# Runs the fuzz targets for some seconds each, from the seeds on: scripts/fuzz.sh [SECONDS [TARGET..]]
set -eu
cd "$(dirname "$0")/.."
seconds="${1:-60}"
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- csv parquet npy model checkpoint
for target in "$@"; do
    case "$target" in
        csv) seeds="fuzz/seeds/csv tests/data/bad" ;;
        parquet) seeds="tests/data/parquet" ;;
        *) seeds="fuzz/seeds/$target" ;;
    esac
    mkdir -p "fuzz/corpus/$target"
    # shellcheck disable=SC2086 # the seeds are folders without spaces
    cargo +nightly fuzz run "$target" "fuzz/corpus/$target" $seeds -- \
        -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1
done
