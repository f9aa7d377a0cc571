#!/bin/sh
# install.sh - tests `make install`: a program builds against the installed files and runs.
# SPDX-License-Identifier: Apache-2.0
#
# usage: install.sh FOLDER    (from the top of the repository; FOLDER is made anew)
set -eu

folder=$(mkdir -p "$1" && cd "$1" && pwd)
stage=$folder/stage prefix=/opt/n2
source=csrc/test/consumer.c
rm -rf "$folder"
mkdir -p "$folder"

"${MAKE:-make}" --no-print-directory install "DESTDIR=$stage" "PREFIX=$prefix" >"$folder/install.log"

installed=$(cd "$stage" && find . ! -type d | LC_ALL=C sort | tr '\n' ' ')
expected="./opt/n2/include/n2.h ./opt/n2/lib/libn2.a ./opt/n2/lib/libn2.so ./opt/n2/lib/libn2.so.0"
expected="$expected ./opt/n2/lib/libn2.so.0.1.0 ./opt/n2/lib/pkgconfig/n2.pc "
if [ "$installed" != "$expected" ]; then
    echo "installed: $installed"
    echo "expected:  $expected"
    exit 1
fi

# As on a machine where the files stand at $prefix.
export PKG_CONFIG_LIBDIR="$stage$prefix/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$stage"
wanted='0 9
1 11
2 13'

check() { # check WHAT OUTPUT
    if [ "$2" != "$wanted" ]; then
        echo "$1 printed: $2"
        exit 1
    fi
}

# The words of pkg-config's answer are separate arguments.
# shellcheck disable=SC2046
{
    "${CC:-cc}" -std=c11 -Wall -Wextra -Werror "$source" -o "$folder/shared" \
        $(pkg-config --cflags --libs n2)
    check shared "$(LD_LIBRARY_PATH=$stage$prefix/lib "$folder/shared")"

    mkdir "$folder/only-static"
    cp "$stage$prefix/lib/libn2.a" "$folder/only-static"
    "${CC:-cc}" -std=c11 "$source" -o "$folder/static" $(pkg-config --cflags n2) \
        -L"$folder/only-static" $(pkg-config --static --libs n2 | sed "s|-L$stage$prefix/lib||")
    check static "$("$folder/static")"

    if command -v "${CXX:-c++}" >/dev/null; then
        "${CXX:-c++}" -x c++ -Wall -Wextra -Werror "$source" -o "$folder/cxx" \
            $(pkg-config --cflags --libs n2)
        check c++ "$(LD_LIBRARY_PATH=$stage$prefix/lib "$folder/cxx")"
    fi
}

case $(LC_ALL=C readelf -d "$stage$prefix/lib/libn2.so.0.1.0") in
*'soname: [libn2.so.0]'*) ;;
*)
    echo "the shared library has no soname libn2.so.0"
    exit 1
    ;;
esac
[ "$(pkg-config --modversion n2)" = 0.1.0 ]
echo "1 passed, 0 failed"
