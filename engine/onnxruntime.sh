#!/bin/sh
# Bring ONNX Runtime, which models in ONNX files need, into the user's cache where the program looks for it. From PyPI by
# pip, else from npm. There already: silent and quick. Not to be had: one line on standard error, tried again after a
# day; nothing else needs it. BRINK_ONNXRUNTIME=skip turns it off. SPDX-License-Identifier: MIT
# `cache` as an argument: only say which folder that is.
have() { command -v "$1" >/dev/null 2>&1; }
# as lua/brink/cache.lua: the cache of the user, whatever HOME is; else a folder that is the user's alone
home=${HOME:-$(getent passwd "$(id -u)" 2>/dev/null | cut -d : -f 6)}
cache=${XDG_CACHE_HOME:-${home:-/dev/null}/.cache}/brink
if ! mkdir -p "$cache" 2>/dev/null || { [ ! -w "$cache" ] && [ ! -d "$cache/onnxruntime" ]; }; then
  spare=${TMPDIR:-/tmp}/brink-$(id -u)
  mkdir -m 700 "$spare" 2>/dev/null
  if [ -d "$spare" ] && [ ! -L "$spare" ] && [ -O "$spare" ]; then cache=$spare; fi
fi
[ "$1" = cache ] && echo "$cache" && exit 0
there() {
  [ -n "$ONNXRUNTIME_LIB" ] && return 0
  ls "$cache"/onnxruntime/onnxruntime/capi/libonnxruntime.so.* >/dev/null 2>&1 && return 0
  ls "$cache"/node_modules/onnxruntime-node/bin/napi-v*/linux/*/libonnxruntime.so.1 >/dev/null 2>&1 && return 0
  (PATH=$PATH:/sbin:/usr/sbin ldconfig -p) 2>/dev/null | grep -q 'libonnxruntime\.so'
}

[ "$BRINK_ONNXRUNTIME" = skip ] && exit 0
there && exit 0
failed=$cache/onnxruntime.failed
[ -n "$(find "$failed" -mtime -1 2>/dev/null)" ] && exit 0
[ -w "$cache" ] || { echo "brink: ONNX Runtime not installed: cannot write $cache" >&2; exit 0; }

from_pip() {
  for python in python3 /usr/bin/python3; do
    "$python" -m pip --version >/dev/null 2>&1 || continue
    rm -rf "$1"
    "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --only-binary :all: --timeout 20 --retries 1 \
      --target "$1" onnxruntime >"$cache/onnxruntime.log" 2>&1 || continue
    ls "$1"/onnxruntime/capi/libonnxruntime.so.* >/dev/null 2>&1 || continue
    rm -rf "$cache/onnxruntime"
    mv "$1" "$cache/onnxruntime" && return 0
  done
  return 1
}
from_npm() {
  have npm || return 1
  rm -rf "$1"
  mkdir -p "$1" && (cd "$1" && npm install --silent --no-audit --no-fund --ignore-scripts --prefix . onnxruntime-node) >>"$cache/onnxruntime.log" 2>&1 || return 1
  ls "$1"/node_modules/onnxruntime-node/bin/napi-v*/linux/*/libonnxruntime.so.1 >/dev/null 2>&1 || return 1
  rm -rf "$cache/node_modules"
  mv "$1/node_modules" "$cache/node_modules"
}

# a bare system has neither; a package manager that may be used as we are has pip
bring_pip() {
  have npm || python3 -m pip --version >/dev/null 2>&1 && return
  have apt-get && [ "$(id -u)" -eq 0 ] && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip >"$cache/onnxruntime.log" 2>&1
}

echo "brink: installing ONNX Runtime into $cache" >&2
bring_pip
if from_pip "$cache/onnxruntime.$$" || from_npm "$cache/npm.$$"; then
  rm -f "$failed"
else
  : >"$failed"
  echo "brink: ONNX Runtime could not be installed (see $cache/onnxruntime.log); models in ONNX files need it: pip install onnxruntime" >&2
fi
rm -rf "$cache/onnxruntime.$$" "$cache/npm.$$"
exit 0
