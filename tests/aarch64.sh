#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A virtual environment at the path $1 whose Python is Debian's for arm64, emulated; it builds with the cross compiler.
# Programs that it starts run natively, which makes the compiler quick; its own sys.executable runs emulated again.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/$1
apt=$venv/apt
root=$venv/root
[ -e "$venv/ready" ] && exit

sudo=$([ "$(id -u)" = 0 ] || echo sudo)
if ! command -v qemu-aarch64 aarch64-linux-gnu-gcc > /dev/null; then
    $sudo apt-get update --quiet=2
    $sudo apt-get install --quiet=2 --yes qemu-user gcc-aarch64-linux-gnu
fi

# apt believes that it works for an empty arm64 machine, and so finds all dependencies without touching this one
rm -rf "$venv"
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$root"
: > "$apt/status"
cat > "$apt/apt.conf" <<EOF
APT::Architecture "arm64";
APT::Architectures "arm64";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
EOF
export APT_CONFIG=$apt/apt.conf
apt-get update --quiet=2
apt-get install --quiet=2 --yes --download-only python3-dev libgomp1 libstdc++6
for package in "$apt"/archives/*.deb; do dpkg --extract "$package" "$root"; done

python=$(readlink "$root/usr/bin/python3")
mkdir -p "$venv/bin"
echo "home = $root/usr/bin" > "$venv/pyvenv.cfg"
cat > "$venv/bin/python" <<EOF
#!/bin/sh
# a processor without SVE, whose emulation is slow
export QEMU_CPU=cortex-a76 CPPFLAGS="-I$root/usr/include/$python -idirafter $root/usr/include"
exec qemu-aarch64 -L "$root" -0 "\$0" "$root/usr/bin/$python" "\$@"
EOF
chmod +x "$venv/bin/python"

# Debian's venv module is left out: it would start a Python that is not emulated
python3 -m pip install --quiet --target "$venv/lib/$python/site-packages" pip
touch "$venv/ready"
