//===- HalfFloats.cpp - Conversions that some CPUs have no code for -------===//
//
// LLVM calls these where the CPU cannot round to 16 bits itself: bfloat16
// before AVX512-BF16, float16 before F16C. They are otherwise part of the
// libraries of compilers, and not of all versions of them.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <stdint.h>
#include <string.h>

// A 16-bit number is passed in the low bits of a vector register, as are the
// bits of a float; not every compiler has types for both formats.
using Low16 = float;

static uint32_t bitsOf(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float fromBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/// Rounds to odd: rounding the result again to fewer bits gives what rounding
/// `value` once does.
static float roundToOdd(double value) {
  float rounded = static_cast<float>(value);
  double back = rounded;
  if (back == value || value != value)
    return rounded;
  uint32_t bits = bitsOf(rounded);
  bool isTooLarge = value < 0 ? back < value : back > value;
  return fromBits((bits - isTooLarge) | 1);
}

extern "C" {
Low16 __truncsfbf2(float value) {
  uint32_t bits = bitsOf(value);
  if (value != value) // stays no number, and quiet
    return fromBits((bits >> 16) | 0x40);
  return fromBits((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

Low16 __truncdfbf2(double value) { return __truncsfbf2(roundToOdd(value)); }

Low16 __truncsfhf2(float value) {
  uint32_t bits = bitsOf(value) & 0x7fffffff;
  uint32_t sign = (bitsOf(value) >> 16) & 0x8000;
  if (bits > 0x7f800000)
    return fromBits(sign | 0x7e00 | ((bits >> 13) & 0x1ff));
  if (bits >= 0x477ff000) // 65520 and more
    return fromBits(sign | 0x7c00);
  if (bits < 0x38800000) // below 2^-14, in units of 2^-24 as numbers near 0.5
    return fromBits(sign | (bitsOf(fromBits(bits) + 0.5f) - bitsOf(0.5f)));
  bits += 0xfff + ((bits >> 13) & 1) - (112u << 23);
  return fromBits(sign | (bits >> 13));
}

Low16 __truncdfhf2(double value) { return __truncsfhf2(roundToOdd(value)); }

float __extendhfsf2(Low16 value) {
  uint32_t half = bitsOf(value) & 0xffff;
  uint32_t bits = half & 0x7fff, sign = (half & 0x8000) << 16;
  if (bits > 0x7c00) // stays no number, and quiet
    return fromBits(sign | 0x7fc00000 | (bits << 13));
  if (bits == 0x7c00)
    return fromBits(sign | 0x7f800000);
  if (bits < 0x400)
    return fromBits(sign | bitsOf(static_cast<float>(bits) / (1 << 24)));
  return fromBits(sign | ((bits << 13) + (112u << 23)));
}
}
