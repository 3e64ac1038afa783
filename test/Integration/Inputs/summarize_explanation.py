"""Prints the loops and kernels of `gatec explain --json`, one a line.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import json
import sys

explanation = json.load(sys.stdin)
for function in explanation["functions"]:
    for loop in function.get("loops", []) + function.get("kernels", []):
        ops = " ".join(op["op"] for op in loop["ops"])
        gpus = loop.get("gpus", {}).values()
        for gpu in gpus:
            assert gpu["shared_bytes"] >= 0
            # Only where this machine has an assembler.
            if explanation["has_assembler"]:
                assert gpu["registers"] > 0 and gpu["spill_store_bytes"] >= 0
        print(
            function["function"],
            function["machine"],
            loop.get("kernel"),
            f"threads={[gpu['threads'] for gpu in gpus]}",
            f"[{ops}]",
            f"form={loop.get('schedule', {}).get('form')}",
            f"moves={loop.get('cost', {}).get('bytes')}",
        )
    print(function["function"], "must move", function["floor"]["bytes"])
print("sizes", explanation["sizes"])
