// A two-block gated linear attention stack on bytes (arXiv 2312.06635).
//
// d = 512, 4 heads, keys 64 and values 128 wide, gates of rank 16 divided by
// tau = 16, SwiGLU of width 1536, logits tied to the embedding. `forward` takes
// any number of bytes and the state before them; the compiler derives `step`,
// which takes one.

// Rows times a matrix stored as [out, in].
#x = affine_map<(b, t, o, i) -> (b, t, i)>
#w = affine_map<(b, t, o, i) -> (o, i)>
#y = affine_map<(b, t, o, i) -> (b, t, o)>
#row = affine_map<(b, t, o) -> (b, t, o)>
#bias = affine_map<(b, t, o) -> (o)>

func.func private @project_512_256(%x: tensor<?x?x512xf32>, %w: tensor<256x512xf32>) -> tensor<?x?x256xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x512xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x512xf32>
  %room = tensor.empty(%B, %T) : tensor<?x?x256xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x?x256xf32>) -> tensor<?x?x256xf32>
  %y = linalg.contract indexing_maps = [#x, #w, #y] ins(%x, %w : tensor<?x?x512xf32>, tensor<256x512xf32>)
    outs(%acc : tensor<?x?x256xf32>) -> tensor<?x?x256xf32>
  return %y : tensor<?x?x256xf32>
}

func.func private @project_512_512(%x: tensor<?x?x512xf32>, %w: tensor<512x512xf32>) -> tensor<?x?x512xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x512xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x512xf32>
  %room = tensor.empty(%B, %T) : tensor<?x?x512xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x?x512xf32>) -> tensor<?x?x512xf32>
  %y = linalg.contract indexing_maps = [#x, #w, #y] ins(%x, %w : tensor<?x?x512xf32>, tensor<512x512xf32>)
    outs(%acc : tensor<?x?x512xf32>) -> tensor<?x?x512xf32>
  return %y : tensor<?x?x512xf32>
}

func.func private @project_512_16(%x: tensor<?x?x512xf32>, %w: tensor<16x512xf32>) -> tensor<?x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x512xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x512xf32>
  %room = tensor.empty(%B, %T) : tensor<?x?x16xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
  %y = linalg.contract indexing_maps = [#x, #w, #y] ins(%x, %w : tensor<?x?x512xf32>, tensor<16x512xf32>)
    outs(%acc : tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
  return %y : tensor<?x?x16xf32>
}

func.func private @project_16_256(%x: tensor<?x?x16xf32>, %w: tensor<256x16xf32>) -> tensor<?x?x256xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x16xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x16xf32>
  %room = tensor.empty(%B, %T) : tensor<?x?x256xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x?x256xf32>) -> tensor<?x?x256xf32>
  %y = linalg.contract indexing_maps = [#x, #w, #y] ins(%x, %w : tensor<?x?x16xf32>, tensor<256x16xf32>)
    outs(%acc : tensor<?x?x256xf32>) -> tensor<?x?x256xf32>
  return %y : tensor<?x?x256xf32>
}

func.func private @project_512_1536(%x: tensor<?x?x512xf32>, %w: tensor<1536x512xf32>) -> tensor<?x?x1536xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x512xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x512xf32>
  %room = tensor.empty(%B, %T) : tensor<?x?x1536xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x?x1536xf32>) -> tensor<?x?x1536xf32>
  %y = linalg.contract indexing_maps = [#x, #w, #y] ins(%x, %w : tensor<?x?x512xf32>, tensor<1536x512xf32>)
    outs(%acc : tensor<?x?x1536xf32>) -> tensor<?x?x1536xf32>
  return %y : tensor<?x?x1536xf32>
}

func.func private @project_1536_512(%x: tensor<?x?x1536xf32>, %w: tensor<512x1536xf32>) -> tensor<?x?x512xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x1536xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x1536xf32>
  %room = tensor.empty(%B, %T) : tensor<?x?x512xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x?x512xf32>) -> tensor<?x?x512xf32>
  %y = linalg.contract indexing_maps = [#x, #w, #y] ins(%x, %w : tensor<?x?x1536xf32>, tensor<512x1536xf32>)
    outs(%acc : tensor<?x?x512xf32>) -> tensor<?x?x512xf32>
  return %y : tensor<?x?x512xf32>
}

// Log-gates: logsigmoid(z + bias) / 16.
func.func private @log_gate(%z: tensor<?x?x256xf32>, %b: tensor<256xf32>) -> tensor<?x?x256xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %B = tensor.dim %z, %c0 : tensor<?x?x256xf32>
  %T = tensor.dim %z, %c1 : tensor<?x?x256xf32>
  %room = tensor.empty(%B, %T) : tensor<?x?x256xf32>
  %g = linalg.generic {indexing_maps = [#row, #bias, #row], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%z, %b : tensor<?x?x256xf32>, tensor<256xf32>) outs(%room : tensor<?x?x256xf32>) {
  ^bb0(%zi: f32, %bi: f32, %unused: f32):
    %zero = arith.constant 0.0 : f32
    %tau = arith.constant 0.0625 : f32
    %a = arith.addf %zi, %bi : f32
    %abs = math.absf %a : f32
    %neg = arith.negf %abs : f32
    %e = math.exp %neg : f32
    %tail = math.log1p %e : f32
    %low = arith.minimumf %a, %zero : f32
    %ls = arith.subf %low, %tail : f32
    %out = arith.mulf %ls, %tau : f32
    linalg.yield %out : f32
  } -> tensor<?x?x256xf32>
  return %g : tensor<?x?x256xf32>
}

// x + y
func.func private @add(%x: tensor<?x?x512xf32>, %y: tensor<?x?x512xf32>) -> tensor<?x?x512xf32> {
  %z = arith.addf %x, %y : tensor<?x?x512xf32>
  return %z : tensor<?x?x512xf32>
}

// [B, T, 4 * width] as [B, T, 4, width].
func.func private @heads_64(%x: tensor<?x?x256xf32>) -> tensor<?x?x4x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %B = tensor.dim %x, %c0 : tensor<?x?x256xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x256xf32>
  %y = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%B, %T, 4, 64] : tensor<?x?x256xf32> into tensor<?x?x4x64xf32>
  return %y : tensor<?x?x4x64xf32>
}
func.func private @heads_128(%x: tensor<?x?x512xf32>) -> tensor<?x?x4x128xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %B = tensor.dim %x, %c0 : tensor<?x?x512xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x512xf32>
  %y = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%B, %T, 4, 128] : tensor<?x?x512xf32> into tensor<?x?x4x128xf32>
  return %y : tensor<?x?x4x128xf32>
}

// One block: x += attention(norm(x)); x += mlp(norm(x)).
func.func private @block(%x: tensor<?x?x512xf32>,
    %norm1: tensor<512xf32>,
    %wq: tensor<256x512xf32>,
    %wk: tensor<256x512xf32>,
    %wv: tensor<512x512xf32>,
    %wa1: tensor<16x512xf32>,
    %wa2: tensor<256x16xf32>,
    %ba: tensor<256xf32>,
    %wr: tensor<512x512xf32>,
    %norm_head: tensor<128xf32>,
    %wo: tensor<512x512xf32>,
    %norm2: tensor<512xf32>,
    %w_gate: tensor<1536x512xf32>,
    %w_up: tensor<1536x512xf32>,
    %w_down: tensor<512x1536xf32>,
    %s: tensor<?x4x64x128xf32>) -> (tensor<?x?x512xf32>, tensor<?x4x64x128xf32>) {
  %n1 = gate.norm %x weight(%norm1) {kind = #gate.norm_kind<rms>, axes = array<i64: 2>, epsilon = 1.0e-6 : f64}
    : (tensor<?x?x512xf32>, tensor<512xf32>) -> tensor<?x?x512xf32>
  %q2 = call @project_512_256(%n1, %wq) : (tensor<?x?x512xf32>, tensor<256x512xf32>) -> tensor<?x?x256xf32>
  %k2 = call @project_512_256(%n1, %wk) : (tensor<?x?x512xf32>, tensor<256x512xf32>) -> tensor<?x?x256xf32>
  %v2 = call @project_512_512(%n1, %wv) : (tensor<?x?x512xf32>, tensor<512x512xf32>) -> tensor<?x?x512xf32>
  %a1 = call @project_512_16(%n1, %wa1) : (tensor<?x?x512xf32>, tensor<16x512xf32>) -> tensor<?x?x16xf32>
  %a2 = call @project_16_256(%a1, %wa2) : (tensor<?x?x16xf32>, tensor<256x16xf32>) -> tensor<?x?x256xf32>
  %g2 = call @log_gate(%a2, %ba) : (tensor<?x?x256xf32>, tensor<256xf32>) -> tensor<?x?x256xf32>
  %r2 = call @project_512_512(%n1, %wr) : (tensor<?x?x512xf32>, tensor<512x512xf32>) -> tensor<?x?x512xf32>
  %q = call @heads_64(%q2) : (tensor<?x?x256xf32>) -> tensor<?x?x4x64xf32>
  %k = call @heads_64(%k2) : (tensor<?x?x256xf32>) -> tensor<?x?x4x64xf32>
  %g = call @heads_64(%g2) : (tensor<?x?x256xf32>) -> tensor<?x?x4x64xf32>
  %v = call @heads_128(%v2) : (tensor<?x?x512xf32>) -> tensor<?x?x4x128xf32>
  %r = call @heads_128(%r2) : (tensor<?x?x512xf32>) -> tensor<?x?x4x128xf32>
  %o, %next = gate.linear_scan %q, %k, %v decay(%g) initial(%s) {scale = 0.125 : f64}
    : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x128xf32>, tensor<?x?x4x64xf32>, tensor<?x4x64x128xf32>)
    -> (tensor<?x?x4x128xf32>, tensor<?x4x64x128xf32>)
  %on = gate.norm %o weight(%norm_head) {kind = #gate.norm_kind<rms>, axes = array<i64: 3>, epsilon = 1.0e-6 : f64}
    : (tensor<?x?x4x128xf32>, tensor<128xf32>) -> tensor<?x?x4x128xf32>
  %gated = gate.glu %r, %on {activation = #gate.activation<silu>}
    : (tensor<?x?x4x128xf32>, tensor<?x?x4x128xf32>) -> tensor<?x?x4x128xf32>
  %flat = tensor.collapse_shape %gated [[0], [1], [2, 3]] : tensor<?x?x4x128xf32> into tensor<?x?x512xf32>
  %att = call @project_512_512(%flat, %wo) : (tensor<?x?x512xf32>, tensor<512x512xf32>) -> tensor<?x?x512xf32>
  %x1 = call @add(%x, %att) : (tensor<?x?x512xf32>, tensor<?x?x512xf32>) -> tensor<?x?x512xf32>
  %n2 = gate.norm %x1 weight(%norm2) {kind = #gate.norm_kind<rms>, axes = array<i64: 2>, epsilon = 1.0e-6 : f64}
    : (tensor<?x?x512xf32>, tensor<512xf32>) -> tensor<?x?x512xf32>
  %mg = call @project_512_1536(%n2, %w_gate) : (tensor<?x?x512xf32>, tensor<1536x512xf32>) -> tensor<?x?x1536xf32>
  %mu = call @project_512_1536(%n2, %w_up) : (tensor<?x?x512xf32>, tensor<1536x512xf32>) -> tensor<?x?x1536xf32>
  %mh = gate.glu %mg, %mu {activation = #gate.activation<silu>}
    : (tensor<?x?x1536xf32>, tensor<?x?x1536xf32>) -> tensor<?x?x1536xf32>
  %mlp = call @project_1536_512(%mh, %w_down) : (tensor<?x?x1536xf32>, tensor<512x1536xf32>) -> tensor<?x?x512xf32>
  %x2 = call @add(%x1, %mlp) : (tensor<?x?x512xf32>, tensor<?x?x512xf32>) -> tensor<?x?x512xf32>
  return %x2, %next : tensor<?x?x512xf32>, tensor<?x4x64x128xf32>
}

func.func @forward(
    %ids: tensor<?x?xi32> {gate.name = "ids", gate.dims = ["B", "T"]},
    %embedding: tensor<256x512xf32> {gate.parameter = "embedding"},
    %norm1_0: tensor<512xf32> {gate.parameter = "blocks.0.norm1"},
    %wq_0: tensor<256x512xf32> {gate.parameter = "blocks.0.wq"},
    %wk_0: tensor<256x512xf32> {gate.parameter = "blocks.0.wk"},
    %wv_0: tensor<512x512xf32> {gate.parameter = "blocks.0.wv"},
    %wa1_0: tensor<16x512xf32> {gate.parameter = "blocks.0.wa1"},
    %wa2_0: tensor<256x16xf32> {gate.parameter = "blocks.0.wa2"},
    %ba_0: tensor<256xf32> {gate.parameter = "blocks.0.ba"},
    %wr_0: tensor<512x512xf32> {gate.parameter = "blocks.0.wr"},
    %norm_head_0: tensor<128xf32> {gate.parameter = "blocks.0.norm_head"},
    %wo_0: tensor<512x512xf32> {gate.parameter = "blocks.0.wo"},
    %norm2_0: tensor<512xf32> {gate.parameter = "blocks.0.norm2"},
    %w_gate_0: tensor<1536x512xf32> {gate.parameter = "blocks.0.w_gate"},
    %w_up_0: tensor<1536x512xf32> {gate.parameter = "blocks.0.w_up"},
    %w_down_0: tensor<512x1536xf32> {gate.parameter = "blocks.0.w_down"},
    %norm1_1: tensor<512xf32> {gate.parameter = "blocks.1.norm1"},
    %wq_1: tensor<256x512xf32> {gate.parameter = "blocks.1.wq"},
    %wk_1: tensor<256x512xf32> {gate.parameter = "blocks.1.wk"},
    %wv_1: tensor<512x512xf32> {gate.parameter = "blocks.1.wv"},
    %wa1_1: tensor<16x512xf32> {gate.parameter = "blocks.1.wa1"},
    %wa2_1: tensor<256x16xf32> {gate.parameter = "blocks.1.wa2"},
    %ba_1: tensor<256xf32> {gate.parameter = "blocks.1.ba"},
    %wr_1: tensor<512x512xf32> {gate.parameter = "blocks.1.wr"},
    %norm_head_1: tensor<128xf32> {gate.parameter = "blocks.1.norm_head"},
    %wo_1: tensor<512x512xf32> {gate.parameter = "blocks.1.wo"},
    %norm2_1: tensor<512xf32> {gate.parameter = "blocks.1.norm2"},
    %w_gate_1: tensor<1536x512xf32> {gate.parameter = "blocks.1.w_gate"},
    %w_up_1: tensor<1536x512xf32> {gate.parameter = "blocks.1.w_up"},
    %w_down_1: tensor<512x1536xf32> {gate.parameter = "blocks.1.w_down"},
    %norm: tensor<512xf32> {gate.parameter = "norm"},
    %s0: tensor<?x4x64x128xf32> {gate.state = "block0", gate.dims = ["B", "H", "K", "V"]},
    %s1: tensor<?x4x64x128xf32> {gate.state = "block1", gate.dims = ["B", "H", "K", "V"]})
    -> (tensor<?x?x256xf32> {gate.name = "logits", gate.dims = ["B", "T", "vocabulary"]},
        tensor<?x4x64x128xf32> {gate.state = "block0", gate.dims = ["B", "H", "K", "V"]},
        tensor<?x4x64x128xf32> {gate.state = "block1", gate.dims = ["B", "H", "K", "V"]})
    attributes {gate.time = "T"} {
  %x = gate.gather %embedding, %ids : (tensor<256x512xf32>, tensor<?x?xi32>) -> tensor<?x?x512xf32>
  %x0, %t0 = call @block(%x, %norm1_0, %wq_0, %wk_0, %wv_0, %wa1_0, %wa2_0, %ba_0, %wr_0, %norm_head_0, %wo_0, %norm2_0, %w_gate_0, %w_up_0, %w_down_0, %s0)
    : (tensor<?x?x512xf32>, tensor<512xf32>, tensor<256x512xf32>, tensor<256x512xf32>, tensor<512x512xf32>, tensor<16x512xf32>, tensor<256x16xf32>, tensor<256xf32>, tensor<512x512xf32>, tensor<128xf32>, tensor<512x512xf32>, tensor<512xf32>, tensor<1536x512xf32>, tensor<1536x512xf32>, tensor<512x1536xf32>, tensor<?x4x64x128xf32>) -> (tensor<?x?x512xf32>, tensor<?x4x64x128xf32>)
  %x1, %t1 = call @block(%x0, %norm1_1, %wq_1, %wk_1, %wv_1, %wa1_1, %wa2_1, %ba_1, %wr_1, %norm_head_1, %wo_1, %norm2_1, %w_gate_1, %w_up_1, %w_down_1, %s1)
    : (tensor<?x?x512xf32>, tensor<512xf32>, tensor<256x512xf32>, tensor<256x512xf32>, tensor<512x512xf32>, tensor<16x512xf32>, tensor<256x16xf32>, tensor<256xf32>, tensor<512x512xf32>, tensor<128xf32>, tensor<512x512xf32>, tensor<512xf32>, tensor<1536x512xf32>, tensor<1536x512xf32>, tensor<512x1536xf32>, tensor<?x4x64x128xf32>) -> (tensor<?x?x512xf32>, tensor<?x4x64x128xf32>)
  %n = gate.norm %x1 weight(%norm) {kind = #gate.norm_kind<rms>, axes = array<i64: 2>, epsilon = 1.0e-6 : f64}
    : (tensor<?x?x512xf32>, tensor<512xf32>) -> tensor<?x?x512xf32>
  %logits = call @project_512_256(%n, %embedding) : (tensor<?x?x512xf32>, tensor<256x512xf32>) -> tensor<?x?x256xf32>
  return %logits, %t0, %t1 : tensor<?x?x256xf32>, tensor<?x4x64x128xf32>, tensor<?x4x64x128xf32>
}
