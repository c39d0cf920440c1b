// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetDatasets
import Testing

@Suite struct DatasetTests {
  @Test func labelsComeFromDirectories() throws {
    let scratch = try Scratch([
      "cat/1.png": "", "cat/deep/2.JPG": "", "dog/3.jpeg": "", "dog/notes.txt": "",
      ".git/4.png": "", "5.png": "",
    ])
    let set = try Dataset(path: scratch.path)
    #expect(set.samples.map(\.id) == ["cat/1.png", "cat/deep/2.JPG", "dog/3.jpeg"])
    #expect(set.samples.map(\.label) == ["cat", "cat", "dog"])
    #expect(set.samples.allSatisfy { $0.split == nil })
    #expect(set.missingImages().isEmpty)
  }

  @Test func splitsComeFromDirectories() throws {
    let scratch = try Scratch([
      "train/cat/1.png": "", "valid/cat/2.png": "", "test/dog/3.png": "", "README.md": "",
    ])
    let set = try Dataset(path: scratch.path)
    #expect(set.split("train").samples.map(\.id) == ["train/cat/1.png"])
    #expect(set.split("validation").samples.map(\.id) == ["valid/cat/2.png"])
    #expect(set.split("test").labels == ["dog"])
    #expect(set.splitCounts == ["train": 1, "validation": 1, "test": 1])
  }

  @Test func aClassMayBeCalledTrain() throws {
    let scratch = try Scratch(["train/1.png": "", "bus/2.png": ""])
    #expect(try Dataset(path: scratch.path).labels == ["bus", "train"])
  }

  /// A link up the tree leads to other classes and to itself; one to elsewhere is followed.
  @Test func linksUpTheTreeAreNotFollowed() throws {
    let elsewhere = try Scratch(["more/3.png": ""])
    let scratch = try Scratch(["cat/1.png": "", "dog/2.png": ""])
    for (link, target) in [
      ("self", "."), ("cat/up", ".."), ("dog/self", "."), ("lost", "lost"),
      ("dog/more", elsewhere.path + "/more"),
    ] {
      try FileManager.default.createSymbolicLink(
        atPath: scratch.path + "/" + link, withDestinationPath: target)
    }
    let set = try Dataset(path: scratch.path)
    #expect(set.samples.map(\.id) == ["cat/1.png", "dog/2.png", "dog/more/3.png"])
    #expect(set.samples.map(\.label) == ["cat", "dog", "dog"])
  }

  @Test func readsConversations() throws {
    let scratch = try Scratch([
      "images/a.png": "",
      "data.json": """
      [{"id": 1, "image": "a.png", "conversations": [
         {"from": "human", "value": "<image>\\nWhat is it?"}, {"from": "gpt", "value": "A boat."}]},
       {"id": 1, "conversations": [{"from": "user", "value": "Hi"},
         {"from": "assistant", "value": "Hello."}]}]
      """,
    ])
    let set = try Dataset(path: scratch.path + "/data.json")
    #expect(set.name == "data")
    #expect(
      set.samples == [
        Sample(
          id: "1", imagePath: scratch.path + "/images/a.png", text: "A boat.",
          conversation: [
            Turn(role: .user, text: "<image>\nWhat is it?"),
            Turn(role: .assistant, text: "A boat."),
          ]),
        Sample(
          id: "1#1", text: "Hello.",
          conversation: [
            Turn(role: .user, text: "Hi"), Turn(role: .assistant, text: "Hello."),
          ]),
      ])
  }

  @Test func readsCaptionsOfOneImageAsSamples() throws {
    let scratch = try Scratch([
      "captions.json": """
      {"images": [{"id": 9, "file_name": "x.jpg"}, {"id": 8, "file_name": "y.jpg"}],
       "annotations": [{"image_id": 8, "caption": " One. "}, {"image_id": 9, "caption": "Two."},
                       {"image_id": 8, "caption": "Three."}]}
      """
    ])
    let set = try Dataset(path: scratch.path + "/captions.json", imageDirectory: "/pictures")
    #expect(set.samples.map(\.id) == ["y.jpg", "x.jpg", "y.jpg#2"])
    #expect(set.samples.map(\.text) == ["One.", "Two.", "Three."])
    #expect(set.samples[2].imagePath == "/pictures/y.jpg")
  }

  @Test(arguments: [
    ("x.json", "nonsense", "x.json: not JSON: expected a LLaVA array or a COCO captions object"),
    ("x.json", "", "x.json: not JSON: expected a LLaVA array or a COCO captions object"),
    (
      "x.json", "[{",
      "x.json: not JSON: expected an array of {\"id\", \"image\", \"conversations\"}"
    ),
    ("x.json", "[]", "x.json: has no samples"),
    ("x.json", "[{\"id\": 1}]", "x.json: [0] has no conversations"),
    (
      "x.json", "[{\"conversations\": [{\"from\": \"me\", \"value\": \"\"}]}]",
      "x.json: [0].conversations has a turn from \"me\", expected human, gpt or system"
    ),
    (
      "x.json", "[{\"image\": \"../a\", \"conversations\": []}]",
      "x.json: file name \"../a\" leaves the data set's directory"
    ),
    (
      "x.json", "[{\"conversations\": []}]", "x.json: [0].conversations has no turn from gpt"
    ),
    ("x.json", "{\"images\": []}", "x.json: has no annotations"),
    ("x.json", "{\"images\": [], \"annotations\": []}", "x.json: has no captions"),
    (
      "x.json", "{\"images\": [], \"annotations\": [{\"image_id\": 4, \"caption\": \"\"}]}",
      "x.json: annotations[0] refers to image 4, which is not listed"
    ),
    (
      "x.json", "{\"images\": [{\"id\": 1}], \"annotations\": []}",
      "x.json: images[0] has no file_name"
    ),
  ])
  func refuses(name: String, text: String, expected: String) throws {
    #expect(try message([name: text], open: name) == expected)
  }

  /// A pipe that nobody writes to would be waited for, and a device never ends.
  @Test func refusesWhatIsNoFile() throws {
    let scratch = try Scratch(["a/metadata.jsonl": ""])
    let pipe = scratch.path + "/pipe.json"
    #expect(mkfifo(pipe, 0o600) == 0)
    try FileManager.default.removeItem(atPath: scratch.path + "/a/metadata.jsonl")
    #expect(mkfifo(scratch.path + "/a/metadata.jsonl", 0o600) == 0)
    for path in [pipe, "/dev/zero", scratch.path + "/a"] {
      let error = #expect(throws: DatasetError.self) { _ = try Dataset(path: path) }
      #expect(error?.description.hasSuffix(": is not a regular file") == true)
    }
  }

  @Test func saysWhatADirectoryLacks() throws {
    let expected =
      "ROOT: no data set found; expected metadata.jsonl or metadata.csv, a directory of pictures "
      + "for each class, or a LLaVA or COCO captions JSON file"
    #expect(try message(["a.txt": ""]) == expected)
    #expect(try message(["a/b.txt": ""]) == expected)
    #expect(
      try message(["a": ""], open: "b") == "b: cannot open: No such file or directory")
  }

  @Test func looksForPicturesOnlyWhenAsked() throws {
    let scratch = try Scratch(["metadata.jsonl": "{\"file_name\": \"gone.png\"}"])
    _ = try Dataset(path: scratch.path)
    #expect(
      throws: DatasetError.missingImage(file: scratch.path, image: scratch.path + "/gone.png")
    ) {
      try Dataset(path: scratch.path, verify: true)
    }
  }
}
