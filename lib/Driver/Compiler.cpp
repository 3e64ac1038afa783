//===- Compiler.cpp - From source text to a shared library ----------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Compiler.h"

#include "Gate/IR/Gate.h"
#include "gate/Analysis/FunctionSignature.h"
#include "gate/Driver/LoadedLibrary.h"
#include "gate/Driver/Safetensors.h"
#include "gate/Pipelines/Pipelines.h"
#include "gate/Target/CPU/Emit.h"
#include "gate/Target/Library/Groups.h"

#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"

#include <cstring>

using namespace mlir;
using namespace gate;

std::string gate::versionText() {
  return std::string("gate ") + GATE_VERSION +
         " (LLVM " LLVM_VERSION_STRING ", ABI " +
         std::to_string(GATE_ABI_VERSION) + ")";
}

static constexpr StringRef fastStages[] = {"model", "tile", "cpu", "llvm"};
static constexpr StringRef referenceStages[] = {"written", "reference", "llvm"};

ArrayRef<StringRef> gate::stageNames() { return fastStages; }

void Compiler::registerDialects(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<GateDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
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
    if (!llvm::is_contained(fastStages, stage) &&
        !llvm::is_contained(referenceStages, stage))
      return error("--print-ir-after: unknown stage '" + stage +
                   "'; expects one of " + llvm::join(stageNames(), ", "));
  if (!options.saveTemps.empty())
    if (std::error_code code =
            llvm::sys::fs::create_directories(options.saveTemps))
      return error("cannot make folder " + options.saveTemps + ": " +
                   code.message());
  llvm::Expected<CPUMachine> machine = CPUMachine::parse(options.target);
  if (!machine)
    return error(llvm::toString(machine.takeError()));
  cpu = std::move(*machine);
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file =
      openInputFile(options.input, &message);
  if (!file)
    return error(message);
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  program = parseSourceFile<ModuleOp>(sources, &context);
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
  library.cpuFeatures = llvm::join(cpu.required, " ");
  library.compiler = versionText();
  for (func::FuncOp function : module().getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isDeclaration())
      continue;
    FailureOr<FunctionSignature> signature = computeSignature(function);
    if (failed(signature))
      return failure();
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

LogicalResult Compiler::runStage(StringRef stage) {
  if (options.progress)
    options.progress(stage);
  PassManager manager(&context);
  if (!options.reproducer.empty())
    manager.enableCrashReproducerGeneration(options.reproducer);
  if (stage == "model") {
    buildModelPipeline(manager);
  } else if (stage == "written") {
    buildWrittenPipeline(manager);
  } else if (stage == "tile") {
    TilePipelineOptions tileOptions;
    tileOptions.pairs = cpu.multipliesPairs;
    buildTilePipeline(manager, tileOptions);
  } else if (stage == "cpu") {
    CPUPipelineOptions cpuOptions;
    cpuOptions.vectorBits = cpu.vectorBits;
    cpuOptions.registers = cpu.registers;
    cpuOptions.pairs = cpu.multipliesPairs;
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
  if (failed(manager.run(module())))
    return failure();
  if (llvm::is_contained(options.printAfter, stage)) {
    llvm::errs() << "// after stage " << stage << "\n";
    module().print(llvm::errs());
  }
  if (!options.saveTemps.empty()) {
    llvm::SmallString<128> path(options.saveTemps);
    llvm::sys::path::append(path, options.prefix + "." + stage + ".mlir");
    std::string message;
    auto file = openOutputFile(path, &message);
    if (!file)
      return error(message);
    module().print(file->os());
    file->keep();
  }
  return success();
}

LogicalResult Compiler::runThrough(StringRef last) {
  ArrayRef<StringRef> stages = options.path == Path::Fast
                                   ? ArrayRef<StringRef>(fastStages)
                                   : ArrayRef<StringRef>(referenceStages);
  if (!last.empty() && !llvm::is_contained(stages, last))
    return error("unknown stage '" + last + "'; expects one of " +
                 llvm::join(stages, ", "));
  for (; done < stages.size(); ++done) {
    if (failed(runStage(stages[done])))
      return failure();
    if (done == 0 && failed(describeLibrary()))
      return failure();
    if (stages[done] == last) {
      ++done;
      break;
    }
  }
  return success();
}

LogicalResult Compiler::emit(
    function_ref<LogicalResult(std::unique_ptr<llvm::Module>)> consume) {
  if (options.progress)
    options.progress("code");
  llvm::LLVMContext llvmContext;
  EmitOptions emitOptions;
  emitOptions.fuseMultiplyAdd = options.path == Path::Fast;
  llvm::Expected<std::unique_ptr<llvm::Module>> code =
      emitLLVM(module(), library, cpu, emitOptions, llvmContext);
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
    auto bytes = emitObject(*code, cpu, emitOptions);
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
