// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetDatasets
import LorikeetEvaluation
import LorikeetTestSupport
import LorikeetVisionLanguage
import Testing

@Suite struct EvaluatorReportTests {
  private func write(
    _ options: EvaluationOptions, to directory: String, _ pipeline: Pipeline, _ dataset: Dataset
  ) throws -> (Evaluation, EvaluationResults) {
    let evaluation = try Evaluator(pipeline, options).run(on: dataset)
    let results = try evaluation.results(
      model: "tiny", adapter: "a", dataset: dataset.name, split: "test", resamples: 50)
    let page = EvaluationReport(
      evaluation, results, pictures: ReportPictures(processor: pipeline.processor.imageProcessor)
    ).report(shown: 5, footer: "footer")
    try EvaluationDirectory(directory).write(evaluation, results, page)
    return (evaluation, results)
  }

  @Test func theDirectoryHoldsEverything() throws {
    try withTinyEvaluation { pipeline, dataset, directory in
      var options = EvaluationOptions(task: .classify)
      let spec = try MissingSpec(image: 0.3, text: 0.7)
      options.missing = [spec, try MissingSpec(image: 1)]
      options.prunings = [nil, "fopru-rank:0.25"]
      options.shufflesImages = true
      let path = directory + "/report/"
      let (evaluation, results) = try write(options, to: path, pipeline, dataset)
      let files = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
      #expect(files == ["masks", "plots", "report.html", "results.json", "samples.jsonl"])
      let plots = try FileManager.default.contentsOfDirectory(atPath: path + "plots").sorted()
      #expect(
        plots == [
          "accuracy-against-missing-inputs.svg", "accuracy-against-time.svg",
          "accuracy-against-tokens-kept.svg",
        ])
      for plot in plots {
        let svg = try String(contentsOfFile: path + "plots/" + plot, encoding: .utf8)
        #expect(svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\""))
        #expect(TagChecker(svg).faults == [])
      }

      let data = try Data(contentsOf: URL(filePath: path + "results.json"))
      let read = try JSONDecoder().decode(EvaluationResults.self, from: data)
      #expect(read.conditions.map(\.name) == results.conditions.map(\.name))
      #expect(read.conditions.map(\.metrics) == results.conditions.map(\.metrics))
      let name = try #require(read.conditions[2].mask)
      #expect(
        try MissingMask(path: path + name, count: 10) == evaluation.masks[spec])

      let lines = try String(contentsOfFile: path + "samples.jsonl", encoding: .utf8)
        .split(separator: "\n")
      #expect(lines.count == 8 * 10)
      let objects = try lines.map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      let right = objects.prefix(10).count { $0["right"] as? Bool == true }
      #expect(Double(right) / 10 == results.conditions[0].value(.accuracy))
      #expect(objects.count { $0["missing_image"] as? Bool == true } == 2 * (3 + 10))
      #expect(objects[0]["id"] as? String == evaluation.samples[0].id)
      #expect(objects[0]["reference"] as? String == "vehicle")

      let page = try String(contentsOfFile: path + "report.html", encoding: .utf8)
      #expect(TagChecker(page).faults == [])
      for part in [
        "Missing inputs", "Pruned visual tokens", "Confusion", "Samples", "4 of 16 patches kept",
        "seconds a sample", "missing image=0.3,text=0.7",
      ] { #expect(page.contains(part), "\(part) is not in the report") }
      #expect(page.components(separatedBy: "<div class=\"frame\">").count == 6)
    }
  }

  @Test func captionsAreReported() throws {
    try withTinyEvaluation { pipeline, dataset, directory in
      var options = EvaluationOptions(task: .caption)
      options.maxTokens = 4
      options.shufflesImages = true
      let path = directory + "/new/report"
      let (_, results) = try write(options, to: path, pipeline, dataset)
      #expect(results.mainMetric == .cider)
      #expect(
        Set(results.conditions[0].metrics.keys) == [
          .loss, .perplexity, .bleu1, .bleu2, .bleu3, .bleu4, .rougeL, .cider,
        ])
      let loss = results.conditions[0].value(.loss)
      #expect(abs(results.conditions[0].value(.perplexity) - exp(loss)) < 1e-9 * exp(loss))
      let page = try String(contentsOfFile: path + "/report.html", encoding: .utf8)
      #expect(TagChecker(page).faults == [])
      #expect(page.contains("With the pictures shuffled"))
      #expect(!page.contains("Confusion"))
    }
  }

  @Test func anEarlierReportIsReplacedAndNothingElse() throws {
    try withTinyEvaluation { pipeline, dataset, directory in
      var options = EvaluationOptions(task: .classify)
      let path = directory + "/report"
      options.missing = [try MissingSpec(image: 1)]
      _ = try write(options, to: path, pipeline, dataset)
      options.missing = []
      _ = try write(options, to: path, pipeline, dataset)
      #expect(!FileManager.default.fileExists(atPath: path + "/masks"))
      let others = directory + "/others"
      try FileManager.default.createDirectory(atPath: others, withIntermediateDirectories: true)
      try "mine".write(toFile: others + "/notes.txt", atomically: true, encoding: .utf8)
      #expect(throws: EvaluationError.reportDirectory(path: others)) {
        try EvaluationDirectory(others).requireWritable()
      }
      #expect(throws: (any Error).self) {
        try EvaluationDirectory(others + "/notes.txt").requireWritable()
      }
      let left = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
      #expect(left == ["data", "model", "others", "report"])
    }
  }
}
