"""Prints the loops and kernels of `gatec explain --json`, one a line.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import json
import sys

explanation = json.load(sys.stdin)
for function in explanation["functions"]:
    for loop in function.get("loops", []) + function.get("kernels", []):
        ops = " ".join(op["op"] for op in loop["ops"])
        # Only where this machine has an assembler.
        for used in loop.get("gpus", {}).values():
            assert used["registers"] > 0 and used["spill_store_bytes"] >= 0
        print(
            function["function"],
            function["machine"],
            loop.get("kernel"),
            f"threads={loop.get('threads')}",
            f"[{ops}]",
            f"form={loop.get('schedule', {}).get('form')}",
            f"moves={loop.get('cost', {}).get('bytes')}",
        )
    print(function["function"], "must move", function["floor"]["bytes"])
print("sizes", explanation["sizes"])
