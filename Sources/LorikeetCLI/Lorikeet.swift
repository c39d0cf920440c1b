// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet
import Synchronization

// The command `lorikeet`: argument parsing and printing, nothing else. A subcommand is one file in
// Commands/ and one line in the list below; Support/ holds what they share.

@main
struct LorikeetTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lorikeet",
    abstract: "Adapts vision-language models on ordinary computers.",
    discussion: """
      Results go to standard output, progress and logs to standard error. Exit codes: 0 done, \
      1 the work failed, 2 wrong usage. The environment variable LORIKEET_THREADS sets the number \
      of threads where --threads does not.

      Examples:
        lorikeet debug tokenize --model smollm2 --text "A red apple."
        lorikeet help debug forward

      Shell completions, for bash (zsh and fish likewise):
        lorikeet --generate-completion-script bash > lorikeet.bash
        source lorikeet.bash
      """,
    version: "lorikeet \(Release.version)",
    subcommands: [
      Pull.self, Assemble.self, Finetune.self, Generate.self, Caption.self, Classify.self,
      Embed.self, Evaluate.self, Merge.self, Convert.self, Inspect.self, Bench.self, Debug.self,
    ])

  static func main() {
    MatrixProductEngine.endThreadsOfOpenBLAS()
    StandardOutput.ignoreClosedPipes()
    Interruption.watch()
    Memory.whenExhausted.withLock { $0 = { Failure.exit(ExhaustedMemory(bytes: $0)) } }
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      Failure.exit(error)
    }
  }
}
