//===- Safetensors.cpp - Reading parameters -------------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Safetensors.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"

using namespace gate;

static llvm::Error fail(const llvm::Twine &message) {
  return llvm::createStringError(message);
}

llvm::Expected<Safetensors> Safetensors::open(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(path + ": " + buffer.getError().message());
  Safetensors result;
  result.path = path;
  result.file = std::move(*buffer);
  llvm::StringRef bytes = result.file->getBuffer();
  if (bytes.size() < 8)
    return fail(path + ": expects a safetensors file, got " +
                llvm::Twine(bytes.size()) + " bytes");
  uint64_t length = llvm::support::endian::read64le(bytes.data());
  if (length > bytes.size() - 8)
    return fail(path + ": header of " + llvm::Twine(length) +
                " bytes is longer than the file");
  auto parsed = llvm::json::parse(bytes.substr(8, length));
  if (!parsed)
    return fail(path +
                ": header is no JSON: " + llvm::toString(parsed.takeError()));
  llvm::json::Object *object = parsed->getAsObject();
  if (!object)
    return fail(path + ": expects a JSON object as header");
  result.header = std::move(*object);
  result.data = bytes.substr(8 + length);
  return result;
}

/// The format's name of an element type.
static llvm::StringRef typeCode(ElementType type) {
  switch (type) {
  case ElementType::F64:
    return "F64";
  case ElementType::F32:
    return "F32";
  case ElementType::BF16:
    return "BF16";
  case ElementType::F16:
    return "F16";
  case ElementType::I64:
    return "I64";
  case ElementType::I32:
    return "I32";
  case ElementType::I8:
    return "I8";
  case ElementType::U8:
    return "U8";
  case ElementType::I1:
    return "BOOL";
  }
  llvm_unreachable("unknown element type");
}

static std::string describe(llvm::StringRef type,
                            llvm::ArrayRef<int64_t> shape) {
  std::string text = type.str() + " [";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

llvm::Expected<std::string>
Safetensors::read(const std::string &name, ElementType type,
                  llvm::ArrayRef<int64_t> shape) const {
  const llvm::json::Object *entry = header.getObject(name);
  if (!entry)
    return fail(path + ": has no tensor '" + name + "'");
  llvm::SmallVector<int64_t> own;
  if (const llvm::json::Array *sizes = entry->getArray("shape"))
    for (const llvm::json::Value &size : *sizes)
      own.push_back(size.getAsInteger().value_or(-1));
  llvm::StringRef ownType = entry->getString("dtype").value_or("?");
  if (ownType != typeCode(type) || llvm::ArrayRef<int64_t>(own) != shape)
    return fail(path + ": tensor '" + name + "': expected " +
                describe(typeCode(type), shape) + ", got " +
                describe(ownType, own));
  const llvm::json::Array *place = entry->getArray("data_offsets");
  int64_t begin = -1, end = -1;
  if (place && place->size() == 2) {
    begin = (*place)[0].getAsInteger().value_or(-1);
    end = (*place)[1].getAsInteger().value_or(-1);
  }
  int64_t bytes = 1;
  for (int64_t size : shape)
    bytes *= size;
  if (type == ElementType::F64 || type == ElementType::I64)
    bytes *= 8;
  else if (type == ElementType::F32 || type == ElementType::I32)
    bytes *= 4;
  else if (type == ElementType::BF16 || type == ElementType::F16)
    bytes *= 2;
  if (begin < 0 || end < begin || end > static_cast<int64_t>(data.size()) ||
      end - begin != bytes)
    return fail(path + ": tensor '" + name + "': bad data_offsets");
  return data.substr(begin, end - begin).str();
}
