#!/bin/sh
# bytes.sh - compares what several builds of the library write; see bytes.c.
# SPDX-License-Identifier: Apache-2.0
#
# usage: bytes.sh FOLDER    (from the top of the repository; FOLDER is made anew)
set -eu
folder=$1
export N2_TEST_SCALE="${N2_TEST_SCALE:-25}"
rm -rf "$folder"

write() { # write NAME COMMAND...
    name=$1
    shift
    mkdir -p "$folder/$name"
    "$@" "$folder/$name" >"$folder/$name.log" || {
        cat "$folder/$name.log"
        exit 1
    }
}

write gcc build/gcc/test-bytes
write scalar env N2_ISA=scalar build/gcc/test-bytes
write clang build/clang/test-bytes
write threads build/threads/test-bytes
write arm64 qemu-aarch64 build/arm64/test-bytes
write arm64-neon qemu-aarch64 -cpu cortex-a57 build/arm64/test-bytes
write arm64-scalar env N2_ISA=scalar qemu-aarch64 build/arm64/test-bytes

passed=0 failed=0
for name in scalar clang threads arm64 arm64-neon arm64-scalar; do
    if diff -rq "$folder/gcc" "$folder/$name"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
