#!/usr/bin/env bash
# Installs what building and testing Gate needs and this machine lacks:
# Debian packages (as root) and a Python environment in build/venv. It changes
# nothing when all is there. Further package names may be given as arguments.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly venv=build/venv
readonly requirements=scripts/requirements.txt

packages=(
  # Compilers and build tools.
  make cmake ninja-build g++ clang-22 lld-22 clang-format-22 libclang-rt-22-dev
  # LLVM, MLIR and LLD as libraries, with lit, FileCheck and mlir-tblgen.
  llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools liblld-22-dev
  # What LLVM's CMake files look for and LLD's static libraries need.
  libzstd-dev zlib1g-dev libxml2-dev
  # Tests.
  libgtest-dev libgmock-dev python3 python3-venv
  "$@"
)

say() { echo "setup: $*"; }
fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# Prints the packages that are not installed, one a line.
missing_packages() {
  dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" \
    2>/dev/null | awk -v wanted="${packages[*]}" '
      $2 == "installed" { have[$1] = 1 }
      END {
        n = split(wanted, names, " ")
        for (i = 1; i <= n; ++i)
          if (!(names[i] in have)) print names[i]
      }' || true
}

install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    check_tools_without_dpkg
    return
  fi
  local missing
  mapfile -t missing < <(missing_packages)
  if [[ ${#missing[@]} -eq 0 ]]; then
    return
  fi
  if [[ $(id -u) -ne 0 ]]; then
    fail "these packages are missing: ${missing[*]}" \
      "installing them needs root; run" \
      "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}" \
      "and then this command again."
  fi
  say "installing ${missing[*]}"
  local apt=(apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)
  export DEBIAN_FRONTEND=noninteractive
  "${apt[@]}" update ||
    fail "apt-get update failed; is this machine online?"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
    fail "apt-get could not install: ${missing[*]}" \
      "LLVM 22 is in Debian 12's security updates; check that this machine's" \
      "package sources include them."
}

# A system that is not Debian's: looks for the programs, installs nothing.
check_tools_without_dpkg() {
  local tool missing=()
  for tool in cmake ninja c++ clang-22 ld.lld python3; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  if [[ ${#missing[@]} -gt 0 ]]; then
    fail "this is not a Debian system, so nothing was installed." \
      "missing programs: ${missing[*]}" \
      "Gate needs CMake 3.20, Ninja, a C++17 compiler, LLVM, MLIR and LLD 22" \
      "with headers and CMake files, GoogleTest, zlib, zstd and Python 3.11 with venv."
  fi
}

# Prints the first Python that can make an environment.
find_python() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -c 'import sys, venv, ensurepip
sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  fail "no Python 3.11 or later with the modules venv and ensurepip was found;" \
    "on Debian install python3-venv."
}

# The copy of the requirements inside the environment is written last, so an
# interrupted installation starts over.
install_python_packages() {
  if cmp -s "$requirements" "$venv/requirements.txt" &&
    "$venv/bin/python" -c '' 2>/dev/null; then
    return
  fi
  local python
  python=$(find_python)
  say "making the Python environment $venv"
  rm -rf "$venv"
  mkdir -p build
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --retries 3 -r "$requirements" ||
    fail "pip could not install the packages of $requirements; is this machine online?"
  cp "$requirements" "$venv/requirements.txt"
}

install_packages
install_python_packages
