//===- EntryPoints.cpp - The exported functions of a library --------------===//
//
// The tables follow the structs of gate/Runtime/Abi.h member by member; both
// must change together.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/Library/EntryPoints.h"

#include "gate/Support/ElementTypes.h"

#include "gate/Target/Library/Json.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/TargetParser/Triple.h"

using namespace gate;
using namespace llvm;

namespace {
/// Where an argument is found in a call.
struct Place {
  int32_t group = -1;
  int32_t member = -1;
};

class EntryPointBuilder {
public:
  EntryPointBuilder(Module &module, const LibrarySignature &library)
      : module(module), context(module.getContext()), library(library),
        layout(computeLayout(library)), pointer(PointerType::get(context, 0)),
        i8(Type::getInt8Ty(context)), i16(Type::getInt16Ty(context)),
        i32(Type::getInt32Ty(context)), i64(Type::getInt64Ty(context)) {}

  void build();

private:
  // Constants.
  Constant *addConstant(Constant *value, MaybeAlign align = std::nullopt);
  Constant *addString(StringRef text);
  Constant *addPointers(ArrayRef<Constant *> values);
  Constant *addStrings(ArrayRef<std::string> texts);
  Constant *null() { return ConstantPointerNull::get(pointer); }
  Constant *number(IntegerType *type, int64_t value) {
    return ConstantInt::getSigned(type, value);
  }

  // Tables.
  Constant *argumentEntry(const FunctionSignature &function, int32_t index,
                          Place place, int32_t tied);
  Constant *addRows(ArrayRef<Constant *> rows);
  Constant *addFunctionTable(StringRef name, const FunctionSignature &function,
                             ArrayRef<Constant *> arguments,
                             ArrayRef<std::string> groups, bool hasCode,
                             ArrayRef<Constant *> prepared = {});
  SmallVector<Constant *> preparedFields(ArrayRef<int64_t> offsets,
                                         int64_t member, Constant *preparation);
  Constant *preparationOf(size_t index);
  Constant *addCallTable(size_t index);
  Constant *addInitStateTable(size_t index);
  Constant *addCudaTable();

  // Functions.
  Function *declareRuntime(StringRef name, Type *result,
                           ArrayRef<Type *> parameters);
  Function *addExported(StringRef name, Type *result,
                        ArrayRef<Type *> parameters);
  void addForward(StringRef name, StringRef runtimeName, Type *result,
                  ArrayRef<Type *> parameters);
  void addConstantFunction(StringRef name, Constant *value);
  void addCall(size_t index, Constant *table);
  void addWorkspaceQuery(size_t index, Constant *table);
  void addInitState(size_t index);
  void addPrepare(size_t index);
  void addDeviceFunction(StringRef name, StringRef runtimeName);

  Module &module;
  LLVMContext &context;
  const LibrarySignature &library;
  LibraryLayout layout;
  PointerType *pointer;
  IntegerType *i8, *i16, *i32, *i64;
  GlobalVariable *libraryTable = nullptr;
  StringMap<Constant *> strings;
  /// By value and alignment.
  DenseMap<std::pair<Constant *, uint64_t>, GlobalVariable *> constants;
  /// Tables of arguments and their rows.
  SmallVector<std::pair<Constant *, SmallVector<Constant *>>> rowTables;
  /// GatePreparation by the symbol of the exported function.
  StringMap<Constant *> preparations;
};
} // namespace

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Constant *EntryPointBuilder::addConstant(Constant *value, MaybeAlign align) {
  GlobalVariable *&global =
      constants[{value, align ? align->value() : uint64_t(0)}];
  if (global)
    return global;
  global =
      new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                         GlobalValue::PrivateLinkage, value, "gate.constant");
  global->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  global->setAlignment(align);
  return global;
}

Constant *EntryPointBuilder::addString(StringRef text) {
  Constant *&entry = strings[text];
  if (!entry)
    entry = addConstant(ConstantDataArray::getString(context, text), Align(1));
  return entry;
}

Constant *EntryPointBuilder::addPointers(ArrayRef<Constant *> values) {
  if (values.empty())
    return null();
  return addConstant(
      ConstantArray::get(ArrayType::get(pointer, values.size()), values));
}

Constant *EntryPointBuilder::addStrings(ArrayRef<std::string> texts) {
  SmallVector<Constant *> values;
  for (const std::string &text : texts)
    values.push_back(addString(text));
  return addPointers(values);
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// A GateArgument.
Constant *EntryPointBuilder::argumentEntry(const FunctionSignature &function,
                                           int32_t index, Place place,
                                           int32_t tied) {
  const TensorSignature &tensor = function.tensors[index];
  const ElementTypeInfo &type = elementTypeInfo(tensor.type);
  SmallVector<int64_t> shape;
  std::vector<std::string> dimNames = tensor.dims;
  dimNames.resize(tensor.shape.size());
  bool hasNames = false;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    int64_t size = tensor.shape[i];
    if (size < 0)
      size = -1 - static_cast<int64_t>(find(function.dims, tensor.dims[i]) -
                                       function.dims.begin());
    shape.push_back(size);
    hasNames |= !dimNames[i].empty();
  }
  std::string name = qualifiedName(tensor);
  if (place.group >= 0 && place.member < 0)
    for (const Group &group :
         layout.functions[&function - library.functions.data()].groups)
      if (group.kind == GroupKind::Tensor && group.members.front() == index)
        name = group.name;
  Constant *embedded =
      tensor.embedded.empty()
          ? null()
          : addConstant(ConstantDataArray::getRaw(tensor.embedded,
                                                  tensor.embedded.size(), i8),
                        Align(64));
  return ConstantStruct::getAnon(
      {addString(name), number(i32, place.group), number(i32, place.member),
       number(i32, tensor.role), number(i32, tied), number(i8, type.code),
       number(i8, type.bits), number(i16, static_cast<int64_t>(shape.size())),
       shape.empty() ? null()
                     : addConstant(ConstantDataArray::get(
                           context, ArrayRef<int64_t>(shape))),
       hasNames ? addStrings(dimNames) : null(), number(i64, tensor.indexBound),
       embedded});
}

/// A table of GateArgument: part of an earlier one that has the same rows.
Constant *EntryPointBuilder::addRows(ArrayRef<Constant *> rows) {
  if (rows.empty())
    return null();
  for (const auto &[table, known] : rowTables) {
    const auto *found =
        std::search(known.begin(), known.end(), rows.begin(), rows.end());
    if (found != known.end())
      return ConstantExpr::getInBoundsGetElementPtr(
          found[0]->getType(), table, number(i64, found - known.begin()));
  }
  Constant *table = addConstant(ConstantArray::get(
      ArrayType::get(rows.front()->getType(), rows.size()), rows));
  rowTables.emplace_back(table, llvm::to_vector(rows));
  return table;
}

/// A GateFunction.
Constant *EntryPointBuilder::addFunctionTable(StringRef name,
                                              const FunctionSignature &function,
                                              ArrayRef<Constant *> arguments,
                                              ArrayRef<std::string> groups,
                                              bool hasCode,
                                              ArrayRef<Constant *> prepared) {
  // A function that no target of the library needs has no symbol.
  auto code = [&](StringRef symbol, Type *result,
                  ArrayRef<Type *> parameters) -> Constant * {
    if (!hasCode || symbol.empty())
      return null();
    return declareRuntime(symbol, result, parameters);
  };
  Type *none = Type::getVoidTy(context);
  SmallVector<Constant *> fields = {
      addString(name),
      number(i32, static_cast<int64_t>(arguments.size())),
      number(i32, static_cast<int64_t>(groups.size())),
      number(i32, static_cast<int64_t>(function.dims.size())),
      addStrings(groups),
      addRows(arguments),
      addStrings(function.dims),
      code(function.bodySymbol, none, {pointer, pointer, pointer}),
      code(function.workspaceSymbol, i64, {pointer}),
      code(function.launchSymbol, none, {pointer, pointer, pointer, pointer}),
      code(function.launchWorkspaceSymbol, i64, {pointer})};
  if (prepared.empty())
    fields.append(preparedFields({}, -1, null()));
  fields.append(prepared.begin(), prepared.end());
  return addConstant(ConstantStruct::getAnon(fields));
}

/// The end of a GateFunction.
SmallVector<Constant *>
EntryPointBuilder::preparedFields(ArrayRef<int64_t> offsets, int64_t member,
                                  Constant *preparation) {
  Constant *table = offsets.empty()
                        ? null()
                        : addConstant(ConstantDataArray::get(context, offsets));
  return {number(i32, static_cast<int64_t>(offsets.size())),
          number(i32, member), table, preparation};
}

/// The GatePreparation of a function, under the name of the exported function
/// that calls it; null when nothing is prepared.
Constant *EntryPointBuilder::preparationOf(size_t index) {
  const FunctionSignature &function = library.functions[index];
  const FunctionLayout &call = layout.functions[index];
  if (call.prepareSymbol.empty())
    return null();
  Constant *&entry = preparations[call.prepareSymbol];
  if (entry)
    return entry;
  const PreparationSignature &preparation =
      library.preparations[function.preparation];
  SmallVector<Constant *> arguments;
  for (const Group &group : call.groups)
    for (size_t i = 0; i < group.members.size(); ++i)
      // Parameters of unknown sizes are not prepared.
      if (group.kind == GroupKind::Parameters &&
          !is_contained(function.tensors[group.members[i]].shape, -1))
        arguments.push_back(argumentEntry(function, group.members[i],
                                          {0, static_cast<int32_t>(i)}, -1));
  FunctionSignature code;
  code.bodySymbol = preparation.bodySymbol;
  code.workspaceSymbol = preparation.workspaceSymbol;
  Constant *table = addFunctionTable(
      call.prepareSymbol, code, arguments, {"parameters"}, /*hasCode=*/true,
      preparedFields(preparation.offsets, -1, null()));
  entry = addConstant(ConstantStruct::getAnon(
      {table, number(i64, preparation.bytes),
       number(i64, static_cast<int64_t>(preparation.identity))}));
  return entry;
}

/// The table of an exported function.
Constant *EntryPointBuilder::addCallTable(size_t index) {
  const FunctionSignature &function = library.functions[index];
  std::vector<Place> places(function.tensors.size());
  std::vector<std::string> groupNames;
  for (const Group &group : layout.functions[index].groups) {
    int32_t position = static_cast<int32_t>(groupNames.size());
    groupNames.push_back(group.name);
    for (size_t i = 0; i < group.members.size(); ++i)
      if (group.members[i] >= 0)
        places[group.members[i]] = {position, group.kind == GroupKind::Tensor
                                                  ? -1
                                                  : static_cast<int32_t>(i)};
  }
  SmallVector<Constant *> arguments;
  for (size_t i = 0; i < places.size(); ++i)
    arguments.push_back(argumentEntry(function, static_cast<int32_t>(i),
                                      places[i], function.tensors[i].tied));
  // Before the table of what prepares, which then is a part of it.
  addRows(arguments);
  int64_t prepared = -1;
  for (const Group &group : layout.functions[index].groups)
    if (group.kind == GroupKind::Parameters)
      prepared = static_cast<int64_t>(group.members.size());
  return addFunctionTable(
      layout.functions[index].symbol, function, arguments, groupNames,
      /*hasCode=*/true,
      preparedFields(function.preparedOffsets, prepared, preparationOf(index)));
}

/// The table of a function's init_state: its states alone, under the name
/// that its messages should have.
Constant *EntryPointBuilder::addInitStateTable(size_t index) {
  const FunctionSignature &function = library.functions[index];
  SmallVector<Constant *> arguments;
  for (const Group &group : layout.functions[index].groups) {
    if (group.kind != GroupKind::State)
      continue;
    for (size_t i = 0; i < group.members.size(); ++i)
      if (group.members[i] >= 0)
        arguments.push_back(argumentEntry(function, group.members[i],
                                          {0, static_cast<int32_t>(i)}, -1));
  }
  return addFunctionTable(layout.functions[index].initStateSymbol, function,
                          arguments, {"state"}, /*hasCode=*/false);
}

/// Entries of the arrays in a GateCudaTensorMap.
static constexpr size_t mostMapDims = 5;

/// A GateCudaModule, or null.
Constant *EntryPointBuilder::addCudaTable() {
  if (!library.hasCuda())
    return null();
  SmallVector<Constant *> images, kernels;
  auto addTable = [&](ArrayRef<Constant *> entries) {
    if (entries.empty())
      return null();
    return addConstant(ConstantArray::get(
        ArrayType::get(entries.front()->getType(), entries.size()), entries));
  };
  auto list = [&](IntegerType *type, const auto &values) -> Constant * {
    // As many as a tensor map has dims at most.
    SmallVector<Constant *> entries(mostMapDims, number(type, 0));
    for (auto [position, value] : llvm::enumerate(values))
      entries[position] = number(type, value);
    return ConstantArray::get(ArrayType::get(type, mostMapDims), entries);
  };
  auto addLaunches = [&](const CudaImage &image) {
    SmallVector<Constant *> launches;
    for (const CudaKernel &kernel : image.kernels) {
      SmallVector<Constant *> maps;
      for (const CudaTensorMap &map : kernel.maps)
        maps.push_back(ConstantStruct::getAnon(
            {number(i32, map.base), number(i32, map.elementType),
             number(i64, map.offset), number(i32, map.elementBytes),
             number(i32, map.swizzle),
             number(i32, static_cast<int64_t>(map.box.size())),
             list(i32, map.box), list(i64, map.extents),
             list(i64, map.sizes)}));
      launches.push_back(ConstantStruct::getAnon(
          {number(i32, kernel.threads), number(i32, kernel.sharedBytes),
           number(i32, kernel.parameterCount), number(i32, kernel.isPersistent),
           number(i32, static_cast<int64_t>(maps.size())), addTable(maps)}));
    }
    return addTable(launches);
  };
  for (const CudaImage &image : library.images) {
    Constant *ptx =
        addConstant(ConstantDataArray::getString(context, image.ptx), Align(1));
    // An ELF file, which is read in place.
    Constant *cubin =
        image.cubin.empty()
            ? null()
            : addConstant(ConstantDataArray::getRaw(image.cubin,
                                                    image.cubin.size(), i8),
                          Align(64));
    images.push_back(ConstantStruct::getAnon(
        {addString(image.target), number(i32, image.major),
         number(i32, image.minor), number(i32, image.isExact), ptx, cubin,
         addLaunches(image)}));
  }
  for (const CudaKernel &kernel : library.images.front().kernels)
    kernels.push_back(addString(kernel.name));
  return addConstant(ConstantStruct::getAnon(
      {number(i32, static_cast<int64_t>(images.size())),
       number(i32, static_cast<int64_t>(kernels.size())), addTable(images),
       addTable(kernels)}));
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// A function that another object of the same library defines.
Function *EntryPointBuilder::declareRuntime(StringRef name, Type *result,
                                            ArrayRef<Type *> parameters) {
  FunctionCallee callee = module.getOrInsertFunction(
      name, FunctionType::get(result, parameters, /*isVarArg=*/false));
  auto *function = cast<Function>(callee.getCallee());
  function->setVisibility(GlobalValue::HiddenVisibility);
  function->setDSOLocal(true);
  return function;
}

Function *EntryPointBuilder::addExported(StringRef name, Type *result,
                                         ArrayRef<Type *> parameters) {
  auto *function = Function::Create(
      FunctionType::get(result, parameters, /*isVarArg=*/false),
      GlobalValue::ExternalLinkage, name, module);
  function->addFnAttr(Attribute::NoUnwind);
  BasicBlock::Create(context, "entry", function);
  return function;
}

/// An exported function that hands its arguments on to the runtime.
void EntryPointBuilder::addForward(StringRef name, StringRef runtimeName,
                                   Type *result, ArrayRef<Type *> parameters) {
  Function *function =
      addExported(library.prefix + "_" + name.str(), result, parameters);
  IRBuilder<> builder(&function->getEntryBlock());
  SmallVector<Value *> arguments;
  for (Argument &argument : function->args())
    arguments.push_back(&argument);
  builder.CreateRet(builder.CreateCall(
      declareRuntime(runtimeName, result, parameters), arguments));
}

void EntryPointBuilder::addConstantFunction(StringRef name, Constant *value) {
  Function *function =
      addExported(library.prefix + "_" + name.str(), value->getType(), {});
  IRBuilder<>(&function->getEntryBlock()).CreateRet(value);
}

/// Stores `values` in an array on the stack.
static Value *packValues(IRBuilder<> &builder, Type *type,
                         ArrayRef<Value *> values) {
  ArrayType *arrayType = ArrayType::get(type, values.size());
  Value *array = builder.CreateAlloca(arrayType);
  for (size_t i = 0; i < values.size(); ++i)
    builder.CreateStore(
        values[i], builder.CreateConstInBoundsGEP2_64(arrayType, array, 0, i));
  return array;
}

void EntryPointBuilder::addCall(size_t index, Constant *table) {
  const FunctionLayout &call = layout.functions[index];
  SmallVector<Type *> parameters(call.groups.size() + 1, pointer);
  parameters.push_back(i64);
  if (library.hasCuda())
    parameters.push_back(pointer);
  Function *function = addExported(call.symbol, i32, parameters);
  SmallVector<Value *> groups;
  for (size_t i = 0; i < call.groups.size(); ++i) {
    function->getArg(i)->setName(call.groups[i].identifier);
    groups.push_back(function->getArg(i));
  }
  Value *workspace = function->getArg(call.groups.size());
  Value *workspaceBytes = function->getArg(call.groups.size() + 1);
  Value *stream = library.hasCuda()
                      ? static_cast<Value *>(function->args().end() - 1)
                      : null();
  IRBuilder<> builder(&function->getEntryBlock());
  Value *array = packValues(builder, pointer, groups);
  Function *runtime = declareRuntime(
      "gate_rt_call", i32, {pointer, pointer, pointer, pointer, i64, pointer});
  builder.CreateRet(
      builder.CreateCall(runtime, {libraryTable, table, array, workspace,
                                   workspaceBytes, stream}));
}

void EntryPointBuilder::addWorkspaceQuery(size_t index, Constant *table) {
  const FunctionLayout &call = layout.functions[index];
  SmallVector<Type *> parameters(call.dims.size(), i64);
  parameters.push_back(pointer);
  Function *function = addExported(call.workspaceSymbol, i32, parameters);
  SmallVector<Value *> dims;
  for (size_t i = 0; i < call.dims.size(); ++i)
    dims.push_back(function->getArg(i));
  IRBuilder<> builder(&function->getEntryBlock());
  Value *array = packValues(builder, i64, dims);
  Function *runtime = declareRuntime("gate_rt_workspace", i32,
                                     {pointer, pointer, pointer, pointer});
  builder.CreateRet(builder.CreateCall(
      runtime, {libraryTable, table, array, function->getArg(dims.size())}));
}

void EntryPointBuilder::addInitState(size_t index) {
  const FunctionLayout &call = layout.functions[index];
  if (call.initStateSymbol.empty() || module.getFunction(call.initStateSymbol))
    return;
  SmallVector<Type *> parameters(library.hasCuda() ? 2 : 1, pointer);
  Function *function = addExported(call.initStateSymbol, i32, parameters);
  Value *stream =
      library.hasCuda() ? static_cast<Value *>(function->getArg(1)) : null();
  IRBuilder<> builder(&function->getEntryBlock());
  Function *runtime = declareRuntime("gate_rt_init_state", i32,
                                     {pointer, pointer, pointer, pointer});
  builder.CreateRet(
      builder.CreateCall(runtime, {libraryTable, addInitStateTable(index),
                                   function->getArg(0), stream}));
}

/// A function of a device's number that asks the runtime about this library.
void EntryPointBuilder::addDeviceFunction(StringRef name,
                                          StringRef runtimeName) {
  Function *function =
      addExported(library.prefix + "_" + name.str(), i32, {i32});
  IRBuilder<> builder(&function->getEntryBlock());
  Function *runtime = declareRuntime(runtimeName, i32, {pointer, i32});
  builder.CreateRet(
      builder.CreateCall(runtime, {libraryTable, function->getArg(0)}));
}

void EntryPointBuilder::addPrepare(size_t index) {
  const FunctionLayout &call = layout.functions[index];
  if (call.prepareSymbol.empty() || module.getFunction(call.prepareSymbol))
    return;
  int64_t bytes =
      library.preparations[library.functions[index].preparation].bytes;
  Function *query = addExported(call.preparedBytesSymbol, i64, {});
  IRBuilder<>(&query->getEntryBlock()).CreateRet(number(i64, bytes));
  Function *function =
      addExported(call.prepareSymbol, i32, {pointer, pointer, i64});
  IRBuilder<> builder(&function->getEntryBlock());
  Function *runtime = declareRuntime("gate_rt_prepare", i32,
                                     {pointer, pointer, pointer, pointer, i64});
  builder.CreateRet(builder.CreateCall(
      runtime, {libraryTable, preparationOf(index), function->getArg(0),
                function->getArg(1), function->getArg(2)}));
}

void EntryPointBuilder::build() {
  SmallVector<Constant *> tables;
  for (size_t i = 0; i < library.functions.size(); ++i)
    tables.push_back(addCallTable(i));
  libraryTable = cast<GlobalVariable>(addConstant(ConstantStruct::getAnon(
      {number(i32, GATE_ABI_VERSION),
       number(i32, static_cast<int64_t>(tables.size())), addPointers(tables),
       addString(library.cpuFeatures), addCudaTable()})));
  for (size_t i = 0; i < library.functions.size(); ++i) {
    addCall(i, tables[i]);
    addWorkspaceQuery(i, tables[i]);
    addPrepare(i);
    addInitState(i);
  }
  addForward("status_string", "gate_rt_status_string", pointer, {i32});
  addForward("last_error", "gate_rt_last_error", pointer, {});
  addForward("set_num_threads", "gate_rt_set_num_threads", i32, {i32});
  addForward("num_threads", "gate_rt_num_threads", i32, {});
  addForward("set_parallel_for", "gate_rt_set_parallel_for", i32,
             {pointer, pointer});
  if (library.hasCuda()) {
    addDeviceFunction("cuda_load", "gate_rt_cuda_load");
    addDeviceFunction("cuda_status", "gate_rt_cuda_status");
  }
  addConstantFunction("signature", addString(printSignatureJson(library)));
  addConstantFunction("version", addString(library.compiler));
  addConstantFunction("abi_version", number(i32, GATE_ABI_VERSION));
}

std::unique_ptr<Module> gate::buildEntryPoints(LLVMContext &context,
                                               const LibrarySignature &library,
                                               const Triple &triple,
                                               const DataLayout &layout) {
  assert(layout.getPointerSize() == 8 && "the tables have 64-bit pointers");
  auto module =
      std::make_unique<Module>(library.prefix + "_entry_points", context);
  module->setTargetTriple(triple);
  module->setDataLayout(layout);
  module->setPICLevel(PICLevel::BigPIC);
  EntryPointBuilder(*module, library).build();
  return module;
}
