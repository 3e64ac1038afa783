// RUN: gate-opt --gate-simplify-blocks %s | FileCheck %s

// A tile that is read of a slice is zero past the slice's end: masking it there
// changes nothing, nor does it behind ops that keep zeros. Masks along columns
// are made by broadcasts, along rows by transposes of those.
// CHECK-LABEL: func.func @masks(
// CHECK:         %[[TILE:.*]] = vector.transfer_read
// CHECK-NEXT:    %[[WIDE:.*]] = arith.extf %[[TILE]]
// CHECK-NEXT:    %[[TWICE:.*]] = arith.addf %[[WIDE]], %[[WIDE]]
// CHECK-NOT:     arith.select
// CHECK:         return %[[TILE]], %[[TWICE]]
func.func @masks(%x: tensor<64x16xbf16>, %rows: index) -> (vector<64x16xbf16>, vector<64x16xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %zeros = arith.constant dense<0.0> : vector<64x16xbf16>
  %zeros32 = arith.constant dense<0.0> : vector<64x16xf32>
  %part = tensor.extract_slice %x[0, 0] [%rows, 16] [1, 1] : tensor<64x16xbf16> to tensor<?x16xbf16>
  %tile = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [false, true]} : tensor<?x16xbf16>, vector<64x16xbf16>
  %inside = vector.create_mask %rows : vector<64xi1>
  %turned = vector.broadcast %inside : vector<64xi1> to vector<16x64xi1>
  %mask = vector.transpose %turned, [1, 0] : vector<16x64xi1> to vector<64x16xi1>
  %a = arith.select %mask, %tile, %zeros : vector<64x16xi1>, vector<64x16xbf16>
  %wide = arith.extf %tile : vector<64x16xbf16> to vector<64x16xf32>
  %twice = arith.addf %wide, %wide : vector<64x16xf32>
  %b = arith.select %mask, %twice, %zeros32 : vector<64x16xi1>, vector<64x16xf32>
  return %a, %b : vector<64x16xbf16>, vector<64x16xf32>
}

// Along columns, of a tile that was turned after its read; a bound below zero
// keeps zeros.
// CHECK-LABEL: func.func @mask_of_turned(
// CHECK:         %[[BOUNDED:.*]] = arith.maximumf
// CHECK-NOT:     arith.select
// CHECK:         return %[[BOUNDED]]
func.func @mask_of_turned(%x: tensor<64x16xf32>, %rows: index) -> vector<16x64xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %zeros = arith.constant dense<0.0> : vector<16x64xf32>
  %low = arith.constant dense<-1.0> : vector<16x64xf32>
  %part = tensor.extract_slice %x[0, 0] [%rows, 16] [1, 1] : tensor<64x16xf32> to tensor<?x16xf32>
  %tile = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [false, true]} : tensor<?x16xf32>, vector<64x16xf32>
  %turned = vector.transpose %tile, [1, 0] : vector<64x16xf32> to vector<16x64xf32>
  %bounded = arith.maximumf %turned, %low : vector<16x64xf32>
  %inside = vector.create_mask %rows : vector<64xi1>
  %mask = vector.broadcast %inside : vector<64xi1> to vector<16x64xi1>
  %a = arith.select %mask, %bounded, %zeros : vector<16x64xi1>, vector<16x64xf32>
  return %a : vector<16x64xf32>
}

// Masks that must stay: of another end, along the other dim, of what is not zero
// past the end: read from further on, with other padding, in bounds, computed by
// an op that makes ones of zeros, or bounded from above zero.
// CHECK-LABEL: func.func @needed_masks(
// CHECK-COUNT-7: arith.select
// CHECK:         return
func.func @needed_masks(%x: tensor<16x16xf32>, %rows: index, %other: index)
    -> (vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %zeros = arith.constant dense<0.0> : vector<16x16xf32>
  %ones = arith.constant dense<1.0> : vector<16x16xf32>
  %part = tensor.extract_slice %x[0, 0] [%rows, 16] [1, 1] : tensor<16x16xf32> to tensor<?x16xf32>
  %tile = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [false, true]} : tensor<?x16xf32>, vector<16x16xf32>
  %inside = vector.create_mask %rows : vector<16xi1>
  %columns = vector.broadcast %inside : vector<16xi1> to vector<16x16xi1>
  %mask = vector.transpose %columns, [1, 0] : vector<16x16xi1> to vector<16x16xi1>
  %otherInside = vector.create_mask %other : vector<16xi1>
  %otherColumns = vector.broadcast %otherInside : vector<16xi1> to vector<16x16xi1>
  %otherMask = vector.transpose %otherColumns, [1, 0] : vector<16x16xi1> to vector<16x16xi1>
  %a = arith.select %otherMask, %tile, %zeros : vector<16x16xi1>, vector<16x16xf32>
  %b = arith.select %columns, %tile, %zeros : vector<16x16xi1>, vector<16x16xf32>
  %further = vector.transfer_read %part[%c1, %c0], %zero {in_bounds = [false, true]} : tensor<?x16xf32>, vector<16x16xf32>
  %c = arith.select %mask, %further, %zeros : vector<16x16xi1>, vector<16x16xf32>
  %padded = vector.transfer_read %part[%c0, %c0], %one {in_bounds = [false, true]} : tensor<?x16xf32>, vector<16x16xf32>
  %d = arith.select %mask, %padded, %zeros : vector<16x16xi1>, vector<16x16xf32>
  %whole = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : tensor<16x16xf32>, vector<16x16xf32>
  %e = arith.select %mask, %whole, %zeros : vector<16x16xi1>, vector<16x16xf32>
  %exp = math.exp %tile : vector<16x16xf32>
  %f = arith.select %mask, %exp, %zeros : vector<16x16xi1>, vector<16x16xf32>
  %bounded = arith.maximumf %tile, %ones : vector<16x16xf32>
  %g = arith.select %mask, %bounded, %zeros : vector<16x16xi1>, vector<16x16xf32>
  return %a, %b, %c, %d, %e, %f, %g : vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>
}

// A bound that bf16 has, and one that it has not.
// CHECK-LABEL: func.func @bounds(
// CHECK-SAME:    %[[X:[^:]*]]: vector<16xbf16>)
// CHECK-DAG:     %[[LOW:.*]] = arith.constant dense<-9.984000e+03> : vector<16xbf16>
// CHECK-DAG:     %[[ODD:.*]] = arith.constant dense<-1.000000e+04> : vector<16xf32>
// CHECK:         %[[NARROW:.*]] = arith.maximumf %[[X]], %[[LOW]] : vector<16xbf16>
// CHECK-NEXT:    %[[A:.*]] = arith.extf %[[NARROW]]
// CHECK-NEXT:    %[[NARROW:.*]] = arith.minimumf %[[X]], %[[LOW]] : vector<16xbf16>
// CHECK-NEXT:    %[[B:.*]] = arith.extf %[[NARROW]]
// CHECK-NEXT:    %[[WIDE:.*]] = arith.extf %[[X]]
// CHECK-NEXT:    %[[C:.*]] = arith.maximumf %[[WIDE]], %[[ODD]] : vector<16xf32>
// CHECK-NEXT:    return %[[A]], %[[B]], %[[C]]
func.func @bounds(%x: vector<16xbf16>) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>) {
  %low = arith.constant dense<-9984.0> : vector<16xf32>
  %odd = arith.constant dense<-10000.0> : vector<16xf32>
  %wide = arith.extf %x : vector<16xbf16> to vector<16xf32>
  %a = arith.maximumf %wide, %low : vector<16xf32>
  %b = arith.minimumf %wide, %low : vector<16xf32>
  %wide2 = arith.extf %x : vector<16xbf16> to vector<16xf32>
  %c = arith.maximumf %wide2, %odd : vector<16xf32>
  return %a, %b, %c : vector<16xf32>, vector<16xf32>, vector<16xf32>
}

// x - x is 0 for all that is finite.
// CHECK-LABEL: func.func @differences(
// CHECK-DAG:     %[[ZERO:.*]] = arith.constant dense<0.0{{.*}}> : vector<16xf32>
// CHECK:         %[[ASKED:.*]] = arith.subf
// CHECK-NEXT:    %[[OTHER:.*]] = arith.subf
// CHECK-NEXT:    return %[[ZERO]], %[[ASKED]], %[[OTHER]]
func.func @differences(%x: vector<16xbf16>, %y: vector<16xbf16>) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>) {
  %a = arith.extf %x : vector<16xbf16> to vector<16xf32>
  %b = arith.extf %x : vector<16xbf16> to vector<16xf32>
  %c = arith.extf %y : vector<16xbf16> to vector<16xf32>
  %zero = arith.subf %a, %b fastmath<nnan,ninf> : vector<16xf32>
  %asked = arith.subf %a, %b fastmath<nnan> : vector<16xf32>
  %other = arith.subf %a, %c fastmath<nnan,ninf> : vector<16xf32>
  return %zero, %asked, %other : vector<16xf32>, vector<16xf32>, vector<16xf32>
}

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// What is made of positions, times zeros, adds nothing. What comes from outside
// might be infinite, and the largest of numbers is not a sum.
// CHECK-LABEL: func.func @products(
// CHECK-SAME:    %[[X:[^:]*]]: vector<16x16xbf16>, %[[ACC:[^:]*]]: vector<16x16xf32>)
// CHECK:         %[[B:.*]] = vector.contract {{.*}} %[[X]], %{{.*}}, %[[ACC]]
// CHECK-NEXT:    %[[C:.*]] = vector.contract {{.*}}kind<maximumf>{{.*}}, %[[ACC]]
// CHECK-NEXT:    return %[[ACC]], %[[B]], %[[C]]
func.func @products(%x: vector<16x16xbf16>, %acc: vector<16x16xf32>) -> (vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>) {
  %zeros = arith.constant dense<0.0> : vector<16x16xbf16>
  %ones = arith.constant dense<1.0> : vector<16x16xbf16>
  %step = vector.step : vector<16xindex>
  %k = vector.broadcast %step : vector<16xindex> to vector<16x16xindex>
  %m = vector.transpose %k, [1, 0] : vector<16x16xindex> to vector<16x16xindex>
  %is = arith.cmpi ule, %k, %m : vector<16x16xindex>
  %signs = arith.select %is, %ones, %zeros : vector<16x16xi1>, vector<16x16xbf16>
  %a = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %signs, %zeros, %acc
    : vector<16x16xbf16>, vector<16x16xbf16> into vector<16x16xf32>
  %b = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %x, %zeros, %acc
    : vector<16x16xbf16>, vector<16x16xbf16> into vector<16x16xf32>
  %c = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<maximumf>} %signs, %zeros, %acc
    : vector<16x16xbf16>, vector<16x16xbf16> into vector<16x16xf32>
  return %a, %b, %c : vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>
}

// A mask along the depth of what is made, where the other side ends at the same
// place; with another end, or along rows, it stays.
// CHECK-LABEL: func.func @masked_products(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<16x16xbf16>
// CHECK-DAG:     %[[SIGNS:.*]] = arith.constant dense<1.0{{.*}}> : vector<16x16xbf16>
// CHECK:         vector.contract {{.*}} %[[SIGNS]], %
// CHECK:         %[[MASKED:.*]] = arith.select
// CHECK:         vector.contract {{.*}} %[[MASKED]], %
// CHECK:         %[[MASKED:.*]] = arith.select
// CHECK:         vector.contract {{.*}} %[[MASKED]], %
func.func @masked_products(%x: tensor<16x16xbf16>, %depth: index, %other: index, %acc: vector<16x16xf32>) -> vector<16x16xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %zeros = arith.constant dense<0.0> : vector<16x16xbf16>
  %ones = arith.constant dense<1.0> : vector<16x16xbf16>
  %part = tensor.extract_slice %x[0, 0] [16, %depth] [1, 1] : tensor<16x16xbf16> to tensor<16x?xbf16>
  %r = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [true, false]} : tensor<16x?xbf16>, vector<16x16xbf16>
  %inside = vector.create_mask %depth : vector<16xi1>
  %mask = vector.broadcast %inside : vector<16xi1> to vector<16x16xi1>
  %l = arith.select %mask, %ones, %zeros : vector<16x16xi1>, vector<16x16xbf16>
  %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
    : vector<16x16xbf16>, vector<16x16xbf16> into vector<16x16xf32>
  %otherInside = vector.create_mask %other : vector<16xi1>
  %otherMask = vector.broadcast %otherInside : vector<16xi1> to vector<16x16xi1>
  %m = arith.select %otherMask, %ones, %zeros : vector<16x16xi1>, vector<16x16xbf16>
  %q = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %m, %r, %p
    : vector<16x16xbf16>, vector<16x16xbf16> into vector<16x16xf32>
  %rows = vector.transpose %mask, [1, 0] : vector<16x16xi1> to vector<16x16xi1>
  %n = arith.select %rows, %ones, %zeros : vector<16x16xi1>, vector<16x16xbf16>
  %s = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %n, %r, %q
    : vector<16x16xbf16>, vector<16x16xbf16> into vector<16x16xf32>
  return %s : vector<16x16xf32>
}

// Of a sigmoid that is rounded to 16 bits few bits are kept: the exponential and
// the division may be approximate.
// CHECK-LABEL: func.func @narrow(
// CHECK:         math.exp %{{.*}} fastmath<afn>
// CHECK:         arith.divf %{{.*}} fastmath<afn>
func.func @narrow(%x: vector<16xf32>) -> vector<16xbf16> {
  %one = arith.constant dense<1.0> : vector<16xf32>
  %n = arith.negf %x : vector<16xf32>
  %e = math.exp %n : vector<16xf32>
  %s = arith.addf %e, %one : vector<16xf32>
  %d = arith.divf %one, %s : vector<16xf32>
  %y = arith.truncf %d : vector<16xf32> to vector<16xbf16>
  return %y : vector<16xbf16>
}

// They are not where all bits of one use are kept, where a difference might lose
// the leading ones, or where a denominator might be tiny.
// CHECK-LABEL: func.func @exact(
// CHECK-NOT:     afn
// CHECK:         return
func.func @exact(%x: vector<16xf32>, %z: vector<16xf32>) -> (vector<16xbf16>, vector<16xf32>, vector<16xbf16>, vector<16xbf16>) {
  %one = arith.constant dense<1.0> : vector<16xf32>
  %minusOne = arith.constant dense<-1.0> : vector<16xf32>
  %e = math.exp %x : vector<16xf32>
  %a = arith.truncf %e : vector<16xf32> to vector<16xbf16>
  %f = math.exp %z : vector<16xf32>
  %difference = arith.addf %f, %minusOne : vector<16xf32>
  %b = arith.truncf %difference : vector<16xf32> to vector<16xbf16>
  %d = arith.divf %one, %x : vector<16xf32>
  %c = arith.truncf %d : vector<16xf32> to vector<16xbf16>
  return %a, %e, %b, %c : vector<16xbf16>, vector<16xf32>, vector<16xbf16>, vector<16xbf16>
}

// What is computed of such a tile: a product has its rows, times a finite number
// it is zero, and so is what either side of a choice makes of it. An exponential
// is finite where that is said. A comparison of places with an end is a mask.
// CHECK-LABEL: func.func @masks_behind_products(
// CHECK-NOT:     arith.select
// CHECK:         return
func.func @masks_behind_products(%x: tensor<64x16xbf16>, %y: tensor<16x16xbf16>, %rows: index, %side: i1)
    -> vector<64x16xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %zeros = arith.constant dense<0.0> : vector<64x16xf32>
  %part = tensor.extract_slice %x[0, 0] [%rows, 16] [1, 1] : tensor<64x16xbf16> to tensor<?x16xbf16>
  %tile = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [false, true]} : tensor<?x16xbf16>, vector<64x16xbf16>
  %other = vector.transfer_read %y[%c0, %c0], %zero {in_bounds = [true, true]} : tensor<16x16xbf16>, vector<16x16xbf16>
  %product = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %tile, %other, %zeros
      : vector<64x16xbf16>, vector<16x16xbf16> into vector<64x16xf32>
  %both = scf.if %side -> (vector<64x16xf32>) {
    %factor = math.exp %product fastmath<ninf> : vector<64x16xf32>
    %scaled = arith.mulf %factor, %product : vector<64x16xf32>
    scf.yield %scaled : vector<64x16xf32>
  } else {
    scf.yield %product : vector<64x16xf32>
  }
  %step = vector.step : vector<64xindex>
  %columns = vector.broadcast %step : vector<64xindex> to vector<16x64xindex>
  %places = vector.transpose %columns, [1, 0] : vector<16x64xindex> to vector<64x16xindex>
  %end = vector.broadcast %rows : index to vector<64x16xindex>
  %mask = arith.cmpi ult, %places, %end : vector<64x16xindex>
  %a = arith.select %mask, %both, %zeros : vector<64x16xi1>, vector<64x16xf32>
  return %a : vector<64x16xf32>
}

// Masks that must stay: an exponential may be infinite, and a quotient; a product
// has columns of its other side; what is added to it is not zero.
// CHECK-LABEL: func.func @needed_behind_products(
// CHECK-COUNT-4: arith.select
// CHECK:         return
func.func @needed_behind_products(%x: tensor<16x16xf32>, %y: tensor<16x16xf32>, %rows: index)
    -> (vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %zeros = arith.constant dense<0.0> : vector<16x16xf32>
  %part = tensor.extract_slice %x[0, 0] [%rows, 16] [1, 1] : tensor<16x16xf32> to tensor<?x16xf32>
  %tile = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [false, true]} : tensor<?x16xf32>, vector<16x16xf32>
  %other = vector.transfer_read %y[%c0, %c0], %zero {in_bounds = [true, true]} : tensor<16x16xf32>, vector<16x16xf32>
  %inside = vector.create_mask %rows : vector<16xi1>
  %columns = vector.broadcast %inside : vector<16xi1> to vector<16x16xi1>
  %mask = vector.transpose %columns, [1, 0] : vector<16x16xi1> to vector<16x16xi1>
  %factor = math.exp %other : vector<16x16xf32>
  %scaled = arith.mulf %tile, %factor : vector<16x16xf32>
  %a = arith.select %mask, %scaled, %zeros : vector<16x16xi1>, vector<16x16xf32>
  %quotient = arith.divf %other, %other : vector<16x16xf32>
  %shares = arith.mulf %quotient, %tile : vector<16x16xf32>
  %b = arith.select %mask, %shares, %zeros : vector<16x16xi1>, vector<16x16xf32>
  %product = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %tile, %other, %zeros
      : vector<16x16xf32>, vector<16x16xf32> into vector<16x16xf32>
  %c = arith.select %columns, %product, %zeros : vector<16x16xi1>, vector<16x16xf32>
  %added = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %tile, %other, %other
      : vector<16x16xf32>, vector<16x16xf32> into vector<16x16xf32>
  %d = arith.select %mask, %added, %zeros : vector<16x16xi1>, vector<16x16xf32>
  return %a, %b, %c, %d : vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>, vector<16x16xf32>
}

// Both sides of a product are masked along its depth: where one is zero past the
// end, neither mask changes anything, unless the other side may be infinite.
// CHECK-LABEL: func.func @product_masks(
// CHECK-COUNT-1: arith.select
// CHECK-NOT:     arith.select
// CHECK:         return
func.func @product_masks(%x: tensor<16x64xbf16>, %y: tensor<16x64xbf16>, %depth: index) -> (vector<16x16xf32>, vector<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %zeros = arith.constant dense<0.0> : vector<16x64xbf16>
  %sums = arith.constant dense<0.0> : vector<16x16xf32>
  %part = tensor.extract_slice %x[0, 0] [16, %depth] [1, 1] : tensor<16x64xbf16> to tensor<16x?xbf16>
  %tile = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [true, false]} : tensor<16x?xbf16>, vector<16x64xbf16>
  %whole = vector.transfer_read %y[%c0, %c0], %zero {in_bounds = [true, true]} : tensor<16x64xbf16>, vector<16x64xbf16>
  %inside = vector.create_mask %depth : vector<64xi1>
  %mask = vector.broadcast %inside : vector<64xi1> to vector<16x64xi1>
  %a = arith.select %mask, %tile, %zeros : vector<16x64xi1>, vector<16x64xbf16>
  %b = arith.select %mask, %whole, %zeros : vector<16x64xi1>, vector<16x64xbf16>
  %p = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %a, %b, %sums
      : vector<16x64xbf16>, vector<16x64xbf16> into vector<16x16xf32>
  %roots = math.rsqrt %whole : vector<16x64xbf16>
  %c = arith.select %mask, %roots, %zeros : vector<16x64xi1>, vector<16x64xbf16>
  %q = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %a, %c, %sums
      : vector<16x64xbf16>, vector<16x64xbf16> into vector<16x16xf32>
  return %p, %q : vector<16x16xf32>, vector<16x16xf32>
}

// A mask on a row of factors of what is zero past the same end; one on factors of
// something else stays.
// CHECK-LABEL: func.func @factor_masks(
// CHECK-COUNT-1: arith.select
// CHECK-NOT:     arith.select
// CHECK:         return
func.func @factor_masks(%x: tensor<64x16xf32>, %y: tensor<64xf32>, %rows: index) -> (vector<64x16xf32>, vector<64x16xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %zeros = arith.constant dense<0.0> : vector<64xf32>
  %part = tensor.extract_slice %x[0, 0] [%rows, 16] [1, 1] : tensor<64x16xf32> to tensor<?x16xf32>
  %tile = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [false, true]} : tensor<?x16xf32>, vector<64x16xf32>
  %whole = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : tensor<64x16xf32>, vector<64x16xf32>
  %factors = vector.transfer_read %y[%c0], %zero {in_bounds = [true]} : tensor<64xf32>, vector<64xf32>
  %inside = vector.create_mask %rows : vector<64xi1>
  %masked = arith.select %inside, %factors, %zeros : vector<64xi1>, vector<64xf32>
  %wide = vector.broadcast %masked : vector<64xf32> to vector<16x64xf32>
  %columns = vector.transpose %wide, [1, 0] : vector<16x64xf32> to vector<64x16xf32>
  %a = arith.mulf %tile, %columns : vector<64x16xf32>
  %b = arith.mulf %whole, %columns : vector<64x16xf32>
  return %a, %b : vector<64x16xf32>, vector<64x16xf32>
}
