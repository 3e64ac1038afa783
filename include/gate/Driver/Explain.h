//===- Explain.h - What became of a program --------------------*- C++ -*-===//
//
// Which ops of the user's ended up in which loop or kernel, with which
// schedule and resources, what stayed apart and why. Built from the program
// after its stages, whose ops keep their place in the source, and from the
// remarks of the passes.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DRIVER_EXPLAIN_H
#define GATE_DRIVER_EXPLAIN_H

#include "gate/Driver/CostModel.h"

#include "mlir/IR/BuiltinAttributes.h"

#include <map>

namespace gate {

/// An op as the user wrote it, or as it is after stage "model".
struct ExplainedOp {
  std::string name;
  /// "12:8", with the file before it where it is not the program's.
  std::string place;
  mlir::LocationAttr location;
  /// Other loops compute the rest of it.
  bool isPart = false;
};

/// What one loop computes and moves at given sizes.
struct LoopCost {
  /// Of ops that are in no other loop.
  double productFlops = 0, otherFlops = 0;
  /// What it reads from outside and its results; nothing where that is unknown.
  std::optional<double> bytes;
  /// Whether its guard holds at these sizes.
  bool runs = true;
};

/// One parallel loop over tiles: a task of a CPU, a kernel of a GPU.
struct ExplainedLoop {
  mlir::LocationAttr location;
  std::vector<ExplainedOp> ops;
  /// The choices that made it; null where there were none.
  mlir::DictionaryAttr schedule;
  /// It runs only where a guard holds that is tested at the call.
  bool isGuarded = false;
  /// Not split: one thread runs it.
  bool isSerial = false;
  /// Made when tensors became buffers, after loops were formed.
  bool isCopy = false;
  /// On GPUs: position in CudaImage::kernels; -1 otherwise.
  int kernel = -1;
  std::optional<LoopCost> cost;
};

/// What stayed apart, or was not rewritten.
struct MissedRemark {
  std::string pass, function, place, reason;
  mlir::LocationAttr location, user;
};

/// One function on one machine.
struct ExplainedFunction {
  std::string name;
  /// Names of the sizes known only at the call.
  std::vector<std::string> dims;
  std::vector<ExplainedLoop> loops;
  std::vector<MissedRemark> missed;
  /// At given sizes, what any implementation must do.
  std::optional<Cost> floor;
  /// At given sizes, what the loops that run move together, copies apart;
  /// nothing where that is unknown.
  std::optional<double> bytes;
};

/// One way through the compiler.
struct ExplainedMachine {
  bool onDevice = false;
  /// The program after stage "tile".
  mlir::OwningOpRef<mlir::ModuleOp> tiled;
  std::vector<ExplainedFunction> functions;
};

struct Explanation {
  std::vector<ExplainedMachine> machines;
  /// The sizes that costs are for; empty where none were given.
  std::map<std::string, int64_t> sizes;
};

/// Compiles, and says what was done. `compiler` is made for `data` with
/// `observer` of this explainer.
class Explainer {
public:
  explicit Explainer(Session &session);

  /// For CompileOptions::observe.
  std::function<void(llvm::StringRef, mlir::ModuleOp, bool)> observer();
  /// After the stages have run. Costs are given where all sizes are.
  mlir::FailureOr<Explanation> finish(const LibrarySignature &signature,
                                      const DataOptions &data);

private:
  ExplainedFunction *find(bool onDevice, llvm::StringRef function);
  void keepNames(mlir::ModuleOp module);
  void collectLoops(mlir::ModuleOp module, bool onDevice);
  void collectLaunches(mlir::ModuleOp module);
  void addRemarks(bool onDevice);
  void addOps(mlir::Operation *within, ExplainedLoop &loop);
  std::string placeOf(mlir::LocationAttr location);
  mlir::LogicalResult addCosts(const LibrarySignature &signature,
                               const DataOptions &data);
  void addTraffic(const ExplainedMachine &machine, ExplainedFunction &function,
                  const FunctionSignature &signature);

  Session &session;
  Explanation result;
  /// The program after stage "model", for costs and for the names of ops.
  mlir::OwningOpRef<mlir::ModuleOp> model;
  llvm::MapVector<mlir::Attribute, std::string> names;
  /// Filled by the remark engine; shared with it.
  std::shared_ptr<std::vector<MissedRemark>> remarks;
};

} // namespace gate

#endif // GATE_DRIVER_EXPLAIN_H
