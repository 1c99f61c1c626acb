#!/bin/sh
# Install what is missing, by the system's package manager; says what it does. $1: build or test.
# Nothing missing: silent and quick. DEPS=skip in make turns it off. SPDX-License-Identifier: MIT
set -e
build="pkg-config liblua5.4-dev lua5.4 libpng-dev libjpeg62-turbo-dev libuv1-dev libsqlite3-dev libxxhash-dev libedit-dev libcurl4-openssl-dev libexpat1-dev libyaml-dev zlib1g-dev"
test="libcmocka-dev"
want=$build
[ "$1" = test ] && want="$build $test"

# not a package of the system's, and never a reason to stop
trap 'sh "$(dirname "$0")/onnxruntime.sh" || :' EXIT

command -v dpkg-query >/dev/null 2>&1 || {
  command -v pkg-config >/dev/null 2>&1 && pkg-config --exists lua5.4 libpng libjpeg libuv sqlite3 && exit 0
  echo "brink: this system has no dpkg; install the equivalents of: $want" >&2
  exit 1
}
missing=
for p in $want; do
  dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0

sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
echo "brink: installing$missing ($sudo apt-get install)" >&2
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq || true
$sudo apt-get install -y -qq --no-install-recommends $missing >&2
