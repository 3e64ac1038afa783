// RUN: gate-opt --gate-select-rows %s | FileCheck %s

// A row of a tile of a ring is read there: what computes the tile computes the
// row instead. Constants are rows already.
// CHECK-LABEL: func.func @of_ring(
// CHECK-SAME:    %{{.*}}, %[[PLACE:[^:]*]]: index)
// CHECK:         %[[TILES:.*]]:2 = block.take
// CHECK-DAG:     %[[X:.*]] = vector.extract %[[TILES]]#0[%[[PLACE]]] : vector<32xbf16> from vector<16x32xbf16>
// CHECK-DAG:     %[[WIDE:.*]] = arith.extf %[[X]] : vector<32xbf16> to vector<32xf32>
// CHECK-DAG:     %[[Y:.*]] = vector.extract %[[TILES]]#1[%[[PLACE]]] : vector<32xf32> from vector<16x32xf32>
// CHECK-DAG:     %[[TWO:.*]] = arith.constant dense<2.0{{.*}}> : vector<32xf32>
// CHECK-DAG:     %[[TWICE:.*]] = arith.mulf %[[Y]], %[[TWO]] : vector<32xf32>
// CHECK:         %[[ROW:.*]] = arith.addf %[[WIDE]], %[[TWICE]] fastmath<contract> : vector<32xf32>
// CHECK-NOT:     vector.extract
// CHECK:         return %[[ROW]]
func.func @of_ring(%n: i32, %place: index) -> vector<32xf32> {
  %two = arith.constant dense<2.0> : vector<16x32xf32>
  %ring = block.ring : !block.ring<2 x (vector<16x32xbf16>, vector<16x32xf32>)>
  %tiles:2 = block.take %ring[%n] : !block.ring<2 x (vector<16x32xbf16>, vector<16x32xf32>)> -> vector<16x32xbf16>, vector<16x32xf32>
  %wide = arith.extf %tiles#0 : vector<16x32xbf16> to vector<16x32xf32>
  %twice = arith.mulf %tiles#1, %two : vector<16x32xf32>
  %sum = arith.addf %wide, %twice fastmath<contract> : vector<16x32xf32>
  %row = vector.extract %sum[%place] : vector<32xf32> from vector<16x32xf32>
  return %row : vector<32xf32>
}

// The rows of another tile lie where its layout has them: it is summed with all
// others 0.
// CHECK-LABEL: func.func @of_registers(
// CHECK-SAME:    %[[TILE:[^:]*]]: vector<16x32xf32>, %[[PLACE:[^:]*]]: index)
// CHECK-DAG:     %[[STEP:.*]] = vector.step : vector<16xindex>
// CHECK-DAG:     %[[PLACES:.*]] = vector.broadcast %[[PLACE]] : index to vector<16xindex>
// CHECK:         %[[IS:.*]] = arith.cmpi eq, %[[STEP]], %[[PLACES]]
// CHECK-NEXT:    %[[COLUMNS:.*]] = vector.broadcast %[[IS]] : vector<16xi1> to vector<32x16xi1>
// CHECK-NEXT:    %[[ROWS:.*]] = vector.transpose %[[COLUMNS]], [1, 0]
// CHECK-NEXT:    %[[ZEROS:.*]] = arith.constant dense<0.0{{.*}}> : vector<16x32xf32>
// CHECK-NEXT:    %[[ONE:.*]] = arith.select %[[ROWS]], %[[TILE]], %[[ZEROS]]
// CHECK-NEXT:    %[[NONE:.*]] = arith.constant dense<0.0{{.*}}> : vector<32xf32>
// CHECK-NEXT:    %[[ROW:.*]] = vector.multi_reduction <add>, %[[ONE]], %[[NONE]] [0]
// CHECK-NEXT:    return %[[ROW]]
func.func @of_registers(%tile: vector<16x32xf32>, %place: index) -> vector<32xf32> {
  %row = vector.extract %tile[%place] : vector<32xf32> from vector<16x32xf32>
  return %row : vector<32xf32>
}

// Both kinds behind one op.
// CHECK-LABEL: func.func @of_both(
// CHECK:         %[[TILE:.*]] = block.take
// CHECK:         %[[A:.*]] = vector.extract %[[TILE]][
// CHECK:         %[[B:.*]] = vector.multi_reduction
// CHECK:         %[[ROW:.*]] = arith.subf %[[A]], %[[B]] : vector<32xf32>
// CHECK-NEXT:    return %[[ROW]]
func.func @of_both(%n: i32, %other: vector<16x32xf32>, %place: index) -> vector<32xf32> {
  %ring = block.ring : !block.ring<2 x (vector<16x32xf32>)>
  %tile = block.take %ring[%n] : !block.ring<2 x (vector<16x32xf32>)> -> vector<16x32xf32>
  %difference = arith.subf %tile, %other : vector<16x32xf32>
  %row = vector.extract %difference[%place] : vector<32xf32> from vector<16x32xf32>
  return %row : vector<32xf32>
}

// Known places, and places in vectors of one dim, are no rows to find.
// CHECK-LABEL: func.func @other(
// CHECK-NEXT:    vector.extract %{{.*}}[3] : vector<32xf32> from vector<16x32xf32>
// CHECK-NEXT:    vector.extract %{{.*}}[%{{.*}}] : f32 from vector<16xf32>
// CHECK-NEXT:    return
func.func @other(%tile: vector<16x32xf32>, %row: vector<16xf32>, %place: index) -> (vector<32xf32>, f32) {
  %a = vector.extract %tile[3] : vector<32xf32> from vector<16x32xf32>
  %b = vector.extract %row[%place] : f32 from vector<16xf32>
  return %a, %b : vector<32xf32>, f32
}
