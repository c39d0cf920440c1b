// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
public import LorikeetTensors

/// LoRA on one linear layer: y + s B A dropout(x) on the rows of some modalities (Hu et al., "LoRA:
/// Low-rank adaptation of large language models", 2021, section 4.1).
///
/// With all rows this is plain LoRA; with image rows only, partial LoRA (Dong et al.,
/// "InternLM-XComposer2", 2024, eq. 2); one a modality, modality-specific LoRA.
public final class LowRankAdapter: LinearTerm {
  /// `[r, in]`.
  public let a: Parameter
  /// `[out, r]`.
  public let b: Parameter
  /// `[out]`, PEFT's `lora_bias`.
  public let bias: Parameter?
  public let scale: Float
  public let dropout: Float
  /// The modalities on whose rows it acts; nil for all rows.
  public var modalities: Set<Modality>?

  public init(
    a: Parameter, b: Parameter, bias: Parameter?, scale: Float, dropout: Float,
    modalities: Set<Modality>?
  ) {
    self.a = a
    self.b = b
    self.bias = bias
    self.scale = scale
    self.dropout = dropout
    self.modalities = modalities
  }

  public var parameters: [Parameter] { [a, b] + (bias.map { [$0] } ?? []) }

  public func apply(to output: Variable, input: Variable, _ context: ForwardContext) -> Variable {
    let runs = runs(input.shape.rows, context)
    guard !runs.isEmpty else { return output }
    var result = context.tape.addLowRank(
      to: output, input, a: a.variable, b: b.variable, scale: scale, runs: runs,
      dropout: mask(context))
    if let bias {
      result = context.tape.addRowBias(
        to: result, bias: bias.variable, scale: scale, runs: runs)
    }
    return result
  }

  /// The dropout of a pass; nil where there is none.
  func mask(_ context: ForwardContext) -> DropoutMask? {
    context.isTraining && dropout > 0
      ? DropoutMask(probability: dropout, key: context.nextDropoutKey()) : nil
  }

  /// s B A, `[out, in]`.
  public var delta: Tensor {
    Kernels.product(b.variable.value, a.variable.value, alpha: scale)
  }

  public var hasBias: Bool { bias?.variable.value.values.contains { $0 != 0 } ?? false }

  public func delta(on linear: Linear) -> LinearDelta {
    let own = bias.map { bias in
      var scaled = bias.variable.value
      Kernels.scale(&scaled, by: scale)
      return scaled
    }
    return LinearDelta(
      .lowRank(a: a.variable.value, b: b.variable.value, scale: scale), bias: own)
  }
}

/// LoRA on a table of embeddings: the row of token t gets s B A[:, t] (PEFT's `lora.Embedding`).
final class LowRankEmbedding: EmbeddingTerm {
  /// `[r, tokens]`.
  let a: Parameter
  /// `[width, r]`.
  let b: Parameter
  let scale: Float

  init(a: Parameter, b: Parameter, scale: Float) {
    self.a = a
    self.b = b
    self.scale = scale
  }

  var parameters: [Parameter] { [a, b] }

  func apply(to output: Variable, tokens: [Int], _ tape: Tape) -> Variable {
    tape.addLowRank(
      to: output, tape.embedColumns(a.variable, tokens), transposed: b, scale: scale)
  }

  func delta(on embedding: Embedding) -> LinearDelta.Weight {
    .lowRank(a: a.variable.value, b: b.variable.value, scale: scale)
  }
}

extension Tape {
  /// y + s h B^T.
  fileprivate func addLowRank(
    to y: Variable, _ h: Variable, transposed b: Parameter, scale: Float
  ) -> Variable {
    add(y, self.scale(linear(h, b), by: scale))
  }
}

/// Rows of a table of embeddings that are trained themselves (PEFT's `trainable_token_indices`). A head
/// that is tied to the table has them too.
final class TokenRows: EmbeddingTerm {
  /// `[tokens, width]`.
  let rows: Parameter
  private let tokens: [Int]
  private let places: [Int: Int]
  /// The table with the rows in place, and what it was made of.
  private var whole: (table: StoredTensor, rows: Tensor, head: Parameter)?

  init(_ rows: Parameter, tokens: [Int]) {
    self.rows = rows
    self.tokens = tokens
    places = Dictionary(tokens.enumerated().map { ($1, $0) }) { first, _ in first }
  }

  var parameters: [Parameter] { [rows] }
  var isAdditive: Bool { false }
  var replacesRows: Bool { true }

  func apply(to output: Variable, tokens: [Int], _ tape: Tape) -> Variable {
    let found = tokens.enumerated().compactMap { row, token in
      places[token].map { (row: row, source: $0) }
    }
    return found.isEmpty ? output : tape.replaceRows(of: output, from: rows.variable, found)
  }

  func head(_ table: Parameter, _ tape: Tape) -> Parameter {
    let (stored, learned) = (table.stored, rows.variable)
    if !tape.isRecording, let whole, whole.table.storage === stored.storage,
      whole.rows.storage === learned.value.storage
    {
      return whole.head
    }
    let head = Parameter(
      name: table.name,
      computed: tape.replaceRows(
        of: Variable(stored.tensor()), from: learned,
        tokens.enumerated().map { (row: $0.element, source: $0.offset) }))
    whole = tape.isRecording ? nil : (stored, learned.value, head)
    return head
  }

  func delta(on embedding: Embedding) -> LinearDelta.Weight {
    var change = Tensor(repeating: 0, [embedding.count, embedding.width])
    for (place, token) in tokens.enumerated() {
      var row = rows.variable.value.rows(place..<place + 1)
      Kernels.accumulate(embedding.weight.rows(token..<token + 1), scale: -1, into: &row)
      Kernels.copyRows(row, into: &change, at: token)
    }
    return .dense(Kernels.transposed(change))
  }

  func merge(into embedding: Embedding) {
    var table = embedding.weight.variable.value
    for (place, token) in tokens.enumerated() {
      Kernels.copyRows(rows.variable.value.rows(place..<place + 1), into: &table, at: token)
    }
    embedding.weight.replace(with: table)
  }
}
