#!/bin/sh
# make demo: the whole job on data the engine draws itself. Where does a model break, why, and what can be made of it?
# SPDX-License-Identifier: MIT
set -e
build=${1:-build} out=${2:-$1/demo}
brink=$build/brink
out=${out:-build/demo}
store=$out/shapes.db
rm -rf "$out"
mkdir -p "$out"
say() { printf '\n== %s\n' "$*"; }
run() {
  printf '$ %s\n' "$*"
  "$@"
}

say "120 pictures of five shapes, 60 of a rocker switch, 40 scenes with boxes and outlines (COCO)"
run "$brink" examples/draw.lua "$out"

say "a model in plain Lua names the shapes: how good is it?"
run "$brink" eval "$out/shapes" --recipe recipes/outline.lua

say "at which intensity of each effect does it begin to fail, where does it break?"
run "$brink" search "$out/shapes" --recipe recipes/outline.lua --store "$store" --step 0.1 \
  --augment GaussianBlur,GaussianNoise,PixelDropout,Brighten,Gamma,Hue,Rotate,CenterCrop,Perspective,ElasticTransform,EraseBox,Superpixels,JPEG
run "$brink" report "$store" -o "$out/report"

say "new labelled pictures inside these boundaries"
run "$brink" synth "$out/shapes" --recipe recipes/outline.lua --study "$store" --realism 0.5 --count 60 -o "$out/generated"
say "every one can be made again from its line in the manifest"
run "$brink" replay "$out/generated" --all
say "and how does the model do on them?"
run "$brink" eval "$out/generated" --recipe recipes/outline.lua

say "the same without any model: is each switch still known as itself?"
run "$brink" search "$out/rocker" --store "$out/rocker.db" --step 0.1 --samples 30 --augment MotionBlur,Brightness,EraseBox,Downscale
run "$brink" report "$out/rocker.db" -o "$out/rocker-report"

say "labels move with the pixels: scenes with boxes and outlines"
run "$brink" synth "$out/scenes" --count 24 --realism -0.5 --min-augs 1 --max-augs 2 --augment Rotate,Perspective,ElasticTransform,RandomSizedCrop -o "$out/generated-scenes"

pages="report/index.html rocker-report/index.html generated/preview.html generated-scenes/preview.html sheet.png"
if "$brink" --version | grep -q "ONNX  *runtime"; then
  say "a small trained net on the same pictures: where does it break, and which of the two holds longer?"
  run "$brink" search "$out/shapes" --recipe recipes/shapes_classifier.lua --store "$out/net.db" --step 0.1 \
    --augment GaussianBlur,GaussianNoise,PixelDropout,Hue,CenterCrop,EraseBox
  run "$brink" report "$out/net.db" -o "$out/net-report"
  run "$brink" compare "$store" "$out/net.db" -o "$out/compare"
  pages="$pages net-report/index.html compare/index.html"
else
  say "no ONNX Runtime here: the part with a trained net is left out (make deps installs one)"
fi

say "what the effects look like"
picture=$(ls "$out"/shapes/star/*.png | head -n 1)
run "$brink" show GaussianBlur ElasticTransform Perspective Hue "$picture" -o "$out/sheet.png"

say "look at these"
for file in $pages; do
  [ -s "$out/$file" ] || { echo "missing: $out/$file" >&2; exit 1; }
  echo "$out/$file"
done
