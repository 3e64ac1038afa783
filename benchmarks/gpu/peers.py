"""Finds flash-linear-attention, which is no requirement of anything here.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import importlib
import sys
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType


class FlashLinearAttention:
    """Its modules from wheels or folders, or from what Python finds anyway."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._extracted: tempfile.TemporaryDirectory | None = None
        self._is_ready = False
        #: Why there are no modules; empty as long as there are.
        self.missing = ""

    def module(self, name: str) -> ModuleType | None:
        """ "fla.ops.gla", or nothing: `missing` says why."""
        if self.missing:
            return None
        try:
            if not self._is_ready:
                self._add_paths()
                self._is_ready = True
            return importlib.import_module(name)
        except (ImportError, OSError) as error:
            self.missing = (
                f"{name} cannot be imported ({error}); --fla PATH names wheels or "
                "folders of fla-core, which needs einops and Triton"
            )
            return None

    def _add_paths(self) -> None:
        for path in self._paths:
            if path.is_file() and zipfile.is_zipfile(path):
                # Triton reads the sources of kernels from files.
                self._extracted = self._extracted or tempfile.TemporaryDirectory()
                with zipfile.ZipFile(path) as wheel:
                    wheel.extractall(self._extracted.name)
                path = Path(self._extracted.name)
            elif not path.is_dir():
                raise OSError(f"{path} is neither a wheel nor a folder")
            if str(path) not in sys.path:
                sys.path.insert(0, str(path))
