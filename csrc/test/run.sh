#!/bin/sh
# run.sh - runs one test program, keeps its output, prints one line; or adds up what ran.
# SPDX-License-Identifier: Apache-2.0
#
# usage: run.sh LABEL COMMAND...    output goes to build/log/LABEL.log and, on failure, here
#        run.sh --total             the closing line over all logs
#
# A program counts its cases in a last line "N passed, N failed"; `go test -v` in lines "--- PASS".
# One that does neither counts as one.
set -u
logs=build/log

# Passed and failed cases in a log.
count() {
    awk '/^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
         /^--- PASS/ { passed++ }
         /^--- FAIL/ { failed++ }
         END { print (passed + failed ? passed + 0 : 1), failed + 0 }' "$1"
}

if [ "$1" = --total ]; then
    passed=0 failed=0
    for log in "$logs"/*.log; do
        read -r p f <<EOF
$(count "$log")
EOF
        passed=$((passed + p)) failed=$((failed + f))
    done
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
fi

label=$1
shift
mkdir -p "$logs"
log=$logs/$label.log
# Far more than any run takes; a deadlock must not last for ever.
limit=${N2_TEST_TIMEOUT:-900}
if command -v timeout >/dev/null; then
    set -- timeout "$limit" "$@"
fi
start=$(date +%s)
"$@" >"$log" 2>&1
status=$?
seconds=$(($(date +%s) - start))
read -r passed failed <<EOF
$(count "$log")
EOF
if [ "$status" -ne 0 ]; then
    grep -vE '^ *(=== |--- PASS)' "$log" # lines of `go test -v` about what went well
    [ "$status" -ne 124 ] || echo "no end after $limit seconds"
    echo "FAIL $label: exit status $status"
    [ "$failed" -gt 0 ] || echo "0 passed, 1 failed" >>"$log"
    exit 1
fi
echo "ok   $label: $passed passed, ${seconds} s"
