#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Holds the C kernels of every instruction set against plain loops: those of this machine, and on
# another machine also those of 64-bit ARM, emulated. Built as the package builds them, by the clang
# that comes with Swift. Takes half a minute.
#
#   apt-get install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross
#   Tests/CrossPlatform/neon.sh
#
# CLANG names another clang, CFLAGS other options than -O2, and QEMU_CPU another processor than the
# first that had NEON in 64 bits.
set -euo pipefail
cd "$(dirname "$0")/../.."

sources=(Sources/CLorikeetKernels/*.c Tests/CrossPlatform/*.c)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# Builds for this machine, or for what the options say.
build() {
  # shellcheck disable=SC2086
  "${CLANG:-clang}" ${CFLAGS:--O2} -Wall -Wextra -Werror -ISources/CLorikeetKernels/include \
    "${@:2}" "${sources[@]}" -o "$1" -lm -lpthread
}

echo "== $(uname -m)"
build "$out/native"
"$out/native"
if [ "$(uname -m)" = aarch64 ]; then exit 0; fi

echo "== aarch64, emulated"
if ! command -v qemu-aarch64 >/dev/null || ! [ -e /usr/aarch64-linux-gnu/lib/libc.a ]; then
  echo "error: qemu-aarch64 or a C library for aarch64 is missing; install qemu-user," \
    "gcc-aarch64-linux-gnu and libc6-dev-arm64-cross" >&2
  exit 1
fi
build "$out/aarch64" --target=aarch64-linux-gnu -static
QEMU_CPU=${QEMU_CPU:-cortex-a53} qemu-aarch64 "$out/aarch64"
