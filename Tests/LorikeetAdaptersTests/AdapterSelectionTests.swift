// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetAdapters
import LorikeetAutograd
import LorikeetCheckpoints
import LorikeetLayers
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// Several adapters at once, against PEFT's `set_adapter` and `add_weighted_adapter`.
@Suite struct AdapterSelectionTests {
  static let cases = ["adapters/lora-several/seed-1", "adapters/lora-several/seed-2"]

  private func active(_ text: String) -> [AdapterSelection.Active] {
    text.isEmpty
      ? [] : text.split(separator: ",").compactMap { AdapterSelection.Active(text: String($0)) }
  }

  @Test(
    arguments: cases,
    [
      ("", nil, "default"), ("default", nil, "default"), ("second", nil, "second"),
      ("default,second", nil, "both"), ("default=1,second=1", nil, "both"),
      ("second,default", "cat", "both"), ("default=0.7,second=-0.4", "cat", "cat"),
      ("default=0.7,second=-0.4", nil, "cat"), ("default=0.7,second=-0.4", "linear", "linear"),
      ("default=0.5,second=1.5", "svd", "svd"), ("default=0.5,second=1.5", "svd:2", "svd-2"),
      ("second=1", "linear", "second"), ("second", "svd", "second"),
    ] as [(String, String?, String)])
  func logitsAreThoseOfPEFT(name: String, choice: (String, String?, String)) throws {
    let llama = try AdaptedLlama(name)
    let before = llama.logits()
    let set = try AdapterSet(
      AdapterSelection(
        [.init(directory: llama.reference.adapterDirectory)], active: active(choice.0),
        combination: choice.1.flatMap { AdapterCombination(text: $0) }),
      attachingTo: llama.index)
    let expected = try llama.reference.expected("logits." + choice.2).values
    expectClose(llama.logits(), expected, tolerance: 1e-4, "\(choice)")
    // They merge into one model, and come off again.
    try set.merge()
    expectClose(llama.logits(), expected, tolerance: 1e-4, "merged \(choice)")
    #expect(llama.logits() != before)
  }

  @Test func detachingRestoresExactly() throws {
    for text in ["default,second", "default=2,second=3"] {
      let llama = try AdaptedLlama(Self.cases[0])
      let (before, bytes) = (llama.logits(), llama.baseBytes())
      let set = try AdapterSet(
        AdapterSelection(
          [.init(directory: llama.reference.adapterDirectory)], active: active(text)),
        attachingTo: llama.index)
      #expect(llama.logits() != before)
      set.detach()
      #expect(llama.logits() == before && llama.baseBytes() == bytes)
    }
  }

  /// Directories that are named, and one that holds several; what is saved is laid out alike.
  @Test func namesAndDirectories() throws {
    try withTemporaryDirectory { directory in
      let llama = try AdaptedLlama(Self.cases[0])
      let root = llama.reference.adapterDirectory
      let named = AdapterSelection(
        [.init(text: "a=" + root), .init(text: "b=" + root + "/second")],
        active: active("a,b"))
      #expect(try named.candidates().map(\.name) == ["a", "b"])
      #expect(
        try AdapterSelection([.init(text: root)]).candidates().map(\.name) == ["default", "second"])
      let set = try AdapterSet(named, attachingTo: llama.index)
      expectClose(
        llama.logits(), try llama.reference.expected("logits.both").values, tolerance: 1e-4)
      #expect(set.adapters.map(\.name) == ["a", "b"])
      try set.save(to: directory)
      let second = try AdaptedLlama(Self.cases[0])
      _ = try AdapterSet(
        AdapterSelection([.init(directory: directory)], active: active("b,a")),
        attachingTo: second.index)
      expectClose(second.logits(), llama.logits(), tolerance: 1e-5)
    }
  }

  private func message(
    _ sources: [String], _ active: String = "", _ combination: AdapterCombination? = nil,
    model: String = cases[0]
  ) throws -> String {
    let llama = try AdaptedLlama(model)
    let bytes = llama.baseBytes()
    var text = ""
    do {
      _ = try AdapterSet(
        AdapterSelection(
          sources.map { .init(text: $0) }, active: self.active(active), combination: combination),
        attachingTo: llama.index)
      Issue.record("it was accepted: \(sources) \(active)")
    } catch { text = "\(error)" }
    #expect(llama.index.adaptable.allSatisfy { $0.adapters.isEmpty })
    #expect(llama.index.embeddings.allSatisfy { $0.adapters.isEmpty })
    #expect(llama.baseBytes() == bytes)
    return text
  }

  @Test func choicesThatMakeNoSense() throws {
    let root = Fixtures.path(Self.cases[0] + "/adapter")
    #expect(
      try message([root], "third")
        == "adapters: there is none called third; there are default, second")
    #expect(try message([root], "second,second") == "adapters: second is named twice")
    #expect(
      try message(["a=" + root, "b=" + root])
        == "adapters: there are a, b; say which of them are active")
    #expect(
      try message(["a=" + root, "a=" + root], "a").hasPrefix("adapters: two are called a ("))
    #expect(try message(["a=/nowhere"]) == "/nowhere/adapter_config.json: no such file")
  }

  @Test func whatCannotBeCombined() throws {
    // Other ranks.
    try withTemporaryDirectory { directory in
      let llama = try AdaptedLlama(Self.cases[0])
      let other = try Adapter(
        name: "c", LoRAConfiguration.make(rank: 3, targets: .names(["q_proj"])),
        attachingTo: llama.index, seed: 1)
      try other.save(to: directory + "/c")
      let root = llama.reference.adapterDirectory
      #expect(
        try message(["a=" + root, "c=" + directory + "/c"], "a,c", .linear)
          == "adapters: linear needs equal ranks, and on model.layers.0.self_attn.q_proj a has 4 and "
          + "c 3")
      let scaling = try Adapter(
        name: "d", LoRAConfiguration.make(targets: .names(["o_proj"])) { $0.usesDoRA = true },
        attachingTo: llama.index, seed: 1)
      try scaling.save(to: directory + "/d")
      scaling.detach()
      #expect(
        try message(["a=" + root, "d=" + directory + "/d"], "a,d=2")
          == "adapters: d is not plain LoRA, and nothing else can be combined")
      // The same weights trained whole by both.
      for name in ["e", "f"] {
        let whole = try Adapter(
          name: name,
          LoRAConfiguration.make(targets: .names(["o_proj"])) { $0.modulesToSave = ["up_proj"] },
          attachingTo: llama.index, seed: name == "e" ? 1 : 2)
        for entry in whole.parameters where entry.name.contains("up_proj") {
          entry.parameter.replace(
            with: .random(entry.parameter.shape, seed: name == "e" ? 3 : 4))
        }
        try whole.save(to: directory + "/" + name)
        whole.detach()
      }
      #expect(
        try message(["e=\(directory)/e", "f=\(directory)/f"], "e,f").hasPrefix(
          "adapters: e and f both hold base_model.model.model.layers.0.mlp.up_proj.weight"))
      // By modality.
      try AtomicFile.write(
        #"{"adapters": {"image": "e"}}"#, to: directory + "/adapter_routing.json")
      #expect(
        try message(["a=" + root, "r=" + directory], "a,r").hasPrefix(
          "adapters: r acts by modality ("))
    }
  }

  @Test func textForms() {
    typealias Active = AdapterSelection.Active
    #expect(Active(text: "a") == Active(name: "a"))
    #expect(Active(text: "a=-0.5") == Active(name: "a", weight: -0.5))
    for wrong in ["", "=1", "a=", "a=x", "a=1=2", "a=nan", "a=inf"] {
      #expect(Active(text: wrong) == nil, "\(wrong)")
    }
    typealias Source = AdapterSelection.Source
    #expect(Source(text: "a=dir/x=y") == Source(name: "a", directory: "dir/x=y"))
    #expect(Source(text: "dir/a=b") == Source(directory: "dir/a=b"))
    #expect(AdapterCombination(text: "svd:3") == .svd(rank: 3))
    for wrong in ["", "svd:", "svd:0", "svd:x", "cat:1", "ties"] {
      #expect(AdapterCombination(text: wrong) == nil, "\(wrong)")
    }
  }
}
