#!/bin/sh
# make bench: every bench there is, by hand and never as a test. $1: build folder. SPDX-License-Identifier: MIT
set -e
"$1/brink" tests/bench/prims.lua
"$1/brink" tests/bench/onnx.lua
