//===- HalfFloatsTest.cpp - Rounding to 16 bits ---------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

extern "C" {
float __truncsfbf2(float);
float __truncdfbf2(double);
float __truncsfhf2(float);
float __truncdfhf2(double);
float __extendhfsf2(float);
}

static uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

static float extendBF16(uint32_t bits) { return fromBits(bits << 16); }
// Bits that are not the number's may be anything.
static float extendF16(uint32_t bits) {
  return __extendhfsf2(fromBits(bits | 0xabcd0000));
}

/// Both numbers beside a midpoint are exact, the midpoint goes to the even one,
/// and what is a little nearer to one of them goes there.
static void expectRounding(uint32_t low, float (*extend)(uint32_t),
                           float (*fromFloat)(float),
                           float (*fromDouble)(double)) {
  double a = extend(low), b = extend(low + 1);
  if (std::isinf(b)) // as if the exponent went on
    b = a + (a - extend(low - 1));
  double middle = (a + b) / 2;
  for (double sign : {1.0, -1.0}) {
    uint32_t signBit = sign < 0 ? 0x8000 : 0;
    uint32_t even = low + (low & 1);
    EXPECT_EQ(bitsOf(fromDouble(sign * a)), low | signBit);
    EXPECT_EQ(bitsOf(fromFloat(static_cast<float>(sign * a))), low | signBit);
    EXPECT_EQ(bitsOf(fromDouble(sign * middle)), even | signBit);
    EXPECT_EQ(bitsOf(fromFloat(static_cast<float>(sign * middle))),
              even | signBit);
    EXPECT_EQ(bitsOf(fromDouble(sign * std::nextafter(middle, 0))),
              low | signBit);
    EXPECT_EQ(bitsOf(fromDouble(sign * std::nextafter(middle, INFINITY))),
              (low + 1) | signBit);
    float near = static_cast<float>(middle);
    EXPECT_EQ(bitsOf(fromFloat(static_cast<float>(sign) *
                               std::nextafter(near, 0.0f))),
              low | signBit);
    EXPECT_EQ(bitsOf(fromFloat(static_cast<float>(sign) *
                               std::nextafter(near, INFINITY))),
              (low + 1) | signBit);
  }
}

TEST(HalfFloatsTest, BFloat16Rounding) {
  for (uint32_t low = 0; low < 0x7f80; ++low)
    expectRounding(low, extendBF16, __truncsfbf2, __truncdfbf2);
}

TEST(HalfFloatsTest, Float16Rounding) {
  for (uint32_t low = 0; low < 0x7c00; ++low)
    expectRounding(low, extendF16, __truncsfhf2, __truncdfhf2);
}

TEST(HalfFloatsTest, Float16Values) {
  EXPECT_EQ(extendF16(0x3c00), 1.0f);
  EXPECT_EQ(extendF16(0xc000), -2.0f);
  EXPECT_EQ(extendF16(0x7bff), 65504.0f);
  EXPECT_EQ(extendF16(0x0400), std::ldexp(1.0f, -14));
  EXPECT_EQ(extendF16(0x8001), -std::ldexp(1.0f, -24));
  EXPECT_EQ(bitsOf(extendF16(0x8000)), 0x80000000u);
}

TEST(HalfFloatsTest, NotFinite) {
  float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(bitsOf(__truncsfbf2(-infinity)), 0xff80u);
  EXPECT_EQ(bitsOf(__truncsfhf2(-infinity)), 0xfc00u);
  EXPECT_EQ(bitsOf(__truncdfbf2(1e300)), 0x7f80u);
  EXPECT_EQ(bitsOf(__truncdfhf2(-1e300)), 0xfc00u);
  EXPECT_EQ(extendF16(0xfc00), -infinity);
  // Those without a bit in the upper half too.
  for (uint32_t bits : {0x7fc00000u, 0xff800001u, 0x7fffffffu}) {
    uint32_t sign = bits >> 31 << 15;
    EXPECT_EQ(bitsOf(__truncsfbf2(fromBits(bits))) & 0xffc0, sign | 0x7fc0);
    EXPECT_EQ(bitsOf(__truncsfhf2(fromBits(bits))) & 0xfe00, sign | 0x7e00);
  }
  double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(bitsOf(__truncdfbf2(nan)) & 0x7fc0, 0x7fc0u);
  EXPECT_EQ(bitsOf(__truncdfhf2(nan)) & 0x7e00, 0x7e00u);
  EXPECT_TRUE(std::isnan(extendF16(0x7c01)));
}
