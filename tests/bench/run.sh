#!/bin/sh
# make bench: every bench there is, by hand and never as a test. $1: build folder. SPDX-License-Identifier: MIT
set -e
# side by side where some python3 has OpenCV, else brink alone
found=
for python in python3 /usr/bin/python3; do
  if "$python" -c "import cv2" 2>/dev/null; then found=$python; break; fi
done
if [ -n "$found" ]; then "$found" tests/bench/sides.py "$1/brink"; else "$1/brink" tests/bench/prims.lua; fi
"$1/brink" tests/bench/onnx.lua
