#!/bin/sh
# includes.sh - checks the headers: each compiles by itself, and none includes itself by detours.
# SPDX-License-Identifier: Apache-2.0
#
# usage: includes.sh FOLDER
set -eu
cd "$1"

for header in *.h; do
    ${CC:-cc} -std=c11 -Wall -Wextra -Werror -fsyntax-only -x c "$header" -include "$header" || exit 1
done
if command -v "${CXX:-c++}" >/dev/null; then
    ${CXX:-c++} -Wall -Wextra -Werror -fsyntax-only -x c++ n2.h
fi

# tsort orders the includes from the top layer down, or names a cycle.
if ! order=$(for file in *.h; do
    sed -n "s/^#include \"\(.*\)\"/$file \1/p" "$file"
done | tsort 2>&1 >/dev/null) || [ -n "$order" ]; then
    echo "headers include each other: $order"
    exit 1
fi

# OpenMP stands in one file; the public header needs none of the others.
for file in $(grep -lE '#pragma omp|<omp\.h>' ./*.[ch] || true); do
    [ "$file" = ./team.c ] || {
        echo "$file uses OpenMP; only team.c does"
        exit 1
    }
done
if grep -q '^#include "' n2.h; then
    echo "n2.h includes another header of the library"
    exit 1
fi
