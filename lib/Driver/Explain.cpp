//===- Explain.cpp - What became of a program -----------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Explain.h"

#include "gate/Analysis/FunctionSignature.h"
#include "gate/Driver/LoopTraffic.h"
#include "gate/Driver/SampleData.h"
#include "gate/Transforms/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace gate;

namespace {

/// Keeps what passes say that they did not do.
class MissedStreamer : public remark::detail::MLIRRemarkStreamerBase {
public:
  explicit MissedStreamer(std::shared_ptr<std::vector<MissedRemark>> kept)
      : kept(std::move(kept)) {}

  void streamOptimizationRemark(const remark::detail::Remark &remark) override {
    MissedRemark missed;
    missed.pass = remark.getCategoryName().str();
    missed.function = remark.getFunction().str();
    missed.location = remark.getLocation();
    for (const remark::detail::Remark::Arg &arg : remark.getArgs()) {
      if (arg.key == "Reason")
        missed.reason = arg.val;
      else if (arg.hasAttribute())
        missed.user = dyn_cast<LocationAttr>(arg.getAttribute());
    }
    if (!missed.reason.empty())
      kept->push_back(std::move(missed));
  }

private:
  std::shared_ptr<std::vector<MissedRemark>> kept;
};

} // namespace

Explainer::Explainer(Session &session)
    : session(session), remarks(std::make_shared<std::vector<MissedRemark>>()) {
  // Remarks in the order of the program.
  session.context().disableMultithreading();
  remark::RemarkCategories categories;
  categories.missed = ".*";
  LogicalResult enabled = remark::enableOptimizationRemarks(
      session.context(), std::make_unique<MissedStreamer>(remarks),
      std::make_unique<remark::RemarkEmittingPolicyAll>(), categories);
  assert(succeeded(enabled) && "no other engine is there");
  (void)enabled;
}

std::function<void(StringRef, ModuleOp, bool)> Explainer::observer() {
  return [this](StringRef stage, ModuleOp module, bool onDevice) {
    if (stage == "model")
      keepNames(module);
    else if (stage == "tile")
      collectLoops(module, onDevice);
    else if (stage == "block")
      collectLaunches(module);
  };
}

/// The places that a location is made of.
static void flatten(LocationAttr location, SmallVectorImpl<LocationAttr> &all) {
  if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      flatten(part, all);
    return;
  }
  all.push_back(location);
}

/// Ops that compute, rather than name, shape or make room.
static bool computes(Operation *op) {
  if (isa<linalg::LinalgOp, CostOpInterface>(op) ||
      op->getName().getDialectNamespace() == GateDialect::getDialectNamespace())
    return true;
  return OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() > 0 &&
         isa<RankedTensorType>(op->getResult(0).getType());
}

void Explainer::keepNames(ModuleOp module) {
  model = cast<ModuleOp>(module->clone());
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (function.isDeclaration())
      continue;
    for (Operation &op : function.getBody().front()) {
      if (!computes(&op))
        continue;
      SmallVector<LocationAttr> places;
      flatten(op.getLoc(), places);
      std::string name = op.getName().getStringRef().str();
      for (LocationAttr place : places) {
        std::string &known = names[place];
        if (known.empty())
          known = name;
        else if (!llvm::is_contained(llvm::split(known, ", "), name))
          known += ", " + name;
      }
    }
  }
}

std::string Explainer::placeOf(LocationAttr location) {
  auto place = location.findInstanceOf<FileLineColLoc>();
  if (!place)
    return "";
  return std::to_string(place.getLine()) + ":" +
         std::to_string(place.getColumn());
}

void Explainer::addOps(Operation *within, ExplainedLoop &loop) {
  llvm::SetVector<Attribute> found;
  within->walk([&](Operation *op) {
    // Constants and slices are moved about; what computes is in the bodies.
    auto inLinalg = isa<linalg::LinalgOp>(op)
                        ? cast<linalg::LinalgOp>(op)
                        : op->getParentOfType<linalg::LinalgOp>();
    if (!inLinalg || op->hasTrait<OpTrait::IsTerminator>() ||
        matchPattern(op, m_Constant()))
      return;
    SmallVector<LocationAttr> places;
    flatten(op->getLoc(), places);
    for (LocationAttr place : places)
      if (names.contains(place))
        found.insert(place);
  });
  // In the order of the source.
  for (auto &[place, name] : names)
    if (found.contains(place))
      loop.ops.push_back({name, placeOf(cast<LocationAttr>(place)),
                          cast<LocationAttr>(place)});
  if (loop.ops.empty())
    loop.ops.push_back({"data movement", placeOf(loop.location), loop.location,
                        /*isPart=*/true});
}

ExplainedFunction *Explainer::find(bool onDevice, StringRef function) {
  for (ExplainedMachine &machine : result.machines)
    if (machine.onDevice == onDevice)
      for (ExplainedFunction &known : machine.functions)
        if (known.name == function)
          return &known;
  return nullptr;
}

/// Calls `found` on the loops of a function, outermost, and on the ops that no
/// loop holds.
static void walkLoops(func::FuncOp function,
                      function_ref<void(Operation *)> found) {
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!isa<scf::ForallOp, linalg::LinalgOp>(op))
      return WalkResult::advance();
    found(op);
    return WalkResult::skip();
  });
}

void Explainer::collectLoops(ModuleOp module, bool onDevice) {
  ExplainedMachine &machine = result.machines.emplace_back();
  machine.onDevice = onDevice;
  machine.tiled = cast<ModuleOp>(module->clone());
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (function.isDeclaration())
      continue;
    ExplainedFunction &own = machine.functions.emplace_back();
    own.name = function.getName().str();
    walkLoops(function, [&](Operation *op) {
      ExplainedLoop &loop = own.loops.emplace_back();
      loop.location = op->getLoc();
      loop.isSerial = !isa<scf::ForallOp>(op);
      loop.isGuarded = static_cast<bool>(op->getParentOfType<scf::IfOp>());
      if (auto schedule = op->getAttrOfType<ScheduleAttr>(scheduleAttrName))
        loop.schedule = schedule.getCases().front().getChoice();
      addOps(op, loop);
    });
    auto holds = [](const ExplainedLoop &loop, const ExplainedOp &op) {
      return llvm::any_of(loop.ops, [&](const ExplainedOp &other) {
        return other.location == op.location;
      });
    };
    // Cases of one op are guarded, and each computes all of it.
    for (ExplainedLoop &loop : own.loops)
      for (ExplainedOp &op : loop.ops)
        op.isPart |= !loop.isGuarded &&
                     llvm::count_if(own.loops, [&](const ExplainedLoop &other) {
                       return !other.isGuarded && holds(other, op);
                     }) > 1;
  }
  addRemarks(onDevice);
}

/// Which kernel each loop became: a launch has the place of its loop.
void Explainer::collectLaunches(ModuleOp module) {
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    auto exported = function->getAttrOfType<StringAttr>("gate.exported_as");
    ExplainedFunction *own =
        exported ? find(/*onDevice=*/true, exported.getValue()) : nullptr;
    if (!own)
      continue;
    function.walk([&](func::CallOp call) {
      if (call.getCallee() != "gate_rt_cuda_launch")
        return;
      APInt number;
      if (!matchPattern(call.getOperand(1), m_ConstantInt(&number)))
        return;
      LocationAttr place = call.getLoc();
      auto loop = llvm::find_if(own->loops, [&](const ExplainedLoop &known) {
        return known.kernel < 0 && known.location == place;
      });
      if (loop == own->loops.end()) {
        // A copy that bufferization needs.
        ExplainedLoop &copy = own->loops.emplace_back();
        copy.location = call.getLoc();
        copy.isCopy = true;
        copy.ops.push_back({"copy", placeOf(copy.location), copy.location});
        loop = std::prev(own->loops.end());
      }
      loop->kernel = static_cast<int>(number.getSExtValue());
    });
  }
}

/// Gives the functions of a machine what passes said since the last time.
void Explainer::addRemarks(bool onDevice) {
  auto contains = [&](const ExplainedLoop &loop, LocationAttr location) {
    SmallVector<LocationAttr> places;
    flatten(location, places);
    return llvm::any_of(loop.ops, [&](const ExplainedOp &op) {
      return llvm::is_contained(places, op.location);
    });
  };
  for (MissedRemark &remark : *remarks) {
    ExplainedFunction *own = find(onDevice, remark.function);
    if (!own)
      continue;
    // A later pass may have brought the two together; parts of one op are
    // apart by nature.
    bool isTogether = remark.user &&
                      (remark.user == remark.location ||
                       llvm::any_of(own->loops, [&](const ExplainedLoop &loop) {
                         return contains(loop, remark.location) &&
                                contains(loop, remark.user);
                       }));
    remark.place = placeOf(remark.location);
    if (isTogether)
      continue;
    // The last pass that looked has the last word.
    auto known = llvm::find_if(own->missed, [&](const MissedRemark &other) {
      return remark.user && other.location == remark.location &&
             other.user == remark.user;
    });
    if (known == own->missed.end())
      own->missed.push_back(remark);
    else
      *known = remark;
  }
  // What is said before the ways part is of both.
  llvm::erase_if(*remarks, [](const MissedRemark &remark) {
    return remark.pass != "gate-raise-scans";
  });
}

LogicalResult Explainer::addCosts(const LibrarySignature &signature,
                                  const DataOptions &data) {
  // Without sizes there are costs of what is static.
  auto hasSizes = [&](const FunctionSignature &function) {
    return !data.sizes.empty() || function.dims.empty();
  };
  for (ExplainedMachine &machine : result.machines)
    for (const FunctionSignature &function : signature.functions)
      if (ExplainedFunction *own = find(machine.onDevice, function.name))
        own->dims = function.dims;
  if (llvm::none_of(signature.functions, hasSizes))
    return success();
  auto sizes = completeSizes(session, signature, data);
  if (failed(sizes))
    return failure();
  if (!data.sizes.empty())
    result.sizes = *sizes;
  auto costs = computeCosts(session, *model, signature, *sizes);
  if (failed(costs))
    return failure();
  for (ExplainedMachine &machine : result.machines)
    for (auto [cost, function] : llvm::zip(*costs, signature.functions)) {
      ExplainedFunction *own = find(machine.onDevice, cost.function);
      if (!own || !hasSizes(function))
        continue;
      own->floor = cost.total;
      for (ExplainedLoop &loop : own->loops) {
        if (loop.isCopy)
          continue;
        llvm::SmallDenseSet<Attribute> whole;
        for (const ExplainedOp &op : loop.ops)
          if (!op.isPart)
            whole.insert(op.location);
        LoopCost &spent = loop.cost.emplace();
        for (const OpCost &op : cost.ops) {
          SmallVector<LocationAttr> parts;
          flatten(op.place, parts);
          if (llvm::none_of(parts, [&](LocationAttr part) {
                return whole.contains(part);
              }))
            continue;
          spent.productFlops += op.cost.contractionFlops;
          spent.otherFlops += op.cost.elementwiseFlops;
        }
      }
      addTraffic(machine, *own, function);
    }
  return success();
}

void Explainer::addTraffic(const ExplainedMachine &machine,
                           ExplainedFunction &function,
                           const FunctionSignature &signature) {
  ModuleOp tiled = *machine.tiled;
  LoopTraffic traffic(signature, result.sizes);
  size_t next = 0;
  bool isKnown = true;
  double total = 0;
  walkLoops(tiled.lookupSymbol<func::FuncOp>(function.name),
            [&](Operation *op) {
              LoopCost &cost = *function.loops[next++].cost;
              std::optional<bool> runs = traffic.runs(op);
              cost.bytes = traffic.bytesOf(op);
              cost.runs = runs.value_or(true);
              isKnown &= runs && cost.bytes;
              if (cost.runs)
                total += cost.bytes.value_or(0);
            });
  if (isKnown)
    function.bytes = total;
}

FailureOr<Explanation> Explainer::finish(const LibrarySignature &signature,
                                         const DataOptions &data) {
  if (failed(addCosts(signature, data)))
    return failure();
  return std::move(result);
}
