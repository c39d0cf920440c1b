// SPDX-License-Identifier: Apache-2.0
// Calls into libpng and libjpeg that turn their longjmp errors into return values.
#ifndef LORIKEET_CODECS_H
#define LORIKEET_CODECS_H

#endif
