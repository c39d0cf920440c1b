// SPDX-License-Identifier: Apache-2.0

// Captioned and labelled picture sets.
//
// Start with `Dataset`: it opens a directory or a JSON file (`DatasetFormat` tells which kinds) and
// holds one `Sample` a line. `MetadataFile` reads and writes metadata.jsonl and metadata.csv,
// `ImageFolder` directories named by class, `ConversationFile` LLaVA's JSON, `CaptionFile` COCO's.
// `DatasetSplitting` divides a set by seed, keeping the groups that `NearDuplicates` finds on one
// side. `BatchSampler` gives the order of training, `MissingMask` the inputs that go missing.
// Pixels are not decoded here: a sample knows the path of its picture.
