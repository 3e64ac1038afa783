# ===- lit.cfg.py - Configuration of the lit tests -------------------------=== #
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
# ruff: noqa: F821
"""lit runs this with `config` and `lit_config` set; see lit.site.cfg.py.in."""

import os
import shutil

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

config.name = "Gate"
config.test_format = lit.formats.ShTest()
config.suffixes = [".mlir", ".test"]
# Integration has its own target; a path given to lit is not excluded.
config.excludes = ["Integration", "Unit", "Inputs", "lib"]

config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.gate_obj_root, "test")

llvm_config.with_system_environment(
    ["ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "HOME", "TMPDIR"]
)
llvm_config.use_default_substitutions()
tools = [
    ToolSubst("gate-lsp-server", unresolved="fatal"),
    ToolSubst("gate-opt", unresolved="fatal"),
    ToolSubst("gate-reduce", unresolved="fatal"),
    ToolSubst("llvm-dwarfdump", unresolved="fatal"),
    ToolSubst("llvm-nm", unresolved="fatal"),
    ToolSubst("split-file", unresolved="fatal"),
]
# Tests in Integration fail without gatec; their target is an error before that.
if os.path.exists(os.path.join(config.gate_tools_dir, "gatec")):
    tools.append(ToolSubst("gatec", unresolved="fatal"))
# The assembler of NVIDIA's toolkit, where it is installed.
if shutil.which("ptxas", path=config.environment["PATH"]):
    config.available_features.add("ptxas")
# The stock tool, which comes in a package of its own, for the plugin.
if os.path.exists(os.path.join(config.llvm_tools_dir, "mlir-opt")):
    config.available_features.add("mlir-opt")
    tools.append(ToolSubst("mlir-opt"))
llvm_config.add_tool_substitutions(
    tools, [config.gate_tools_dir, config.llvm_tools_dir]
)
# Before lit's own, which is the Python that runs lit.
config.substitutions.insert(0, ("%python", config.python_executable))
config.substitutions.append(("%gate_source", config.gate_source_dir))
config.substitutions.append(
    ("%gate_plugin", os.path.join(config.gate_obj_root, "lib", "GatePlugin.so"))
)
