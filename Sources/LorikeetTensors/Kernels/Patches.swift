// SPDX-License-Identifier: Apache-2.0

extension Kernels {
  /// Cuts pictures into square patches: `[images, 3, height, width]` to
  /// `[images x patches, 3 x size x size]`, patches row by row, channels outermost. What is left over
  /// at the right and lower edges is dropped.
  package static func patches(_ pixels: Tensor, size: Int) -> Tensor {
    precondition(pixels.shape.rank == 4 && size > 0, "patches: \(pixels.shape)")
    let (images, channels) = (pixels.shape[0], pixels.shape[1])
    let (height, width) = (pixels.shape[2], pixels.shape[3])
    let (rows, columns) = (height / size, width / size)
    let length = channels * size * size
    var result = Tensor(uninitialized: [images * rows * columns, length])
    result.withMutablePointer { output in
      pixels.withPointer { input in
        for image in 0..<images {
          for row in 0..<rows {
            for column in 0..<columns {
              let patch = output + ((image * rows + row) * columns + column) * length
              for channel in 0..<channels {
                for y in 0..<size {
                  let line = (image * channels + channel) * height + row * size + y
                  (patch + (channel * size + y) * size).update(
                    from: input + line * width + column * size, count: size)
                }
              }
            }
          }
        }
      }
    }
    return result
  }
}
