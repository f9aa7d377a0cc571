#!/bin/sh
# symbols.sh - checks the library's names: all begin with n2_, and exactly the public ones are exported.
# SPDX-License-Identifier: Apache-2.0
#
# usage: symbols.sh STATIC_LIBRARY SHARED_LIBRARY HEADER
set -eu
static=$1 shared=$2 header=$3

foreign=$(nm --extern-only --defined-only "$static" | awk 'NF == 3 && $3 !~ /^n2_/ { print $3 }')
if [ -n "$foreign" ]; then
    echo "symbols without the prefix n2_:" $foreign
    exit 1
fi

exported=$(nm --dynamic --extern-only --defined-only "$shared" | awk '{ print $3 }' | LC_ALL=C sort)
declared=$(sed -n 's/^N2_API .*\(n2_[a-z0-9_]*\)(.*/\1/p' "$header" | LC_ALL=C sort)
if [ "$exported" != "$declared" ]; then
    echo "exported:" $exported
    echo "declared:" $declared
    exit 1
fi

