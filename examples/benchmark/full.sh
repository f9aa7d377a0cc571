#!/bin/sh
# full.sh - the runs behind the tables and plots of the README, in a few hours.
# SPDX-License-Identifier: Apache-2.0
#
# The results are appended to a file a data set in the folder given, or results/; what is there of
# the same commit already is not repeated, so a run that was interrupted goes on.
set -eu
cd "$(dirname "$0")"
out=${1:-results}
mkdir -p "$out"

program=$(mktemp -d)/benchmark
trap 'rm -rf "${program%/*}"' EXIT
go build -o "$program" .

# measure FILE ARGUMENT...: one run.
measure() {
    file=$1
    shift
    "$program" run --repeats 3 --budget 1s --out "$out/$file.jsonl" "$@"
}

cores=$(getconf _NPROCESSORS_ONLN)
few=n2,n2-sketch,n2-sq8-only,symphonyqg
others=n2-original,nmslib,annoy,faiss,usearch,vsag

# The tables and plots of the README: two graphs of those where more links pay most.
measure glove-100 --data glove-100 --peers "$few" --sets 2 --k 10 --build-threads "$cores"
measure fashion-784 --data fashion-784 --peers "$few" --sets 2 --k 10 --build-threads "$cores"
for set in sift-128 patches-960; do
    measure "$set" --data "$set" --peers "$few" --sets 1 --k 10 --build-threads "$cores"
done
measure glove-100-dot --data glove-100-dot --peers n2,n2-original,symphonyqg --sets 1 --k 10 --build-threads "$cores"
measure youtube-40 --data youtube-40 --n 5000000 --peers n2,n2-sq8,n2-sq8-only,n2-original --reference n2-original \
    --m 12 --ef-construction 100 --k 10 --build-threads "$cores" --build-limit 60m
for n in 10000 100000; do # how cost grows, with the whole of it
    measure sift-128 --data sift-128 --n "$n" --peers n2,symphonyqg --sets 1 --k 10 --build-threads "$cores"
done

# All peers beside each other, in each of their ways; and most of them on the whole sets.
measure glove-100-100k --data glove-100 --n 100000 --peers all --sets 2 --build-threads "$cores"
measure glove-100-100k --data glove-100 --n 100000 --peers all --sets 1 --build-threads "$cores,1"
measure fashion-784 --data fashion-784 --peers all --sets 2 --k 10 --build-threads "$cores"
for set in glove-100 patches-960 sift-128 glove-100-dot; do
    measure "$set" --data "$set" --peers "$others" --sets 1 --k 10 --build-threads "$cores"
done
measure glove-100-dot --data glove-100-dot --peers alayalite --sets 1 --k 10 --build-threads "$cores"
# It builds in one thread, for up to 20 minutes, and would hold up the others.
for set in glove-100 patches-960 sift-128; do
    measure "$set" --data "$set" --peers coder-hnsw --sets 1 --k 10 --build-threads "$cores"
done

# Indexes in use, and searches under filters.
"$program" live --n 20000 --out "$out/live-glove-100-20k.jsonl"
"$program" filter --out "$out/filter-glove-100-100k.jsonl"

"$program" report "$out"/*.jsonl --out "$out/report"
