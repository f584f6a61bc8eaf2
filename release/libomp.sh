#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds LLVM's OpenMP runtime into the folder $1 for MACOSX_DEPLOYMENT_TARGET. Apple's Clang comes without it, and the
# bottles of Homebrew need the system of the runner, so a wheel with one would not run on older systems.
set -euo pipefail
: "${MACOSX_DEPLOYMENT_TARGET:?must be set to the oldest system that the wheel serves}"
prefix=$1

VERSION=18.1.1
RELEASE=https://github.com/llvm/llvm-project/releases/download/llvmorg-$VERSION
OPENMP=8a2ca2d7bcc42165f6dd6029ea3632ccc5637fc5a5fe6707a0ca2293655f90ed
CMAKE=5308023d1c1e9feb264c14f58db35c53061123300a7eb940364f46d574c8b2d6

folder=$(mktemp -d)
cd "$folder"
curl --fail --location --silent --show-error --remote-name "$RELEASE/openmp-$VERSION.src.tar.xz"
curl --fail --location --silent --show-error --remote-name "$RELEASE/cmake-$VERSION.src.tar.xz"
shasum --algorithm 256 --check <<SUMS
$OPENMP  openmp-$VERSION.src.tar.xz
$CMAKE  cmake-$VERSION.src.tar.xz
SUMS
mkdir openmp cmake
tar --extract --file "openmp-$VERSION.src.tar.xz" --strip-components 1 --directory openmp
tar --extract --file "cmake-$VERSION.src.tar.xz" --strip-components 1 --directory cmake

# Without aliases: the runtime must not also be found under the name of GCC's.
cmake -S openmp -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DCMAKE_OSX_DEPLOYMENT_TARGET="$MACOSX_DEPLOYMENT_TARGET" -DLIBOMP_INSTALL_ALIASES=OFF
cmake --build build --parallel
cmake --install build
