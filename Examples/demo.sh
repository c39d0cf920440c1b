#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lorikeet in a minute, offline, on the model and the pictures that come with it: fine-tunes,
# captions, classifies, prunes, takes inputs away, and writes a report. `make demo` builds first.
set -euo pipefail
cd "$(dirname "$0")/.."

lorikeet=${LORIKEET:-.build/release/lorikeet}
model=Models/tiny
data=Datasets/tiny
adapter=runs/demo
report=demo-report
held_out=($data/test/{boat-18,cat-19,mushroom-20,umbrella-18}.png)

step() { printf '\n== %s\n\n' "$1"; }
# Shows a command, then runs it.
run() {
  echo "\$ lorikeet $*"
  "$lorikeet" "$@"
}
# The same without notes and progress.
quietly() { run "$@" --quiet; }

step "1. The model as it is: it knows paintings, and has never seen a pen drawing."
quietly caption --model $model "${held_out[@]}"

step "2. Fine-tuning on 480 pen drawings: LoRA for image rows, text rows and stand-ins."
rm -rf $adapter
run finetune Examples/demo.yaml --model $model --data $data --output $adapter

step "3. The same pictures with the adapter: captions, then labels from the picture alone."
quietly caption --model $model --adapter $adapter "${held_out[@]}"
quietly classify --model $model --adapter $adapter "${held_out[@]}"

step "4. All 96 test pictures, before and after; captions also with fewer visual tokens."
quietly evaluate --model $model --data $data --task caption
quietly evaluate --model $model --data $data --task classify --inputs image
rm -rf $report
quietly evaluate --model $model --adapter $adapter --data $data --task classify \
  --missing image=0.5 --missing image=1 --missing text=0.5 --missing text=1 \
  --missing image=0.5,text=0.5 --report $report
quietly evaluate --model $model --adapter $adapter --data $data --task caption --shuffle-images \
  --prune none --prune fopru-rank:0.5 --prune fopru-rank:0.25 --prune random:0.25 \
  --report $report/captions

step "Done. Open these in a browser:"
echo "$PWD/$report/report.html             labels, with pictures or captions missing"
echo "$PWD/$report/captions/report.html    captions, with visual tokens pruned"
