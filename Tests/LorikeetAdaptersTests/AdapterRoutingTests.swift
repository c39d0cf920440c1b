// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetAutograd
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import LorikeetTextDecoders
import Testing

@Suite struct AdapterRoutingTests {
  static let base = "adapters/lora-bias/seed-1"
  private static let configuration: any AdapterConfiguration = LoRAConfiguration.make(
    targets: .allLinear)

  /// 5 image rows, 2 text rows, 1 stand-in, 4 text rows.
  private static let layout: ModalityLayout = {
    var layout = ModalityLayout(.image, rows: 5)
    layout.append(.text, count: 2)
    layout.append(.missingImage, count: 1)
    layout.append(.text, count: 4)
    return layout
  }()

  private func set(_ kind: AdapterRouting.Kind, _ llama: AdaptedLlama) throws -> AdapterSet {
    let routing = AdapterRouting(kind)
    return try AdapterSet(
      routing,
      configurations: Dictionary(
        uniqueKeysWithValues: routing.names.map { ($0, Self.configuration) }),
      attachingTo: llama.index, seed: 3)
  }

  @Test func namesAndModalities() {
    let shared = AdapterRouting(.shared)
    #expect(shared.isShared && shared.names == ["default"])
    #expect(shared.modalities(of: "default") == nil)
    let each = AdapterRouting(.perModality)
    #expect(!each.isShared && each.names == ["image", "missing", "text"])
    #expect(each.modalities(of: "missing") == [.missingImage, .missingText])
    #expect(each.modalities(of: "nobody") == [])
    #expect(AdapterRouting(.imageOnly).modalities(of: "image") == [.image])
  }

  /// On one layer: rows of each modality give what they give alone under their own plain LoRA.
  @Test func rowsEqualThoseOfTheirOwnPlainAdapter() {
    let (inputs, outputs, rank) = (17, 9, 3)
    let scope = LayerScope(.random(seed: 1), index: ModuleIndex())
    let linear = scope.linear("layer", inputs: inputs, outputs: outputs, bias: true)
    let modalities: [Modality] = [.image, .text, .missingImage]
    func adapter(_ number: Int, routed: Bool) -> LowRankAdapter {
      LowRankAdapter(
        a: Parameter(
          name: "a", .random([rank, inputs], seed: UInt64(10 + number)), isTrainable: true),
        b: Parameter(
          name: "b", .random([outputs, rank], seed: UInt64(20 + number)), isTrainable: true),
        bias: Parameter(
          name: "c", .random([outputs], seed: UInt64(30 + number)), isTrainable: true),
        scale: 0.5 + Float(number), dropout: 0,
        modalities: routed ? [modalities[number]] : nil)
    }
    let x = Tensor.random([12, inputs], seed: 4)
    let form = Tensor.random([12, outputs], seed: 5)
    // All at once, routed.
    let routed = (0..<3).map { adapter($0, routed: true) }
    linear.adapters = routed
    let tape = Tape(isRecording: true)
    let input = Variable(x, requiresGradient: true)
    let context = ForwardContext(
      tape: tape, segments: [], positions: Array(repeating: 0, count: 12), modalities: Self.layout)
    let y = linear(input, context)
    tape.backward(from: y, seed: form)
    // Each by itself.
    for number in 0..<3 {
      let rows = Self.layout.rows(of: [modalities[number]]).flatMap { Array($0) }
      let plain = adapter(number, routed: false)
      linear.adapters = [plain]
      let tape = Tape(isRecording: true)
      let part = Variable(
        Kernels.gatherRows(rows.map { (x, $0..<$0 + 1) }, width: inputs), requiresGradient: true)
      let alone = linear(
        part,
        ForwardContext(tape: tape, lengths: [rows.count], modality: modalities[number]))
      tape.backward(
        from: alone, seed: Kernels.gatherRows(rows.map { (form, $0..<$0 + 1) }, width: outputs))
      for (place, row) in rows.enumerated() {
        expectClose(
          y.value.rows(row..<row + 1), alone.value.rows(place..<place + 1), tolerance: 1e-5,
          "row \(row)")
        expectClose(
          input.gradient?.rows(row..<row + 1).values ?? [],
          part.gradient?.rows(place..<place + 1).values ?? [], tolerance: 1e-5, "gradient \(row)")
      }
      for (found, expected) in [
        (routed[number].a, plain.a), (routed[number].b, plain.b),
        (routed[number].bias ?? plain.a, plain.bias ?? plain.b),
      ] {
        expectClose(
          found.variable.gradient?.values ?? [], expected.variable.gradient?.values ?? [],
          tolerance: 1e-5, "\(modalities[number]) \(found.name)")
      }
    }
    #expect(linear.weight.variable.gradient == nil)
  }

  @Test(arguments: AdapterRouting.Kind.allCases)
  func newAdaptersChangeNothing(kind: AdapterRouting.Kind) throws {
    let llama = try AdaptedLlama(Self.base)
    let before = llama.logits(modalities: Self.layout)
    let adapters = try set(kind, llama)
    #expect(llama.logits(modalities: Self.layout) == before)
    for (offset, adapter) in adapters.adapters.enumerated() {
      adapter.randomize(seed: UInt64(offset * 100))
    }
    #expect(llama.logits(modalities: Self.layout) != before)
    adapters.detach()
    #expect(llama.logits(modalities: Self.layout) == before)
  }

  @Test func rowsWithoutAnAdapterKeepTheBaseModel() throws {
    let llama = try AdaptedLlama(Self.base)
    let text = ModalityLayout(.text, rows: 12)
    let before = llama.logits(modalities: text)
    let adapters = try set(.imageOnly, llama)
    adapters.adapters[0].randomize(seed: 1)
    #expect(llama.logits(modalities: text) == before)
    #expect(llama.logits(modalities: Self.layout) != before)
  }

  @Test func equalAdaptersEqualOneSharedAdapter() throws {
    let llama = try AdaptedLlama(Self.base)
    let shared = try set(.shared, llama)
    shared.adapters[0].randomize(seed: 9)
    let expected = llama.logits(modalities: Self.layout)
    let values = shared.adapters[0].parameters.map(\.parameter.variable.value)
    shared.detach()
    let each = try set(.perModality, llama)
    for adapter in each.adapters {
      for (entry, value) in zip(adapter.parameters, values) { entry.parameter.replace(with: value) }
    }
    expectClose(llama.logits(modalities: Self.layout), expected, tolerance: 1e-5)
  }

  @Test func eachAdapterLearnsFromItsOwnRows() throws {
    let llama = try AdaptedLlama(Self.base)
    let adapters = try set(.perModality, llama)
    let tape = Tape(isRecording: true)
    // No stand-in rows: the adapter "missing" has nothing to learn from.
    var layout = ModalityLayout(.image, rows: 5)
    layout.append(.text, count: 7)
    tape.backward(from: try llama.loss(tape, modalities: layout))
    for (name, parameter) in adapters.parameters where name.hasSuffix("lora_B.weight") {
      if name.hasPrefix("missing/") {
        #expect(parameter.variable.gradient == nil, "\(name)")
      } else {
        #expect(parameter.variable.gradient != nil, "\(name)")
      }
    }
    for parameter in llama.index.parameters {
      #expect(parameter.variable.gradient == nil, "\(parameter.name)")
    }
  }

  @Test func severalAdaptersAreSavedAndLoaded() throws {
    try withTemporaryDirectory { directory in
      let llama = try AdaptedLlama(Self.base)
      let adapters = try set(.perModality, llama)
      for (offset, adapter) in adapters.adapters.enumerated() {
        adapter.randomize(seed: UInt64(offset * 100))
      }
      let expected = llama.logits(modalities: Self.layout)
      try adapters.save(to: directory)
      let second = try AdaptedLlama(Self.base)
      let loaded = try AdapterSet(directory: directory, attachingTo: second.index)
      #expect(loaded.routing == adapters.routing)
      #expect(second.logits(modalities: Self.layout) == expected)
      #expect(loaded.parameters.map(\.name) == adapters.parameters.map(\.name))
      // One that is damaged leaves no trace of the others.
      try AtomicFile.write("{", to: directory + "/text/adapter_config.json")
      let third = try AdaptedLlama(Self.base)
      #expect(throws: AdapterError.self) {
        _ = try AdapterSet(directory: directory, attachingTo: third.index)
      }
      #expect(third.index.linears.allSatisfy { $0.adapters.isEmpty })
    }
  }

  @Test(arguments: [
    "{", "[]", #"{"adapters": 3}"#, #"{"adapters": {"image": "../other"}}"#,
    #"{"adapters": {"image": ".."}}"#, #"{"adapters": {"image": ""}}"#,
  ])
  func brokenRoutingsAreRefused(text: String) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/adapter_routing.json"
      try AtomicFile.write(text, to: path)
      let llama = try AdaptedLlama(Self.base)
      let error = #expect(throws: AdapterError.self) {
        _ = try AdapterSet(directory: directory, attachingTo: llama.index)
      }
      #expect(error?.description.hasPrefix(path + ": expected") == true)
    }
  }

  /// Nothing is left without effect for a word that is misspelt, or for rows that never come.
  @Test func routingsThatWouldDoNothing() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/adapter_routing.json"
      try AtomicFile.write(#"{"adapters": {"imagge": "image"}}"#, to: path)
      let llama = try AdaptedLlama(Self.base)
      let error = #expect(throws: AdapterError.self) {
        _ = try AdapterSet(directory: directory, attachingTo: llama.index)
      }
      #expect(
        error?.description
          == "\(path): imagge is no modality; there are *, image, text, missing_image, missing_text"
      )
      for target in ["lm_head", "embed_tokens"] {
        let other = #expect(throws: AdapterError.self) {
          _ = try Adapter(
            name: "image", LoRAConfiguration.make(targets: .names([target])),
            attachingTo: llama.index, modalities: [.image], seed: 1)
        }
        #expect(
          other?.description
            == "adapter image: the targets \(target) belong to text, which image does not serve")
      }
    }
  }

  @Test func routedAdaptersAreNotMerged() throws {
    let llama = try AdaptedLlama(Self.base)
    let adapters = try set(.imageOnly, llama)
    adapters.adapters[0].randomize(seed: 1)
    let (before, bytes) = (llama.logits(modalities: Self.layout), llama.baseBytes())
    let error = #expect(throws: AdapterError.self) { try adapters.merge() }
    #expect(error?.description.contains("adapter image acts on the rows of some") == true)
    #expect(llama.logits(modalities: Self.layout) == before)
    #expect(llama.baseBytes() == bytes)
  }
}
