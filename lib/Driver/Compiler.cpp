//===- Compiler.cpp - From source text to a shared library ----------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Compiler.h"

#include "Block/IR/Block.h"

#include "Gate/IR/Gate.h"
#include "gate/Analysis/FunctionSignature.h"
#include "gate/Driver/LoadedLibrary.h"
#include "gate/Driver/Safetensors.h"
#include "gate/Pipelines/Pipelines.h"
#include "gate/Target/CPU/Emit.h"
#include "gate/Target/Library/Groups.h"
#include "gate/Target/NVIDIA/Emit.h"

#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/xxhash.h"

#include <cstring>
#include <map>

using namespace mlir;
using namespace gate;

std::string gate::versionText() {
  return std::string("gate ") + GATE_VERSION +
         " (LLVM " LLVM_VERSION_STRING ", ABI " +
         std::to_string(GATE_ABI_VERSION) + ")";
}

// The first stage is shared; each machine has its own way from there.
static constexpr StringRef modelStages[] = {"model"};
static constexpr StringRef cpuStages[] = {"tile", "cpu", "llvm"};
static constexpr StringRef deviceStages[] = {"tile", "block", "cuda", "llvm"};
static constexpr StringRef writtenStages[] = {"written"};
static constexpr StringRef referenceStages[] = {"reference", "llvm"};
static constexpr StringRef allStages[] = {"model", "tile", "cpu",
                                          "block", "cuda", "llvm"};

ArrayRef<StringRef> gate::stageNames() { return allStages; }

llvm::Expected<Targets> Targets::parse(StringRef text) {
  Targets targets;
  // A part that begins with no machine's name belongs to the one before it:
  // "cpu:NAME,+feature".
  SmallVector<StringRef> parts;
  text.split(parts, ',');
  SmallVector<std::string> machines;
  for (StringRef part : parts)
    if (machines.empty() || part == "cpu" || part.starts_with("cpu:") ||
        part == "cuda" || part.starts_with("cuda:"))
      machines.push_back(part.str());
    else
      machines.back() += "," + part.str();
  targets.hasCpu = false;
  for (const std::string &machine : machines) {
    if (StringRef(machine).starts_with("cuda")) {
      llvm::Expected<CudaMachine> gpu = CudaMachine::parse(machine);
      if (!gpu)
        return gpu.takeError();
      targets.gpus.push_back(*gpu);
      continue;
    }
    if (machine != "cpu" && !StringRef(machine).starts_with("cpu:"))
      return llvm::createStringError(
          "unknown target '" + machine +
          "'; expects cpu, cpu:NAME, cpu:NAME,+feature, cpu:+feature, cuda or "
          "cuda:NAME");
    if (targets.hasCpu)
      return llvm::createStringError("expects one CPU in --target, got '" +
                                     text + "'");
    llvm::Expected<CPUMachine> cpu = CPUMachine::parse(machine);
    if (!cpu)
      return cpu.takeError();
    targets.cpu = std::move(*cpu);
    targets.hasCpu = true;
  }
  if (!targets.hasCpu) {
    // What launches kernels runs anywhere.
    llvm::Expected<CPUMachine> host = CPUMachine::parse("cpu:x86-64");
    if (!host)
      return host.takeError();
    targets.cpu = std::move(*host);
  }
  return targets;
}

void Compiler::registerDialects(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<GateDialect, block::BlockDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

Compiler::Compiler(MLIRContext &context, CompileOptions options)
    : context(context), options(std::move(options)) {}

LogicalResult Compiler::error(const Twine &message) {
  return emitError(UnknownLoc::get(&context), message);
}

/// Whether `text` can begin a name in C.
static bool isIdentifier(StringRef text) {
  return !text.empty() && !llvm::isDigit(text.front()) &&
         llvm::all_of(text,
                      [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

LogicalResult Compiler::parse() {
  if (!isIdentifier(options.prefix))
    return error(
        "expects a prefix of letters, digits and underscores that does "
        "not start with a digit, got '" +
        options.prefix + "'; --prefix=NAME sets another");
  for (const std::string &stage : options.printAfter)
    if (!llvm::is_contained(allStages, stage) &&
        !llvm::is_contained(writtenStages, stage) &&
        !llvm::is_contained(referenceStages, stage))
      return error("--print-ir-after: unknown stage '" + stage +
                   "'; expects one of " + llvm::join(stageNames(), ", "));
  if (!options.saveTemps.empty())
    if (std::error_code code =
            llvm::sys::fs::create_directories(options.saveTemps))
      return error("cannot make folder " + options.saveTemps + ": " +
                   code.message());
  llvm::Expected<Targets> parsed = Targets::parse(options.target);
  if (!parsed)
    return error(llvm::toString(parsed.takeError()));
  targets = std::move(*parsed);
  if (options.allowTf32 && targets.gpus.empty())
    return error("--allow-tf32 expects a GPU, for example "
                 "--target=cuda:sm_90a; CPUs multiply f32 as f32");
  if (options.path != Path::Fast) {
    // References are for comparison, on this machine.
    targets.gpus.clear();
    if (!targets.hasCpu)
      targets = llvm::cantFail(Targets::parse("cpu"));
  }
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file =
      openInputFile(options.input, &message);
  if (!file)
    return error(message);
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  program = parseSourceFile<ModuleOp>(sources, &context);
  latest = program.get();
  return success(static_cast<bool>(program));
}

/// Makes a tensor f64, with the values of an embedded one.
static void widen(TensorSignature &tensor) {
  if (!tensor.embedded.empty()) {
    Array own(tensor.type, tensor.shape);
    std::memcpy(own.data(), tensor.embedded.data(), tensor.embedded.size());
    Array wide = own.convert(ElementType::F64);
    tensor.embedded.assign(static_cast<const char *>(wide.data()),
                           wide.bytes());
  }
  tensor.type = ElementType::F64;
}

/// The signature of what the module exports now, and its checks.
LogicalResult Compiler::describeLibrary() {
  library.prefix = options.prefix;
  library.cpuFeatures = llvm::join(targets.cpu.required, " ");
  library.compiler = versionText();
  for (func::FuncOp function : module().getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isDeclaration())
      continue;
    FailureOr<FunctionSignature> signature = computeSignature(function);
    if (failed(signature))
      return failure();
    if (!targets.gpus.empty()) {
      signature->launchSymbol = launchSymbolOf(function.getName());
      signature->launchWorkspaceSymbol =
          launchWorkspaceSymbolOf(function.getName());
    }
    if (!targets.hasCpu) {
      signature->bodySymbol.clear();
      signature->workspaceSymbol.clear();
    }
    library.functions.push_back(std::move(*signature));
  }
  if (library.functions.empty())
    return error("expects at least one public function in " + options.input);
  if (std::optional<std::string> conflict = findNameConflict(library))
    return error(*conflict);
  if (!options.embed.empty() && failed(embedParameters()))
    return failure();
  if (options.path == Path::Oracle)
    for (FunctionSignature &function : library.functions)
      for (TensorSignature &tensor : function.tensors)
        if (tensor.type == ElementType::F32 ||
            tensor.type == ElementType::BF16 || tensor.type == ElementType::F16)
          widen(tensor);
  return success();
}

LogicalResult Compiler::embedParameters() {
  llvm::Expected<Safetensors> file = Safetensors::open(options.embed);
  if (!file)
    return error(llvm::toString(file.takeError()));
  for (FunctionSignature &function : library.functions)
    for (TensorSignature &tensor : function.tensors) {
      if (tensor.role != GATE_ROLE_PARAMETER)
        continue;
      llvm::Expected<std::string> bytes =
          file->read(tensor.name, tensor.type, tensor.shape);
      if (!bytes)
        return error(llvm::toString(bytes.takeError()));
      tensor.embedded = std::move(*bytes);
    }
  return success();
}

/// What stage "tile" found to be worth preparing.
LogicalResult Compiler::describePreparations() {
  std::map<std::string, int32_t> known;
  for (FunctionSignature &signature : library.functions) {
    auto function = module().lookupSymbol<func::FuncOp>(signature.name);
    auto symbol =
        function->getAttrOfType<FlatSymbolRefAttr>("gate.preparation");
    if (!symbol)
      continue;
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (auto offset =
              function.getArgAttrOfType<IntegerAttr>(i, "gate.prepared"))
        signature.preparedOffsets.push_back(offset.getInt());
    auto [entry, isNew] =
        known.insert({symbol.getValue().str(), library.preparations.size()});
    signature.preparation = entry->second;
    if (!isNew)
      continue;
    auto prepare = module().lookupSymbol<func::FuncOp>(symbol.getAttr());
    PreparationSignature preparation;
    preparation.bodySymbol = bodySymbolOf(prepare.getName());
    preparation.workspaceSymbol = workspaceSymbolOf(prepare.getName());
    for (unsigned i = 0; i < prepare.getNumResults(); ++i)
      preparation.offsets.push_back(
          prepare.getResultAttrOfType<IntegerAttr>(i, "gate.prepared")
              .getInt());
    preparation.bytes =
        prepare->getAttrOfType<IntegerAttr>("gate.prepared_bytes").getInt();
    // What is written follows from the function and from how it is compiled.
    std::string text;
    llvm::raw_string_ostream stream(text);
    stream << library.prefix << "\n"
           << library.compiler << "\n"
           << library.cpuFeatures << "\n"
           << prepare;
    preparation.identity = llvm::xxh3_64bits(text);
    library.preparations.push_back(std::move(preparation));
  }
  if (std::optional<std::string> conflict = findNameConflict(library))
    return error(*conflict);
  return success();
}

LogicalResult Compiler::runStage(ModuleOp module, StringRef stage,
                                 const CudaMachine *gpu) {
  bool onDevice = gpu != nullptr;
  if (options.progress)
    options.progress(stage);
  PassManager manager(&context);
  // What a stage promises is verified once; gate-opt does so after every pass.
  manager.enableVerifier(false);
  if (!options.reproducer.empty())
    manager.enableCrashReproducerGeneration(options.reproducer);
  if (stage == "model") {
    buildModelPipeline(manager);
  } else if (stage == "written") {
    buildWrittenPipeline(manager);
  } else if (stage == "tile") {
    TilePipelineOptions tileOptions;
    tileOptions.kernels = onDevice;
    tileOptions.pairs = !onDevice && targets.cpu.multipliesPairs;
    // There is no struct to hand prepared memory over in.
    tileOptions.prepare = options.embed.empty();
    tileOptions.schedule = options.schedule;
    buildTilePipeline(manager, tileOptions);
  } else if (stage == "block") {
    buildBlockPipeline(manager);
  } else if (stage == "cuda") {
    CudaPipelineOptions cudaOptions;
    cudaOptions.warpgroups = gpu->hasWarpgroups;
    cudaOptions.allowTf32 = options.allowTf32;
    cudaOptions.tensorMaps = gpu->hasTensorMaps;
    cudaOptions.sharedBytes = gpu->sharedBytes;
    buildCudaPipeline(manager, cudaOptions);
  } else if (stage == "cpu") {
    CPUPipelineOptions cpuOptions;
    cpuOptions.vectorBits = targets.cpu.vectorBits;
    cpuOptions.registers = targets.cpu.registers;
    cpuOptions.pairs = targets.cpu.multipliesPairs;
    buildCPUPipeline(manager, cpuOptions);
  } else if (stage == "reference") {
    ReferencePipelineOptions reference;
    reference.promote = options.path == Path::Oracle;
    buildReferencePipeline(manager, reference);
  } else {
    buildLLVMPipeline(manager);
    if (options.debug)
      manager.addPass(LLVM::createDIScopeForLLVMFuncOpPass());
  }
  if (failed(manager.run(module)) || failed(verify(module)))
    return failure();
  if (options.observe)
    options.observe(stage, module, onDevice);
  if (llvm::is_contained(options.printAfter, stage)) {
    llvm::errs() << "// after stage " << stage << (onDevice ? " (cuda)" : "")
                 << "\n";
    module.print(llvm::errs());
  }
  if (!options.saveTemps.empty()) {
    llvm::SmallString<128> path(options.saveTemps);
    llvm::sys::path::append(path, options.prefix + "." +
                                      (onDevice ? "device." : "") + stage +
                                      ".mlir");
    std::string message;
    auto file = openOutputFile(path, &message);
    if (!file)
      return error(message);
    module.print(file->os());
    file->keep();
  }
  return success();
}

LogicalResult Compiler::runStages(ModuleOp module, ArrayRef<StringRef> stages,
                                  size_t &next, StringRef last, bool onDevice) {
  latest = module;
  while (next < stages.size()) {
    StringRef stage = stages[next++];
    // From here on kernels are of one GPU; the others' are made aside.
    if (onDevice && stage == "cuda")
      for (const CudaMachine &gpu : ArrayRef(targets.gpus).drop_front()) {
        OwningOpRef<ModuleOp> copy(cast<ModuleOp>(module->clone()));
        if (failed(runStage(*copy, stage, &gpu)))
          return failure();
        otherKernels.push_back(std::move(copy));
      }
    // Kernels leave the program before what launches them becomes code.
    if (onDevice && stage == "llvm" && failed(emitKernels()))
      return failure();
    if (failed(runStage(module, stage,
                        onDevice ? &targets.gpus.front() : nullptr)))
      return failure();
    if (!onDevice && stage == "tile" && failed(describePreparations()))
      return failure();
    if (stage == last)
      break;
  }
  return success();
}

/// PTX, and machine code where ptxas is there, for all GPUs.
LogicalResult Compiler::emitKernels() {
  auto kernelsOf = [](ModuleOp module) {
    return cast<ModuleOp>(
        SymbolTable::lookupSymbolIn(module, kernelModuleName()));
  };
  for (auto [position, gpu] : llvm::enumerate(targets.gpus)) {
    ModuleOp kernels =
        kernelsOf(position ? *otherKernels[position - 1] : *deviceProgram);
    CudaImage image{
        gpu.name.str(),          gpu.major, gpu.minor, gpu.isExact, "", "",
        describeKernels(kernels)};
    llvm::Expected<std::string> ptx = emitPTX(kernels, gpu);
    if (!ptx)
      return error(llvm::toString(ptx.takeError()));
    image.ptx = std::move(*ptx);
    if (hasAssembler()) {
      llvm::Expected<AssembledKernels> code = assemble(image.ptx, gpu);
      if (!code)
        return error(llvm::toString(code.takeError()));
      if (code->isUnoptimized)
        emitWarning(UnknownLoc::get(&context))
            << "ptxas did not end for " << gpu.name
            << " and was run without optimization: these kernels are "
               "slow";
      image.cubin = std::move(code->cubin);
      assembled.push_back(std::move(code->resources));
    }
    library.images.push_back(std::move(image));
  }
  otherKernels.clear();
  kernelsOf(*deviceProgram)->erase();
  return success();
}

LogicalResult Compiler::runThrough(StringRef last) {
  bool isFast = options.path == Path::Fast;
  ArrayRef<StringRef> first = isFast ? ArrayRef<StringRef>(modelStages)
                                     : ArrayRef<StringRef>(writtenStages);
  ArrayRef<StringRef> rest = isFast ? ArrayRef<StringRef>(cpuStages)
                                    : ArrayRef<StringRef>(referenceStages);
  bool onCpu = targets.hasCpu, onDevice = !targets.gpus.empty();
  SmallVector<StringRef> known(first);
  if (onCpu)
    llvm::append_range(known, rest);
  if (onDevice)
    for (StringRef stage : deviceStages)
      if (!llvm::is_contained(known, stage))
        known.push_back(stage);
  if (!last.empty() && !llvm::is_contained(known, last))
    return error("unknown stage '" + last + "'; expects one of " +
                 llvm::join(known, ", "));
  bool describes = modelDone == 0;
  if (failed(runStages(program.get(), first, modelDone, last, false)))
    return failure();
  if (describes && failed(describeLibrary()))
    return failure();
  if (last == first.front())
    return success();
  if (onDevice && !deviceProgram)
    deviceProgram = cast<ModuleOp>(program.get()->clone());
  // A stage that both have is shown of the CPU.
  bool isOfCpu = last.empty() || llvm::is_contained(rest, last);
  if (onCpu && isOfCpu &&
      failed(runStages(program.get(), rest, cpuDone, last, false)))
    return failure();
  if (onDevice && (last.empty() || !onCpu || !isOfCpu))
    return runStages(deviceProgram.get(), deviceStages, deviceDone, last, true);
  return success();
}

LogicalResult Compiler::emit(
    function_ref<LogicalResult(std::unique_ptr<llvm::Module>)> consume) {
  if (options.progress)
    options.progress("code");
  llvm::LLVMContext llvmContext;
  EmitOptions emitOptions;
  emitOptions.fuseMultiplyAdd = options.path == Path::Fast;
  SmallVector<ModuleOp> programs;
  if (targets.hasCpu)
    programs.push_back(program.get());
  if (deviceProgram)
    programs.push_back(deviceProgram.get());
  llvm::Expected<std::unique_ptr<llvm::Module>> code =
      emitLLVM(programs, library, targets.cpu, emitOptions, llvmContext);
  if (!code)
    return error(llvm::toString(code.takeError()));
  return consume(std::move(*code));
}

LogicalResult Compiler::writeLLVM(const std::string &path) {
  return emit([&](std::unique_ptr<llvm::Module> code) -> LogicalResult {
    std::string message;
    auto file = openOutputFile(path, &message);
    if (!file)
      return error(message);
    code->print(file->os(), nullptr);
    file->keep();
    return success();
  });
}

LogicalResult Compiler::writeObject(const std::string &path) {
  return emit([&](std::unique_ptr<llvm::Module> code) -> LogicalResult {
    EmitOptions emitOptions;
    emitOptions.fuseMultiplyAdd = options.path == Path::Fast;
    auto bytes = emitObject(*code, targets.cpu, emitOptions);
    if (!bytes)
      return error(llvm::toString(bytes.takeError()));
    std::string message;
    auto file = openOutputFile(path, &message);
    if (!file)
      return error(message);
    file->os().write(bytes->data(), bytes->size());
    file->keep();
    return success();
  });
}

LogicalResult Compiler::writeLibrary(const std::string &path) {
  llvm::SmallString<128> folder;
  if (std::error_code code =
          llvm::sys::fs::createUniqueDirectory("gate", folder))
    return error("cannot make a temporary folder: " + code.message());
  // Fixed names in a folder of our own: nothing random can reach the output.
  std::string object = (folder + "/code.o").str();
  std::string runtime = (folder + "/runtime.o").str();
  LogicalResult result = writeObject(object);
  if (succeeded(result)) {
    if (llvm::Error failed = writeRuntimeObject(runtime))
      result = error(llvm::toString(std::move(failed)));
    else if (llvm::Error failed = linkLibrary({object, runtime}, path,
                                              options.linker, options.debug))
      result = error(llvm::toString(std::move(failed)));
  }
  if (!options.saveTemps.empty()) {
    llvm::SmallString<128> kept(options.saveTemps);
    llvm::sys::path::append(kept, options.prefix + ".o");
    llvm::sys::fs::copy_file(object, kept);
  }
  llvm::sys::fs::remove_directories(folder);
  return result;
}
