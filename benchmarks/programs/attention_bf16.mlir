// Causal attention of sixteen heads, D = 128, any T; as it is, and with a sigmoid
// gate on each element of its result (arXiv 2505.06708, position G1).
func.func @causal(
    %q: tensor<?x?x16x128xbf16> {gate.name = "q", gate.dims = ["B", "T", "", ""]},
    %k: tensor<?x?x16x128xbf16> {gate.name = "k", gate.dims = ["B", "T", "", ""]},
    %v: tensor<?x?x16x128xbf16> {gate.name = "v", gate.dims = ["B", "T", "", ""]})
    -> (tensor<?x?x16x128xbf16> {gate.name = "o", gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %v {causal}
    : (tensor<?x?x16x128xbf16>, tensor<?x?x16x128xbf16>, tensor<?x?x16x128xbf16>) -> tensor<?x?x16x128xbf16>
  return %o : tensor<?x?x16x128xbf16>
}

func.func @gated(
    %q: tensor<?x?x16x128xbf16> {gate.name = "q", gate.dims = ["B", "T", "", ""]},
    %k: tensor<?x?x16x128xbf16> {gate.name = "k", gate.dims = ["B", "T", "", ""]},
    %v: tensor<?x?x16x128xbf16> {gate.name = "v", gate.dims = ["B", "T", "", ""]},
    %g: tensor<?x?x16x128xbf16> {gate.name = "g", gate.dims = ["B", "T", "", ""]})
    -> (tensor<?x?x16x128xbf16> {gate.name = "o", gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %v {causal}
    : (tensor<?x?x16x128xbf16>, tensor<?x?x16x128xbf16>, tensor<?x?x16x128xbf16>) -> tensor<?x?x16x128xbf16>
  %y = gate.apply %o, %g {activation = #gate.activation<sigmoid>}
    : (tensor<?x?x16x128xbf16>, tensor<?x?x16x128xbf16>) -> tensor<?x?x16x128xbf16>
  return %y : tensor<?x?x16x128xbf16>
}
